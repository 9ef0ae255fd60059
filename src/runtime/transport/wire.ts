// What an adapter gives to the shared part: an ordered way to one authenticated peer, with two lanes, that carries whole
// frames. Links (link.ts) speak over it; they know nothing of sockets, streams or the simulated network.
import type { MemberId } from '../membership/store.ts';
import type { AskOptions, Lane, Message, Peer, Received } from './port.ts';

export interface Wire {
  /** As authenticated by the adapter. */
  readonly peer: MemberId;
  /** Whether this side opened it. */
  readonly isDialled: boolean;
  /**
   * Takes a frame as frame.ts makes it, length included. False: taken, but no more until `drained`. Never throws; what
   * a broken wire takes is lost.
   */
  send(lane: Lane, frame: Uint8Array): boolean;
  /** Ends it. No event comes afterwards. */
  cut(reason: string): void;
}

export interface WireEvents {
  /** A whole frame, without its length. */
  received(lane: Lane, frame: Uint8Array): void;
  drained(lane: Lane): void;
  /** Bytes came, if no whole frame yet: the other side lives. */
  alive(): void;
  /** Once, unless this side cut it. Foul: the peer sent what no peer in order sends. */
  broken(reason: string, isFoul?: boolean): void;
}

/** What an adapter finds when it has opened or accepted a wire. */
export interface WireHost {
  isPeer(id: MemberId): boolean;
  /** Undefined: not wanted, and the adapter ends it. */
  accept(wire: Wire): WireEvents | undefined;
  /** Undefined: strangers get no answer. */
  stranger(): ((question: Received) => Promise<unknown>) | undefined;
}

/** The part of a transport that differs between adapters. */
export interface Connector {
  addresses(): readonly string[];
  /** Those who may connect from now on. */
  admit(peers: ReadonlyMap<MemberId, Peer>): void;
  /** Opens a wire and hands it to the host; rejects, within a bounded time, with the reason why it could not. */
  connect(peer: Peer): Promise<void>;
  askStranger(
    addresses: readonly string[],
    message: Message,
    options: AskOptions,
  ): Promise<unknown>;
  close(): Promise<void>;
}
