// Asks an entity wherever it lives: here, or at the shard's owner over the transport. While a shard has no owner, or
// changes it, the ask waits and is made again, for as long as its deadline allows; commands are safe to repeat
// (router.ts). When the store is away nobody can take anything over, so the asker hears it at once.
import type { Env } from '../env/env.ts';
import type { EntityKey } from '../journal/port.ts';
import type { Membership } from '../membership/membership.ts';
import type { MemberId } from '../membership/store.ts';
import type { CommandCatalog, CommandNamed, EntityRef, ReplyOf } from '../message/protocol.ts';
import type { Refusal } from '../message/refusal.ts';
import { isRuntimeFault, RuntimeFault } from '../system/faults.ts';
import { type Transport, TransportFault } from '../transport/port.ts';
import { type EntityAnswer, entityAsk } from './entity-messages.ts';
import type { EntityHost } from './host.ts';
import type { AskOptions, Router } from './router.ts';
import type { ShardOwner } from './shard-owner.ts';

export interface ClusterRouterOptions {
  readonly env: Env;
  readonly local: EntityHost;
  readonly shards: ShardOwner;
  readonly membership: Membership;
  readonly transport: Transport;
}

const DEFAULT_DEADLINE_MS = 30_000;
/**
 * While an ask waits for an owner, it looks again after the first time, and then less and less often: a shard that is
 * handed over is there within milliseconds, and nobody tells the askers when its new owner is ready. Many that wait look
 * less often still, `each` for one of them: all together must not keep this process, and those that it asks, busy.
 */
const LOOK_MS = { first: 4, longest: 100, each: 0.5, longestOfMany: 1_000 } as const;
/** Asks on their way through here; more are turned away. */
const MOST_UNDER_WAY = 20_000;

interface Ask {
  readonly key: EntityKey;
  readonly kind: string;
  readonly id: string;
  readonly command: { readonly type: string };
  readonly requestId: string;
  readonly untilMs: number;
}

/** Answered, or to be asked again. */
type Attempt = { readonly reply: unknown } | undefined;

export class ClusterRouter implements Router {
  readonly #options: ClusterRouterOptions;
  #underWay = 0;
  #waiting = 0;

  constructor(options: ClusterRouterOptions) {
    this.#options = options;
  }

  async ask<P extends CommandCatalog, T extends keyof P & string>(
    ref: EntityRef<P>,
    command: CommandNamed<P, T>,
    options: AskOptions,
  ): Promise<ReplyOf<P, T> | Refusal> {
    const key: EntityKey = `${ref.kind}/${ref.id}`;
    if (this.#underWay >= MOST_UNDER_WAY)
      throw new RuntimeFault('overloaded', `${this.#underWay} commands are under way; try later`);
    const untilMs =
      this.#options.env.clock.monotonic() + (options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    const { kind, id } = ref;
    this.#underWay += 1;
    try {
      const { requestId } = options;
      return (await this.#untilAnswered({ key, kind, id, command, requestId, untilMs })) as
        | ReplyOf<P, T>
        | Refusal;
    } finally {
      this.#underWay -= 1;
    }
  }

  async #untilAnswered(ask: Ask): Promise<unknown> {
    const { shards, membership, env } = this.#options;
    const shard = shards.shardOf(ask.key);
    for (let lookMs: number = LOOK_MS.first; ; lookMs = Math.min(2 * lookMs, this.#longestMs)) {
      const attempt = await this.#attempt(ask, shard);
      if (attempt !== undefined) return attempt.reply;
      if (membership.isStoreAway)
        throw new RuntimeFault('unavailable', `${ask.key} can't be changed: the store is away`);
      const leftMs = ask.untilMs - env.clock.monotonic();
      if (leftMs <= 0)
        throw new RuntimeFault('timeout', `${ask.key} had no owner that answered in time`);
      this.#waiting += 1;
      await shards.changed(Math.min(lookMs, leftMs));
      this.#waiting -= 1;
    }
  }

  get #longestMs(): number {
    const { longest, each, longestOfMany } = LOOK_MS;
    return Math.min(Math.max(longest, each * this.#waiting), longestOfMany);
  }

  #attempt(ask: Ask, shard: number): Promise<Attempt> {
    const { shards, membership } = this.#options;
    const owner = shards.ownerOf(shard);
    if (owner === undefined) return Promise.resolve(undefined);
    if (owner !== membership.self) return this.#askThere(ask, owner);
    return shards.isServing(shard) ? this.#askHere(ask) : Promise.resolve(undefined);
  }

  async #askHere({ kind, id, command, requestId, untilMs }: Ask): Promise<Attempt> {
    const { local, env } = this.#options;
    try {
      const deadlineMs = Math.max(1, untilMs - env.clock.monotonic());
      return { reply: await local.ask({ kind, id }, command, { requestId, deadlineMs }) };
    } catch (error) {
      if (isRuntimeFault(error, 'moved')) return undefined;
      throw error;
    }
  }

  async #askThere(ask: Ask, owner: MemberId): Promise<Attempt> {
    const { transport, env, local, shards } = this.#options;
    const { kind, id, command, requestId } = ask;
    const deadlineMs = Math.max(1, ask.untilMs - env.clock.monotonic());
    let answer: EntityAnswer;
    try {
      const via = this.#wayTo(owner);
      const body = { kind, id, command, deadlineMs, mayPassOn: via !== owner };
      answer = (await transport.ask(via, entityAsk(body, requestId), {
        deadlineMs,
      })) as EntityAnswer;
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      if (error.code === 'unreachable' || error.code === 'disconnected') return undefined;
      throw routerFault(error, ask.key);
    }
    if (answer.type === 'moved') {
      shards.learn([answer.row]);
      return undefined;
    }
    if (answer.type === 'fault')
      throw new RuntimeFault(answer.code, answer.message, { retryable: answer.retryable });
    // What this answer is about shows in the states here before anybody hears of it.
    await local.reached(answer.position, Math.max(1, ask.untilMs - env.clock.monotonic()));
    return { reply: answer.reply };
  }

  /** The owner itself, or when it can't be reached from here, another controller that may reach it. */
  #wayTo(owner: MemberId): MemberId {
    const { transport, membership } = this.#options;
    if (transport.isConnected(owner)) return owner;
    const others = membership
      .stayingControllers()
      .filter((id) => id !== membership.self && transport.isConnected(id));
    return others[Math.floor(this.#options.env.random.float() * others.length)] ?? owner;
  }
}

function routerFault(fault: TransportFault, key: EntityKey): RuntimeFault {
  const code =
    fault.code === 'timeout'
      ? 'timeout'
      : fault.code === 'overloaded'
        ? 'overloaded'
        : fault.code === 'closed'
          ? 'stopped'
          : 'unavailable';
  return new RuntimeFault(code, `${key}: ${fault.message}`, { cause: fault });
}
