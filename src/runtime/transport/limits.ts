// The bounds of a transport, each with a name. What is over a bound is refused at once and in words; nothing here waits
// or grows without end. Defaults suit a cluster on one network; tests hand in smaller ones.
import type { Lane } from './port.ts';

export interface TransportLimits {
  /** Of one frame, and so of one message. Who announces more is cut off. */
  readonly frameBytes: Readonly<Record<Lane, number>>;
  /** Of what waits here for one peer; beyond it a tell is false and an ask `overloaded`. */
  readonly unsentBytes: Readonly<Record<Lane, number>>;
  /** Our questions that one peer has not answered yet. */
  readonly asksInFlight: number;
  /** Messages of one peer that our handler has not finished with. */
  readonly messagesInHand: number;
  /** From a new connection to both greetings. */
  readonly greetingMs: number;
  /** How often each side of a link shows that it lives. */
  readonly pingMs: number;
  /** So many times in a row without a sign of the other side, and the link is cut. */
  readonly silentPings: number;
  /** So many pings while a lane takes no more bytes, and the link is cut. */
  readonly blockedPings: number;
  /** The wait between two tries to reach a peer doubles from the first to the second, with chance in it. */
  readonly redialMs: readonly [number, number];
  /** Without a link for so long, the side that should be dialled dials as well. */
  readonly patienceMs: number;
}

export const defaultLimits: TransportLimits = {
  frameBytes: { control: 1024 ** 2, bulk: 8 * 1024 ** 2 },
  unsentBytes: { control: 4 * 1024 ** 2, bulk: 16 * 1024 ** 2 },
  asksInFlight: 4096,
  messagesInHand: 8192,
  greetingMs: 3000,
  pingMs: 500,
  silentPings: 3,
  blockedPings: 60,
  redialMs: [50, 400],
  patienceMs: 3000,
};
