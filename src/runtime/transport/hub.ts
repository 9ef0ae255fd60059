// The transport of one member, but for what differs between adapters (wire.ts): who may have a link, at most one link
// per peer, the handler, the listeners, the pulse of all links. Of two links to one peer both sides keep the same one.
import { assert } from '../assert.ts';
import type { Cancel, Env } from '../env/env.ts';
import type { MemberId } from '../membership/store.ts';
import { Dialler } from './dialler.ts';
import { defaultLimits, type TransportLimits } from './limits.ts';
import { Link, type LinkEnd } from './link.ts';
import {
  TransportFault,
  type AskOptions,
  type Hello,
  type Lane,
  type LinkEvent,
  type Message,
  type MessageHandler,
  type Peer,
  type Received,
  type Transport,
} from './port.ts';
import type { Connector, Wire, WireEvents, WireHost } from './wire.ts';
import { wordsOf } from './words.ts';

export interface HubOptions {
  readonly env: Env;
  readonly self: MemberId;
  /** Has to grow with each start of this member. */
  readonly incarnation: number;
  readonly limits?: Partial<TransportLimits>;
  /** Calls `fn` once the messages of this moment are gathered. Default: in a later macrotask. */
  readonly gather?: (fn: () => void) => void;
  /** False if the adapter itself finds silent peers. Default true. */
  readonly hasPulse?: boolean;
}

/** Of one peer; more are a flood. */
const mostGreetings = 4;
/** Ids whose misdeeds are remembered, so that each is told once. */
const mostNoted = 1000;

export class Hub implements Transport, WireHost {
  readonly self: MemberId;
  readonly #options: HubOptions;
  readonly #limits: TransportLimits;
  readonly #dialler: Dialler;
  readonly #links = new Map<MemberId, Link>();
  readonly #greeting = new Map<Link, Cancel>();
  readonly #newest = new Map<MemberId, number>();
  readonly #noted = new Set<string>();
  readonly #listeners = new Set<(event: LinkEvent) => void>();
  #peers: ReadonlyMap<MemberId, Peer> = new Map();
  #connector: Connector | undefined;
  #handler: MessageHandler | undefined;
  #strangerHandler: MessageHandler | undefined;
  #cancelPulse: Cancel = () => undefined;
  #isClosed = false;

  constructor(options: HubOptions) {
    const { env, self, limits, hasPulse = true } = options;
    this.self = self;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...limits };
    this.#dialler = new Dialler({
      env,
      self,
      limits: this.#limits,
      hasAddresses: () => this.addresses().length > 0,
      connect: (peer) => this.#connectorInUse().connect(peer),
      onFailure: (peer, cause) => this.#noteFailure(peer, cause),
    });
    if (hasPulse) this.#pulseLater();
  }

  /** To be called once, before the transport is handed out. */
  use(connector: Connector): void {
    this.#connector = connector;
  }

  get limits(): TransportLimits {
    return this.#limits;
  }

  addresses(): readonly string[] {
    return this.#connectorInUse().addresses();
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#isClosed) return;
    const wanted = peers.filter((peer) => peer.id !== this.self);
    this.#peers = new Map(wanted.map((peer) => [peer.id, peer]));
    for (const id of this.#newest.keys()) if (!this.#peers.has(id)) this.#newest.delete(id);
    this.#connectorInUse().admit(this.#peers);
    for (const link of [...this.#links.values(), ...this.#greeting.keys()])
      if (!this.#peers.has(link.peer)) link.cut('no peer any more');
    this.#dialler.setPeers(this.#peers);
  }

  connected(): readonly MemberId[] {
    return [...this.#links.keys()];
  }

  isConnected(peer: MemberId): boolean {
    return this.#links.has(peer);
  }

  tell(to: MemberId, message: Message, lane: Lane = 'control'): boolean {
    return this.#links.get(to)?.tell(message, lane) ?? false;
  }

  async ask(to: MemberId, message: Message, options: AskOptions): Promise<unknown> {
    if (this.#isClosed) throw this.#closed(message.type);
    const link = this.#links.get(to);
    if (link === undefined)
      throw new TransportFault(
        'unreachable',
        `${message.type} was not sent: there is no link to member ${to} at the moment; ask again`,
      );
    return link.ask(message, options);
  }

  onMessage(handler: MessageHandler): void {
    assert(this.#handler === undefined, 'the handler of messages is set once');
    this.#handler = handler;
  }

  onStranger(handler: MessageHandler): void {
    this.#strangerHandler = handler;
  }

  async askStranger(
    addresses: readonly string[],
    message: Message,
    options: AskOptions,
  ): Promise<unknown> {
    if (this.#isClosed) throw this.#closed(message.type);
    return this.#connectorInUse().askStranger(addresses, message, options);
  }

  onLink(listener: (event: LinkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelPulse();
    this.#dialler.close();
    for (const link of [...this.#links.values(), ...this.#greeting.keys()])
      link.cut('its side is closing', 'closed');
    await this.#connectorInUse().close();
  }

  isPeer(id: MemberId): boolean {
    return !this.#isClosed && this.#peers.has(id);
  }

  stranger(): ((question: Received) => Promise<unknown>) | undefined {
    const handler = this.#strangerHandler;
    return handler === undefined || this.#isClosed
      ? undefined
      : async (question) => handler(question);
  }

  accept(wire: Wire): WireEvents | undefined {
    if (!this.isPeer(wire.peer)) {
      this.noteOnce(wire.peer, 'it is no peer of this member, or no longer');
      return undefined;
    }
    const greetings = [...this.#greeting.keys()].filter((link) => link.peer === wire.peer);
    if (greetings.length >= mostGreetings) return undefined;
    const { env, self, incarnation, gather = (fn) => void env.timers.soon(fn) } = this.#options;
    const link = new Link({
      env,
      wire,
      self,
      incarnation,
      limits: this.#limits,
      gather,
      handler: (message) => this.#handle(message),
      onUp: (up, hello) => this.#goUp(up, hello),
      onEnd: (ended, end) => this.#goDown(ended, end),
    });
    const overdue = (): void => link.cut(`no greeting within ${this.#limits.greetingMs} ms`);
    this.#greeting.set(link, env.timers.after(this.#limits.greetingMs, overdue));
    link.greet();
    return link;
  }

  /** Says once per id what is wrong with it; a link that comes up makes it news again. */
  noteOnce(id: MemberId, what: string): void {
    const note = `${id}: ${what}`;
    if (this.#noted.has(note) || this.#isClosed) return;
    if (this.#noted.size >= mostNoted) this.#noted.clear();
    this.#noted.add(note);
    this.#options.env.log.warn({ peer: id, reason: what }, 'a connection was refused or cut');
  }

  #handle(message: Received): unknown {
    if (this.#handler === undefined) throw new Error('this member takes no messages yet');
    return this.#handler(message);
  }

  #goUp(link: Link, hello: Hello): void {
    const { peer } = link;
    this.#endGreeting(link);
    const newest = this.#newest.get(peer) ?? 0;
    if (hello.incarnation < newest) {
      this.noteOnce(peer, `start ${hello.incarnation} of it is older than start ${newest}`);
      link.cut(`a newer start of this member (${newest}) is known`);
      return;
    }
    const other = this.#links.get(peer);
    if (other !== undefined && this.#isKept(other, link, hello)) {
      link.cut('there is a link already');
      return;
    }
    this.#newest.set(peer, hello.incarnation);
    other?.cut('a newer link takes its place');
    this.#links.set(peer, link);
    this.#dialler.linked(peer);
    for (const note of this.#noted) if (note.startsWith(`${peer}: `)) this.#noted.delete(note);
    this.#options.env.log.debug({ peer, hello }, 'link up');
    this.#emit({ type: 'up', peer, hello });
  }

  /** Of two links to the same start of a peer, the one that the smaller id dialled stays; else the newer one. */
  #isKept(existing: Link, added: Link, hello: Hello): boolean {
    const isRightful = (link: Link): boolean => link.isDialled === this.self < link.peer;
    return (
      existing.hello?.incarnation === hello.incarnation &&
      isRightful(existing) &&
      !isRightful(added)
    );
  }

  #goDown(link: Link, { reason, isFoul }: LinkEnd): void {
    const { peer } = link;
    this.#endGreeting(link);
    if (isFoul) this.noteOnce(peer, reason);
    const wasUp = this.#links.get(peer) === link;
    if (wasUp) {
      this.#links.delete(peer);
      this.#options.env.log.debug({ peer, reason }, 'link down');
      this.#emit({ type: 'down', peer, reason });
    }
    if (!this.#links.has(peer)) this.#dialler.unlinked(peer, isFoul);
  }

  #endGreeting(link: Link): void {
    this.#greeting.get(link)?.();
    this.#greeting.delete(link);
  }

  #emit(event: LinkEvent): void {
    for (const listener of this.#listeners)
      try {
        listener(event);
      } catch (cause) {
        this.#options.env.log.error({ err: cause, event }, 'a listener of links failed');
      }
  }

  #pulseLater(): void {
    this.#cancelPulse = this.#options.env.timers.after(this.#limits.pingMs, () => {
      this.#pulseLater();
      for (const link of this.#links.values()) link.pulse();
    });
  }

  #noteFailure({ id, addresses }: Peer, cause: unknown): void {
    if (this.#noted.has(`${id}: unreachable`) || this.#isClosed) return;
    this.#noted.add(`${id}: unreachable`);
    const reason = wordsOf(cause);
    this.#options.env.log.warn({ peer: id, addresses, reason }, 'a peer is not reached; trying on');
  }

  #connectorInUse(): Connector {
    assert(this.#connector !== undefined, 'a transport is used after its adapter is in place');
    return this.#connector;
  }

  #closed(type: string): TransportFault {
    return new TransportFault('closed', `${type} was not sent: this transport is closed`);
  }
}
