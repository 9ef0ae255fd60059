// One direction of a simulated connection: frames wait their time and arrive in order per lane, unless a fault repeats,
// reorders or loses one. A cut holds them, as a kernel would send them again; what waits is bounded like a socket's
// buffer. Frames arrive through the receiver's own Env: a dead process gets none, a paused one gets them later.
import type { Env } from '../../env/env.ts';
import { lengthBytes } from '../frame.ts';
import type { Lane } from '../port.ts';
import type { WireEvents } from '../wire.ts';
import type { NetworkFaults } from './faults.ts';

export interface FlowOptions {
  readonly sender: Env;
  readonly receiver: Env;
  readonly chance: () => number;
  readonly faults: () => NetworkFaults;
  /** Bytes per ms; Infinity for a fast link. */
  readonly rate: () => number;
  readonly isCut: () => boolean;
  /** A frame was lost. */
  readonly onLoss: () => void;
}

/** As much as a socket and the receiver's window take. */
const windowBytes = 256 * 1024;

interface Queue {
  frames: Uint8Array[];
  bytes: number;
  lastDueMs: number;
  /** A slow link is busy with this lane's frames until then. */
  busyUntilMs: number;
  /** Deliveries that came due during a cut. */
  held: number;
  isFull: boolean;
}

const newQueue = (): Queue => ({
  frames: [],
  bytes: 0,
  lastDueMs: 0,
  busyUntilMs: 0,
  held: 0,
  isFull: false,
});

export class Flow {
  readonly #options: FlowOptions;
  readonly #queues: Readonly<Record<Lane, Queue>> = { control: newQueue(), bulk: newQueue() };
  #to: WireEvents | undefined;
  #from: WireEvents | undefined;
  #isOver = false;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** Both ends are in place. */
  open(from: WireEvents, to: WireEvents): void {
    this.#from = from;
    this.#to = to;
    this.release();
  }

  end(): void {
    this.#isOver = true;
  }

  /** When the last of what is under way will have arrived; in the past if nothing is. */
  get quietAtMs(): number {
    return Math.max(this.#queues.control.lastDueMs, this.#queues.bulk.lastDueMs);
  }

  send(lane: Lane, frame: Uint8Array): boolean {
    const queue = this.#queues[lane];
    if (this.#isOver) return true;
    const { chance, faults, onLoss } = this.#options;
    const { lossRate, repeatRate, reorderRate } = faults();
    if (lossRate > 0 && chance() < lossRate) {
      onLoss();
      return !queue.isFull;
    }
    const isOutOfTurn = reorderRate > 0 && chance() < reorderRate;
    this.#put(lane, frame, isOutOfTurn);
    if (repeatRate > 0 && chance() < repeatRate) this.#put(lane, frame, false);
    queue.isFull = queue.bytes > windowBytes;
    return !queue.isFull;
  }

  /** The cut is over: what was held arrives. */
  release(): void {
    for (const lane of ['control', 'bulk'] as const) {
      const queue = this.#queues[lane];
      const { held } = queue;
      queue.held = 0;
      for (let count = 0; count < held; count += 1) this.#deliverAt(lane, queue.lastDueMs);
    }
  }

  #put(lane: Lane, frame: Uint8Array, isOutOfTurn: boolean): void {
    const queue = this.#queues[lane];
    if (isOutOfTurn && queue.frames.length > 0) queue.frames.splice(-1, 0, frame);
    else queue.frames.push(frame);
    queue.bytes += frame.length;
    const { sender, chance, faults, rate } = this.#options;
    const nowMs = sender.clock.monotonic();
    const [leastMs, mostMs] = faults().delayMs;
    const bytesPerMs = rate();
    if (bytesPerMs !== Number.POSITIVE_INFINITY)
      queue.busyUntilMs = Math.max(nowMs, queue.busyUntilMs) + frame.length / bytesPerMs;
    const delayMs = mostMs > leastMs ? leastMs + chance() * (mostMs - leastMs) : leastMs;
    const startMs = Math.max(nowMs, queue.busyUntilMs);
    queue.lastDueMs = Math.max(queue.lastDueMs, startMs + delayMs);
    this.#deliverAt(lane, queue.lastDueMs);
  }

  #deliverAt(lane: Lane, dueMs: number): void {
    const { receiver } = this.#options;
    const delayMs = Math.max(0, dueMs - receiver.clock.monotonic());
    receiver.timers.after(delayMs, () => this.#deliver(lane));
  }

  /** Each delivery takes the head of the queue, whichever timer fires first: so equal times keep the order. */
  #deliver(lane: Lane): void {
    const queue = this.#queues[lane];
    if (this.#isOver) return;
    if (this.#to === undefined || this.#options.isCut()) {
      queue.held += 1;
      return;
    }
    const frame = queue.frames.shift();
    if (frame === undefined) return;
    queue.bytes -= frame.length;
    if (queue.isFull && queue.bytes <= windowBytes / 2) {
      queue.isFull = false;
      this.#options.sender.timers.soon(() => {
        if (!this.#isOver) this.#from?.drained(lane);
      });
    }
    this.#to.received(lane, frame.subarray(lengthBytes));
  }
}
