// What an actor is to those who write and those who use one: references, messages, handlers, supervision.
// Types only; cell.ts makes them work.
import type { Env } from '../env/env.ts';

/** Names a living actor. A reference for more kinds of messages may stand for one for fewer, never the reverse. */
export interface ActorRef<in M> {
  /** Unique in its system, never used again. */
  readonly id: number;
  readonly name: string;
  /** Names from the root down, for people. */
  readonly path: string;
  /** Messages accepted and not yet done, the one being handled included. */
  readonly backlog: number;
  /** False if the mailbox is full or the actor has stopped; the message is then a dead letter. */
  tell(message: M): boolean;
  /**
   * Sends the message that `build` makes and waits for the reply it carries. Rejects with a RuntimeFault: at once
   * `overloaded` or `stopped`; `crashed` or `stopped` as soon as that happens before the reply; `timeout` at the deadline.
   */
  ask<R>(build: (reply: Reply<R>) => M, options: { readonly deadlineMs: number }): Promise<R>;
}

/** Answers an ask; calls after the first do nothing. */
export interface Reply<R> {
  (answer: R): void;
  fail(error: unknown): void;
}

/** Any reference: what stop and watch take. */
export type AnyActorRef = ActorRef<never>;

export interface ActorContext<M> {
  readonly self: ActorRef<M>;
  readonly env: Env;
  /** Spawns a child: it stops before this actor does, and its failure may become this actor's. */
  spawn<C>(options: SpawnOptions<C>): ActorRef<C>;
  /** Stops this actor after the message in hand. (Awaiting one's own stop in a handler would wait for itself.) */
  stop(): void;
}

export interface Supervision {
  /** More crashes than this within the window, and the actor has failed. Default 5. */
  readonly maxRestarts?: number;
  /** Default 60 000. */
  readonly windowMs?: number;
  /** Wait before the first restart; doubles with each in the window, with jitter, up to 30 s. Default 100. */
  readonly backoffMs?: number;
  /** A failed actor stops; `escalate` (default) also crashes its parent, or tells the fault listeners at the root. */
  readonly whenExhausted?: 'escalate' | 'stop';
}

/**
 * Handlers run one at a time per actor, in the order of the messages; a returned promise is waited for.
 * What they throw is a crash: the message is lost, children are stopped, and the actor is restarted.
 */
export interface SpawnOptions<M> {
  /** For people and logs; need not be unique. */
  readonly name: string;
  readonly handler: (message: M, context: ActorContext<M>) => void | Promise<void>;
  readonly parent?: AnyActorRef;
  /** Bound of the mailbox. Default 1000. */
  readonly capacity?: number;
  readonly supervision?: Supervision;
  /** Runs before the first message. */
  readonly onStart?: (context: ActorContext<M>) => void | Promise<void>;
  /** Makes the state good again after a crash, before the next message. Default: onStart. */
  readonly onRestart?: (error: unknown, context: ActorContext<M>) => void | Promise<void>;
  /** Runs once, after the children have stopped and the last handler has returned; not after a simulated crash. */
  readonly onStop?: () => void | Promise<void>;
}

/** How an actor ended. */
export type Termination =
  | { readonly reason: 'stopped' }
  | { readonly reason: 'failed'; readonly error: unknown };

/** A crash or failure, as the system's fault listeners hear of it. */
export interface ActorFault {
  readonly path: string;
  /** restarting: one crash. failed: too many, the actor stops. hung: it did not stop in time and was cut off. */
  readonly kind: 'restarting' | 'failed' | 'hung';
  /** A failure that crashes the parent, whose supervision goes on from there. */
  readonly isEscalated: boolean;
  readonly error: unknown;
}
