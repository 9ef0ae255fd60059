// Messages between members: one link per pair, found and kept by the transport. A message arrives at most once and in
// order on its lane while a link lives; after a break nothing is known of what was under way. Who needs more (commands,
// which must arrive) asks again; who can't answer twice drops repeats by id. Adapters: memory (simulation, with
// faults), libp2p, redis (streams, for members that can't reach each other); one contract suite: test/contract/transport.
import type { MemberId } from '../membership/store.ts';

/** control: commands, answers, membership. bulk: telemetry and anything large; it never delays control. */
export type Lane = 'control' | 'bulk';

/** What is sent. The body is plain data: what msgpack carries unchanged (no functions, classes, or undefined in lists). */
export interface Message {
  /** `<area>.<name>`, such as `entity.ask`. */
  readonly type: string;
  /** Of the shape of `body`; a receiver refuses versions that it does not know. */
  readonly version: number;
  readonly body: unknown;
  /** The request that this is part of: `req-…`. */
  readonly requestId?: string;
}

export interface Received extends Message {
  /** As the link's authentication says, not as the message claims. */
  readonly from: MemberId;
  readonly lane: Lane;
}

/**
 * Answers an ask with what it returns or promises; what it throws goes back as a TransportFault `refused` with its
 * message. Runs for tells, too.
 */
export type MessageHandler = (message: Received) => unknown;

export interface Peer {
  readonly id: MemberId;
  /** In the adapter's notation; empty if it only ever connects to us. */
  readonly addresses: readonly string[];
}

/** What was agreed on when the link came up. */
export interface Hello {
  readonly member: MemberId;
  /** Grows with each start of that member. */
  readonly incarnation: number;
  /** Version of the transport's own protocol. */
  readonly protocol: number;
}

export type LinkEvent =
  | { readonly type: 'up'; readonly peer: MemberId; readonly hello: Hello }
  | { readonly type: 'down'; readonly peer: MemberId; readonly reason: string };

export interface AskOptions {
  /** Rejects `timeout` after it. Every ask has one. */
  readonly deadlineMs: number;
  readonly lane?: Lane;
}

export interface Transport {
  readonly self: MemberId;
  /** Where others reach this member. */
  addresses(): readonly string[];
  /** Those who may have a link, and no others; links to the rest are cut. Links to those with addresses are made and made again. */
  setPeers(peers: readonly Peer[]): void;
  /** Peers whose link is up now. */
  connected(): readonly MemberId[];
  isConnected(peer: MemberId): boolean;
  /**
   * False if there is no link or its bound of unsent bytes is reached: then nothing was sent. Throws a TransportFault
   * `refused` if the message is larger than its lane takes at all; an ask rejects with it.
   */
  tell(to: MemberId, message: Message, lane?: Lane): boolean;
  /** Resolves with what the peer's handler returned, or rejects with a TransportFault. */
  ask(to: MemberId, message: Message, options: AskOptions): Promise<unknown>;
  /** One handler for all messages of members; set once, before the first link. */
  onMessage(handler: MessageHandler): void;
  /**
   * Answers those who are no peers (yet): they have the network's key, if there is one, and nothing else is known of
   * them but their id. One question per link, small, then the link is cut. Without a handler they get none.
   */
  onStranger(handler: MessageHandler): void;
  /** One question to a member that does not count us among its peers; how a new member asks to be admitted. */
  askStranger(
    addresses: readonly string[],
    message: Message,
    options: AskOptions,
  ): Promise<unknown>;
  /** Returns the way out. */
  onLink(listener: (event: LinkEvent) => void): () => void;
  /** Cuts all links; what is under way rejects `closed`. */
  close(): Promise<void>;
}

/**
 * unreachable: no link; not sent. disconnected: the link broke after it was sent; the outcome is unknown. timeout: no
 * answer in time; unknown. overloaded: too much is waiting for this peer; not sent. refused: the peer's handler threw.
 * closed: by us.
 */
export type TransportFaultCode =
  | 'unreachable'
  | 'disconnected'
  | 'timeout'
  | 'overloaded'
  | 'refused'
  | 'closed';

export class TransportFault extends Error {
  override readonly name = 'TransportFault';
  readonly code: TransportFaultCode;

  constructor(code: TransportFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether the message may have had its effect. */
  get isOutcomeUnknown(): boolean {
    return this.code === 'disconnected' || this.code === 'timeout';
  }
}
