// A session with one member through mailboxes: sealed slices of each lane's bytes, numbered, so that what was lost,
// repeated or touched on the way is found. The other side says how much it has taken, and so no more than a window per
// lane is ever kept in Redis.
import { headerBytes } from '../frame.ts';
import { Framer } from '../framer.ts';
import type { MemberId } from '../../membership/store.ts';
import type { Lane } from '../port.ts';
import type { Wire, WireEvents } from '../wire.ts';
import { wordsOf } from '../words.ts';
import { seal, unseal } from './handshake.ts';

export interface SessionOptions {
  readonly id: string;
  readonly peer: MemberId;
  readonly isDialled: boolean;
  readonly keys: { readonly out: Buffer; readonly in: Buffer };
  readonly mostFrameBytes: Readonly<Record<Lane, number>>;
  readonly leastFrameBytes?: number;
  /** Puts it into the peer's inbox of that lane. */
  readonly post: (lane: Lane, kind: string, number: number, data: Buffer) => void;
  readonly onEnd: () => void;
}

/** data: a slice of a lane. taken: how many bytes of a lane have arrived. end: why it ends. */
const channels = { control: 0, bulk: 1, taken: 2, end: 3 } as const;
type Channel = keyof typeof channels;

const sliceBytes = 128 * 1024;
const windowBytes: Readonly<Record<Lane, number>> = { control: 1024 ** 2, bulk: 1024 ** 2 };

interface Side {
  /** Of frames that wait for room in the window. */
  waiting: Uint8Array[];
  sentBytes: number;
  takenBytes: number;
  /** By us, of theirs. */
  arrivedBytes: number;
  reportedBytes: number;
}

export class Session implements Wire {
  readonly id: string;
  readonly peer: MemberId;
  readonly isDialled: boolean;
  readonly #options: SessionOptions;
  readonly #sides: Readonly<Record<Lane, Side>> = { control: newSide(), bulk: newSide() };
  readonly #framers: Readonly<Record<Lane, Framer>>;
  readonly #out: Record<Channel, number> = { control: 0, bulk: 0, taken: 0, end: 0 };
  readonly #in: Record<Channel, number> = { control: 0, bulk: 0, taken: 0, end: 0 };
  #events: WireEvents | undefined;
  #isOver = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.peer = options.peer;
    this.isDialled = options.isDialled;
    this.#framers = { control: this.#framerOf('control'), bulk: this.#framerOf('bulk') };
  }

  open(events: WireEvents): void {
    this.#events = events;
  }

  send(lane: Lane, frame: Uint8Array): boolean {
    if (this.#isOver) return true;
    const side = this.#sides[lane];
    for (let offset = 0; offset < frame.length; offset += sliceBytes)
      side.waiting.push(frame.subarray(offset, offset + sliceBytes));
    this.#sendOn(lane);
    return side.waiting.length === 0;
  }

  cut(reason: string): void {
    if (this.#isOver) return;
    this.#post('end', Buffer.from(reason));
    this.#end();
  }

  /** An entry that names this session came into our inbox. */
  take(kind: string, number: number, data: Buffer): void {
    if (this.#isOver || !isChannel(kind)) return;
    // What was here before, or was made by somebody without the keys, has no effect.
    if (number <= this.#in[kind]) return;
    const plain = unseal(this.#options.keys.in, channels[kind], number, data);
    if (plain === undefined) return;
    if (number > this.#in[kind] + 1) {
      const lost = number - this.#in[kind] - 1;
      return this.break(`${lost} parts of it were lost in Redis`);
    }
    this.#in[kind] = number;
    if (kind === 'end') return this.#ended(plain.toString());
    if (kind === 'taken') return this.#noteTaken(plain);
    this.#takeSlice(kind, plain);
  }

  /** Ends it without telling the other side. */
  break(reason: string, isFoul = false): void {
    if (this.#isOver) return;
    this.#end();
    this.#events?.broken(reason, isFoul);
  }

  #framerOf(lane: Lane): Framer {
    const { mostFrameBytes, leastFrameBytes = headerBytes + 1 } = this.#options;
    return new Framer({
      leastBytes: leastFrameBytes,
      mostBytes: mostFrameBytes[lane],
      onFrame: (frame) => {
        if (!this.#isOver) this.#events?.received(lane, frame);
      },
    });
  }

  #takeSlice(lane: Lane, plain: Buffer): void {
    const side = this.#sides[lane];
    side.arrivedBytes += plain.length;
    this.#events?.alive();
    if (side.arrivedBytes - side.reportedBytes >= windowBytes[lane] / 4) {
      side.reportedBytes = side.arrivedBytes;
      const report = Buffer.alloc(7);
      report.writeUInt8(channels[lane], 0);
      report.writeUIntBE(side.arrivedBytes, 1, 6);
      this.#post('taken', report);
    }
    try {
      this.#framers[lane].push(plain);
    } catch (cause) {
      this.break(`it sent ${wordsOf(cause)}`, true);
    }
  }

  #noteTaken(report: Buffer): void {
    if (report.length !== 7) return this.break('it sent a report that is none', true);
    const lane = report.readUInt8(0) === channels.control ? 'control' : 'bulk';
    const side = this.#sides[lane];
    side.takenBytes = Math.min(side.sentBytes, report.readUIntBE(1, 6));
    const wasFull = side.waiting.length > 0;
    this.#sendOn(lane);
    if (wasFull && side.waiting.length === 0) this.#events?.drained(lane);
  }

  #sendOn(lane: Lane): void {
    const side = this.#sides[lane];
    let count = 0;
    for (const slice of side.waiting) {
      if (side.sentBytes - side.takenBytes >= windowBytes[lane]) break;
      side.sentBytes += slice.length;
      this.#post(lane, slice);
      count += 1;
    }
    if (count > 0) side.waiting.splice(0, count);
  }

  #post(channel: Channel, plain: Uint8Array): void {
    this.#out[channel] += 1;
    const number = this.#out[channel];
    const sealed = seal(this.#options.keys.out, channels[channel], number, plain);
    this.#options.post(channel === 'bulk' ? 'bulk' : 'control', channel, number, sealed);
  }

  #ended(reason: string): void {
    this.break(`the other side ended it: ${reason}`);
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onEnd();
  }
}

function newSide(): Side {
  return { waiting: [], sentBytes: 0, takenBytes: 0, arrivedBytes: 0, reportedBytes: 0 };
}

function isChannel(kind: string): kind is Channel {
  return Object.hasOwn(channels, kind);
}
