// The simulated network: members of one process that talk through the same links as production, on virtual time. All
// chance comes from one Env, so equal seeds give equal runs. It can delay, lose, repeat and reorder frames, cut any
// direction between any two members, slow a link down, break it under way, and take members away without a goodbye.
// Silence is known to the network (2 s, as pings would find it), which saves the pings.
import { assert } from '../../assert.ts';
import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import { decodeValue, encodeValue } from '../codec.ts';
import { Hub } from '../hub.ts';
import type { TransportLimits } from '../limits.ts';
import {
  TransportFault,
  type AskOptions,
  type Message,
  type Peer,
  type Transport,
} from '../port.ts';
import type { Connector } from '../wire.ts';
import { wordsOf } from '../words.ts';
import { Connection, type Side } from './connection.ts';
import { noFaults, type NetworkFaults } from './faults.ts';
import { Flow } from './flow.ts';

export interface MemoryNetworkOptions {
  /** Of the world, not of a member: its clock, timers and chance. */
  readonly env: Env;
  readonly faults?: Partial<NetworkFaults>;
}

export interface JoinOptions {
  /** False: it has no address; others can't dial it. Default true. */
  readonly isListening?: boolean;
  readonly limits?: Partial<TransportLimits>;
}

/** What is left of a dead member: a closed port answers at once, a dark machine not at all. */
export type Death = 'process' | 'machine';

export interface MemoryNetwork {
  /** A member that has the same id and is still here is killed first. */
  join(id: MemberId, env: Env, incarnation: number, options?: JoinOptions): Transport;
  /** Takes a member away without a goodbye; to be called along with the end of its Env. */
  kill(id: MemberId, how?: Death): void;
  /** Mute but not gone: others find it silent. Its Env has to hold its timers meanwhile. */
  pause(id: MemberId): void;
  resume(id: MemberId): void;
  setFaults(faults: Partial<NetworkFaults>): void;
  /** Nothing gets from one to the other until it is healed. */
  cut(from: MemberId, to: MemberId): void;
  /** Cuts every pair that is not within one of the groups, both ways. Those in no group keep all their links. */
  partition(groups: readonly (readonly MemberId[])[]): void;
  heal(from: MemberId, to: MemberId): void;
  /** All cuts, slow links and pauses end; faults stay as they are set. */
  healAll(): void;
  /** Breaks what links the two have; what was under way may have arrived or not. */
  breakLink(one: MemberId, other: MemberId): void;
  /** Bytes per ms from one to the other; Infinity: fast again. */
  setRate(from: MemberId, to: MemberId, bytesPerMs: number): void;
  isCut(from: MemberId, to: MemberId): boolean;
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new Network(options);
}

/** How long silence lasts until a link is given up: as three missed pings, 500 ms apart, and the next one. */
const silenceMs = 2000;
/** How long a dial into silence takes. */
const dialTimeoutMs = 1000;
const addressPrefix = 'memory:';

interface Member {
  readonly id: MemberId;
  readonly env: Env;
  readonly hub: Hub;
  isListening: boolean;
}

const way = (from: MemberId, to: MemberId): string => `${from} > ${to}`;

class Network implements MemoryNetwork {
  readonly #env: Env;
  readonly #members = new Map<MemberId, Member>();
  readonly #connections = new Set<Connection>();
  /** Each with a number, so that a cut that was healed and made again is another one. */
  readonly #cuts = new Map<string, number>();
  readonly #rates = new Map<string, number>();
  readonly #paused = new Map<MemberId, number>();
  readonly #dark = new Set<MemberId>();
  #faults: NetworkFaults;
  #lastCut = 0;

  constructor({ env, faults }: MemoryNetworkOptions) {
    this.#env = env;
    this.#faults = { ...noFaults, ...faults };
  }

  join(id: MemberId, env: Env, incarnation: number, options: JoinOptions = {}): Transport {
    const { isListening = true, limits } = options;
    if (this.#members.has(id)) this.kill(id);
    this.#dark.delete(id);
    this.#paused.delete(id);
    const hub = new Hub({
      env,
      self: id,
      incarnation,
      ...(limits === undefined ? {} : { limits }),
      gather: (fn) => queueMicrotask(fn),
      hasPulse: false,
    });
    const member = { id, env, hub, isListening };
    hub.use(this.#connectorOf(member));
    this.#members.set(id, member);
    return hub;
  }

  kill(id: MemberId, how: Death = 'process'): void {
    if (!this.#members.delete(id)) return;
    this.#paused.delete(id);
    if (how === 'machine') this.#dark.add(id);
    for (const connection of this.#of(id)) {
      const delayMs = how === 'machine' ? silenceMs : this.#delayMs();
      connection.breakAtOther(id, how === 'machine' ? silence : 'connection reset', delayMs);
      this.#connections.delete(connection);
    }
  }

  pause(id: MemberId): void {
    this.#lastCut += 1;
    const number = this.#lastCut;
    this.#paused.set(id, number);
    this.#env.timers.after(silenceMs, () => {
      if (this.#paused.get(id) !== number) return;
      for (const connection of this.#of(id)) connection.breakAtOther(id, silence, 0);
    });
  }

  resume(id: MemberId): void {
    this.#paused.delete(id);
  }

  setFaults(faults: Partial<NetworkFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  cut(from: MemberId, to: MemberId): void {
    if (from === to || this.isCut(from, to)) return;
    this.#lastCut += 1;
    const number = this.#lastCut;
    this.#cuts.set(way(from, to), number);
    this.#env.timers.after(silenceMs, () => {
      if (this.#cuts.get(way(from, to)) !== number) return;
      for (const connection of this.#connections)
        if (connection.joins(from, to)) connection.silence(to);
    });
  }

  partition(groups: readonly (readonly MemberId[])[]): void {
    for (const group of groups)
      for (const other of groups)
        if (group !== other) for (const from of group) for (const to of other) this.cut(from, to);
  }

  heal(from: MemberId, to: MemberId): void {
    if (!this.#cuts.delete(way(from, to))) return;
    for (const connection of this.#connections)
      if (connection.joins(from, to)) connection.release();
  }

  healAll(): void {
    this.#cuts.clear();
    this.#rates.clear();
    this.#paused.clear();
    for (const connection of this.#connections) connection.release();
  }

  breakLink(one: MemberId, other: MemberId): void {
    for (const connection of this.#connections)
      if (connection.joins(one, other)) connection.break('connection reset', () => this.#delayMs());
  }

  setRate(from: MemberId, to: MemberId, bytesPerMs: number): void {
    assert(bytesPerMs > 0, `a link carries more than ${bytesPerMs} bytes per ms`);
    this.#rates.set(way(from, to), bytesPerMs);
  }

  isCut(from: MemberId, to: MemberId): boolean {
    return this.#cuts.has(way(from, to));
  }

  #of(id: MemberId): readonly Connection[] {
    return [...this.#connections].filter((connection) => connection.has(id));
  }

  #delayMs(): number {
    const [leastMs, mostMs] = this.#faults.delayMs;
    return leastMs + this.#env.random.float() * (mostMs - leastMs);
  }

  #connectorOf(member: Member): Connector {
    return {
      addresses: () => (member.isListening ? [`${addressPrefix}${member.id}`] : []),
      admit: () => undefined,
      connect: (peer) => this.#connect(member, peer),
      askStranger: (addresses, message, options) =>
        this.#askStranger(member, { addresses, message, options }),
      close: async () => this.#leave(member),
    };
  }

  /** After a goodbye, unlike `kill`. */
  #leave(member: Member): void {
    if (this.#members.get(member.id) === member) this.#members.delete(member.id);
  }

  /** Who answers there; rejects after as long as a real dial would take. */
  async #reach(from: Member, id: MemberId): Promise<Member> {
    const isReachable = (): boolean =>
      !this.isCut(from.id, id) &&
      !this.isCut(id, from.id) &&
      !this.#dark.has(id) &&
      !this.#paused.has(id) &&
      !this.#paused.has(from.id);
    if (!isReachable()) {
      await pass(from.env, dialTimeoutMs);
      throw new Error(`no answer within ${dialTimeoutMs} ms`);
    }
    // There and back again, twice: as long as a handshake takes.
    await pass(from.env, 2 * (this.#delayMs() + this.#delayMs()));
    const target = this.#members.get(id);
    if (target === undefined || !target.isListening) throw new Error('connection refused');
    if (!isReachable()) throw new Error('no answer');
    return target;
  }

  async #connect(from: Member, { id }: Peer): Promise<void> {
    const target = await this.#reach(from, id);
    if (this.#members.get(from.id) !== from) throw new Error('this member is gone');
    const connection = new Connection({
      dialler: sideOf(from),
      listener: sideOf(target),
      flowOf: (sender, receiver) => this.#flowOf(sender, receiver, () => connection),
      isCut: (one, other) => this.isCut(one, other),
      silenceMs,
      onEnd: (ended) => void this.#connections.delete(ended),
    });
    this.#connections.add(connection);
    if (connection.open()) return;
    this.#connections.delete(connection);
    throw new Error('the other side does not count this member among its peers');
  }

  #flowOf(sender: Side, receiver: Side, connectionOf: () => Connection): Flow {
    return new Flow({
      sender: sender.env,
      receiver: receiver.env,
      chance: () => this.#env.random.float(),
      faults: () => this.#faults,
      rate: () => this.#rates.get(way(sender.id, receiver.id)) ?? Number.POSITIVE_INFINITY,
      isCut: () => this.isCut(sender.id, receiver.id),
      onLoss: () =>
        void this.#env.timers.after(silenceMs, () =>
          connectionOf().break('a frame was lost', () => this.#delayMs()),
        ),
    });
  }

  async #askStranger(
    from: Member,
    asked: {
      readonly addresses: readonly string[];
      readonly message: Message;
      readonly options: AskOptions;
    },
  ): Promise<unknown> {
    const { addresses, message, options } = asked;
    const fault = new TransportFault(
      'timeout',
      `no answer to ${message.type} from ${addresses.join(', ')} within ${options.deadlineMs} ms`,
    );
    return new Promise((resolve, reject) => {
      const cancel = from.env.timers.after(options.deadlineMs, () => reject(fault));
      void this.#answerOfFirst(from, addresses, message).then(resolve, reject).finally(cancel);
    });
  }

  async #answerOfFirst(
    from: Member,
    addresses: readonly string[],
    message: Message,
  ): Promise<unknown> {
    let reason = 'no address was given';
    for (const address of addresses) {
      const id = address.slice(addressPrefix.length);
      let target: Member;
      try {
        target = await this.#reach(from, id);
      } catch (cause) {
        reason = `${address}: ${wordsOf(cause)}`;
        continue;
      }
      const answer = target.hub.stranger();
      if (answer === undefined) {
        reason = `${address}: it answers no strangers`;
        continue;
      }
      const question = decodeValue(encodeValue(message)) as Message;
      const value = await answer({ ...question, from: from.id, lane: 'control' }).catch(
        (cause: unknown) => {
          throw new TransportFault('refused', wordsOf(cause), { cause });
        },
      );
      await pass(from.env, this.#delayMs());
      return decodeValue(encodeValue(value));
    }
    throw new TransportFault('unreachable', `${message.type} was not sent: ${reason}`);
  }
}

const silence = `no sign of life for ${silenceMs} ms`;

const sideOf = ({ id, env, hub }: Member): Side => ({
  id,
  env,
  accept: (wire) => hub.accept(wire),
});

function pass(env: Env, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    env.timers.after(delayMs, resolve);
  });
}
