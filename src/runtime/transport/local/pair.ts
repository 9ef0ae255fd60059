// Two ends of one wire inside a process: what one member sends, the other has in the next turn of the event loop. Frames
// are the same as over libp2p, so links check and count them as ever; only sockets and ciphers are left out, which guard
// nothing between members that share one memory.
import type { Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import { lengthBytes } from '../frame.ts';
import type { Lane } from '../port.ts';
import type { Wire, WireEvents } from '../wire.ts';

/** Of each lane and direction: what may be under way before the sender is asked to wait. */
const windowBytes = 256 * 1024;
const lanes: readonly Lane[] = ['control', 'bulk'];

class End implements Wire {
  readonly peer: MemberId;
  readonly isDialled: boolean;
  readonly #env: Env;
  readonly #waiting: Record<Lane, Uint8Array[]> = { control: [], bulk: [] };
  readonly #bytes: Record<Lane, number> = { control: 0, bulk: 0 };
  #other: End | undefined;
  #events: WireEvents | undefined;
  #isDue = false;
  #isOver = false;

  constructor(env: Env, peer: MemberId, isDialled: boolean) {
    this.#env = env;
    this.peer = peer;
    this.isDialled = isDialled;
  }

  /** What comes from now on goes there; what has come already follows. */
  open(other: End, events: WireEvents): void {
    this.#other = other;
    this.#events = events;
  }

  send(lane: Lane, frame: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#waiting[lane].push(frame);
    this.#bytes[lane] += frame.length;
    this.#deliverLater();
    return this.#bytes[lane] <= windowBytes;
  }

  cut(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const other = this.#other;
    this.#env.timers.soon(() => other?.broke(`the other side ended it: ${reason}`));
  }

  broke(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events?.broken(reason);
  }

  take(lane: Lane, frame: Uint8Array): void {
    if (!this.#isOver) this.#events?.received(lane, frame.subarray(lengthBytes));
  }

  #deliverLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#env.timers.soon(() => {
      this.#isDue = false;
      for (const lane of lanes) this.#deliver(lane);
    });
  }

  #deliver(lane: Lane): void {
    const frames = this.#waiting[lane];
    const wasFull = this.#bytes[lane] > windowBytes;
    this.#waiting[lane] = [];
    this.#bytes[lane] = 0;
    for (const frame of frames) this.#other?.take(lane, frame);
    if (wasFull && !this.#isOver) this.#events?.drained(lane);
  }
}

export interface Side {
  readonly id: MemberId;
  /** Where its end is handed to; undefined: not wanted. */
  readonly accept: (wire: Wire) => WireEvents | undefined;
}

/** Opens a wire between two members of this process; throws if one of them does not want it. */
export function joinSides(env: Env, dialler: Side, listener: Side): void {
  const near = new End(env, listener.id, true);
  const far = new End(env, dialler.id, false);
  const farEvents = listener.accept(far);
  if (farEvents === undefined) throw new Error('the other side does not want it');
  far.open(near, farEvents);
  const nearEvents = dialler.accept(near);
  if (nearEvents === undefined) {
    far.broke('the other side does not want it any more');
    throw new Error('a link to this peer is not wanted any more');
  }
  near.open(far, nearEvents);
}
