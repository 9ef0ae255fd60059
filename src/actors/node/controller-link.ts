// A compute member's way to the cluster: asks whichever controller it is connected to, and another one when that one
// fails, for as long as the deadline allows. Everything that is asked here is safe to repeat (router.ts). While there is
// no controller at all, an ask waits for one.
import type { AskOptions, Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { MemberId } from '#runtime/membership/store.ts';
import type {
  CommandCatalog,
  CommandNamed,
  EntityRef,
  ReplyOf,
} from '#runtime/message/protocol.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { RuntimeFault, type RuntimeFaultCode } from '#runtime/system/faults.ts';
import {
  type Lane,
  type Message,
  type Transport,
  TransportFault,
} from '#runtime/transport/port.ts';
import { answerOf, type BodyOf, controllerFaultIn, nodeMessage, type RequestType } from './wire.ts';

export interface RequestOptions {
  readonly deadlineMs: number;
  readonly lane?: Lane;
  readonly requestId?: string;
}

const DEFAULT_DEADLINE_MS = 30_000;
/** One controller has this long; a paused one must not use up the whole deadline. */
const TRY_MS = 5_000;
const FIRST_WAIT_MS = 50;
const MOST_WAIT_MS = 2_000;
/** A controller that starts, or has not heard of this member yet, refuses as well: a no counts when all repeat it. */
const REFUSED_ROUNDS = 3;
const REFUSED_WAIT_MS = 1_000;
/** Not handled there; the next controller may well do it. */
const elsewhere: ReadonlySet<string> = new Set<RuntimeFaultCode>([
  'moved',
  'stopped',
  'unavailable',
]);

export class ControllerLink implements Router {
  readonly #env: Env;
  readonly #transport: Transport;
  #preferred: MemberId | undefined;

  constructor(options: { readonly env: Env; readonly transport: Transport }) {
    this.#env = options.env;
    this.#transport = options.transport;
  }

  async ask<P extends CommandCatalog, T extends keyof P & string>(
    ref: EntityRef<P>,
    command: CommandNamed<P, T>,
    options: AskOptions,
  ): Promise<ReplyOf<P, T> | Refusal> {
    const { requestId, deadlineMs = DEFAULT_DEADLINE_MS } = options;
    const { kind, id } = ref;
    const body = { kind, id, command, deadlineMs: Math.min(deadlineMs, DEFAULT_DEADLINE_MS) };
    const answer = await this.request('node.ask', body, { deadlineMs, requestId });
    return answerOf('asked', answer).reply as ReplyOf<P, T> | Refusal;
  }

  /** What a controller answers; rejects with a RuntimeFault, `crashed` if they all refuse it. */
  async request<T extends RequestType>(
    type: T,
    body: BodyOf<T>,
    options: RequestOptions,
  ): Promise<unknown> {
    const untilMs = this.#env.clock.monotonic() + options.deadlineMs;
    const message = nodeMessage(type, body, options.requestId);
    const refused = new Set<MemberId>();
    let last: TransportFault | RuntimeFault | undefined;
    let rounds = 0;
    for (let tries = 0; ; ) {
      const leftMs = untilMs - this.#env.clock.monotonic();
      if (leftMs <= 0) throw endOf(type, options.deadlineMs, last);
      const controller = this.#choose(refused);
      if (controller === undefined) {
        if (refused.size === 0) await this.#linkUp(leftMs);
        else {
          rounds += 1;
          if (rounds >= REFUSED_ROUNDS && last !== undefined) throw refusedBy(type, last);
          refused.clear();
          await this.#pause(Math.min(leftMs, REFUSED_WAIT_MS));
        }
        continue;
      }
      const answer = await this.#try(controller, message, {
        deadlineMs: Math.min(leftMs, TRY_MS),
        ...(options.lane === undefined ? {} : { lane: options.lane }),
      });
      if (!('trouble' in answer)) return answer.value;
      last = answer.trouble;
      if (last.code === 'refused') refused.add(controller);
      this.turnAway();
      tries += 1;
      await this.#pause(Math.min(leftMs, FIRST_WAIT_MS * 2 ** tries, MOST_WAIT_MS));
    }
  }

  /** Trouble that another controller may not have; what none can mend is thrown. */
  async #try(
    controller: MemberId,
    message: Message,
    options: { readonly deadlineMs: number; readonly lane?: Lane },
  ): Promise<{ readonly value: unknown } | { readonly trouble: TransportFault | RuntimeFault }> {
    try {
      const value = await this.#transport.ask(controller, message, options);
      const fault = controllerFaultIn(value);
      if (fault === undefined) return { value };
      if (!elsewhere.has(fault.code)) throw fault;
      return { trouble: fault };
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      if (error.code === 'closed') throw new RuntimeFault('stopped', error.message);
      return { trouble: error };
    }
  }

  /** The controller that was asked last is no good: the next question goes to another one, if there is one. */
  turnAway(): void {
    const others = this.#connected().filter((id) => id !== this.#preferred);
    this.#preferred = this.#pick(others) ?? this.#preferred;
  }

  /** One stays the same while it answers: what it has told before fits what it tells next. */
  #choose(refused: ReadonlySet<MemberId>): MemberId | undefined {
    const willing = this.#connected().filter((id) => !refused.has(id));
    if (this.#preferred === undefined || !willing.includes(this.#preferred))
      this.#preferred = this.#pick(willing);
    return this.#preferred;
  }

  /** By chance, so that many members do not all ask the same controller. */
  #pick(ids: readonly MemberId[]): MemberId | undefined {
    return ids.length < 2 ? ids[0] : ids[Math.floor(this.#env.random.float() * ids.length)];
  }

  #connected(): readonly MemberId[] {
    return [...this.#transport.connected()].sort();
  }

  /** Resolves when a link comes up, or after the time. */
  #linkUp(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        unsubscribe();
        resolve();
      };
      const cancel = this.#env.timers.after(withinMs, end);
      const unsubscribe = this.#transport.onLink(({ type }) => {
        if (type === 'up') end();
      });
    });
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#env.timers.after(waitMs, resolve);
    });
  }
}

function endOf(
  type: string,
  deadlineMs: number,
  last: TransportFault | RuntimeFault | undefined,
): RuntimeFault {
  if (last instanceof RuntimeFault) return last;
  const why = last === undefined ? 'no controller is connected' : last.message;
  const message = `no controller answered ${type} within ${deadlineMs} ms: ${why}`;
  return new RuntimeFault('timeout', message, { cause: last });
}

function refusedBy(type: string, last: TransportFault | RuntimeFault): RuntimeFault {
  return new RuntimeFault('crashed', `the controllers refuse ${type}: ${last.message}`, {
    cause: last,
  });
}
