// A simulated connection between two members: two flows, and the ways in which it ends. Either side may cut it; the
// other one hears of it after what was under way, or, if the network is cut between them, only by the silence.
import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import type { Lane } from '../port.ts';
import type { Wire, WireEvents } from '../wire.ts';
import type { Flow } from './flow.ts';

export interface Side {
  readonly id: MemberId;
  readonly env: Env;
  /** Where the wire is handed to. */
  readonly accept: (wire: Wire) => WireEvents | undefined;
}

export interface ConnectionOptions {
  readonly dialler: Side;
  readonly listener: Side;
  readonly flowOf: (from: Side, to: Side) => Flow;
  readonly isCut: (from: MemberId, to: MemberId) => boolean;
  /** So long after the last sign of life a silent other side is given up. */
  readonly silenceMs: number;
  readonly onEnd: (connection: Connection) => void;
}

interface End {
  readonly side: Side;
  readonly out: Flow;
  events: WireEvents | undefined;
  isOver: boolean;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #ends: readonly [End, End];

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { dialler, listener, flowOf } = options;
    const endOf = (side: Side, other: Side): End => ({
      side,
      out: flowOf(side, other),
      events: undefined,
      isOver: false,
    });
    this.#ends = [endOf(dialler, listener), endOf(listener, dialler)];
  }

  joins(one: MemberId, other: MemberId): boolean {
    const ids = this.#ends.map((end) => end.side.id);
    return ids.includes(one) && ids.includes(other);
  }

  has(id: MemberId): boolean {
    return this.#ends.some((end) => end.side.id === id);
  }

  /** Makes the ends known to their members, the listener's first; false if one does not want it. */
  open(): boolean {
    const [dialler, listener] = this.#ends;
    for (const [end, other] of [
      [listener, dialler],
      [dialler, listener],
    ] as const) {
      end.events = end.side.accept({
        peer: other.side.id,
        isDialled: end === dialler,
        send: (lane: Lane, frame: Uint8Array) => end.out.send(lane, frame),
        cut: (reason) => this.#cut(end, other, reason),
      });
      if (end.events === undefined) {
        this.#cut(end, other, 'the other side does not want it');
        return false;
      }
    }
    if (dialler.events === undefined || listener.events === undefined) return false;
    dialler.out.open(dialler.events, listener.events);
    listener.out.open(listener.events, dialler.events);
    return true;
  }

  /** The network between them is whole again. */
  release(): void {
    for (const { out } of this.#ends) out.release();
  }

  /** It breaks under way: each end notices after its own delay, and what arrives until then arrives. */
  break(reason: string, delayMs: () => number): void {
    for (const end of this.#ends) this.#tell(end, delayMs(), reason);
  }

  /** The member behind one end is gone or mute: the other end notices after `delayMs`. */
  breakAtOther(id: MemberId, reason: string, delayMs: number): void {
    for (const end of this.#ends) if (end.side.id !== id) this.#tell(end, delayMs, reason);
  }

  /** The member behind this end hears nothing any more, and gives it up now. */
  silence(id: MemberId): void {
    for (const end of this.#ends)
      if (end.side.id === id)
        this.#tell(end, 0, `no sign of life for ${this.#options.silenceMs} ms`);
  }

  #cut(end: End, other: End, reason: string): void {
    if (end.isOver) return;
    end.isOver = true;
    other.out.end();
    const isHeard = !this.#options.isCut(end.side.id, other.side.id);
    const nowMs = end.side.env.clock.monotonic();
    const delayMs = isHeard ? Math.max(0, end.out.quietAtMs - nowMs) : this.#options.silenceMs;
    this.#tell(other, delayMs, `the other side ended it: ${reason}`);
    this.#finish();
  }

  #tell(end: End, delayMs: number, reason: string): void {
    end.side.env.timers.after(delayMs, () => {
      if (end.isOver) return;
      end.isOver = true;
      for (const other of this.#ends) if (other !== end) other.out.end();
      end.events?.broken(reason);
      const other = this.#ends.find((candidate) => candidate !== end);
      if (other !== undefined && !other.isOver) this.#tellOther(end, other);
      this.#finish();
    });
  }

  /** Who gives a connection up closes it; the other side hears of that if anything gets through. */
  #tellOther(end: End, other: End): void {
    const isHeard = !this.#options.isCut(end.side.id, other.side.id);
    this.#tell(other, isHeard ? 1 : this.#options.silenceMs, 'the other side gave it up');
  }

  #finish(): void {
    if (this.#ends.every((end) => end.isOver)) this.#options.onEnd(this);
  }
}
