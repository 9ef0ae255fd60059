// One lane over one libp2p stream: frames go out in slices that leave room for the other lane, and wait when the stream
// says that it is full (libp2p itself would buffer without end). What comes in is cut into frames.
import type { Stream, StreamMessageEvent } from '@libp2p/interface';

import type { Cancel, Env } from '../../env/env.ts';
import { headerBytes } from '../frame.ts';
import { Framer } from '../framer.ts';
import { giveWindowInHalves } from './window.ts';

export interface LaneStreamOptions {
  readonly env: Env;
  readonly stream: Stream;
  readonly mostFrameBytes: number;
  readonly onBytes: () => void;
  readonly onFrame: (frame: Uint8Array) => void;
  /** The frame that was refused has left, and the next may come. */
  readonly onDrained: () => void;
  /** What came is no frame. */
  readonly onFoul: (cause: unknown) => void;
  readonly onEnd: (reason: string) => void;
}

/** A frame up to this size goes out whole. */
const sliceBytes = 64 * 1024;

export class LaneStream {
  readonly #options: LaneStreamOptions;
  readonly #framer: Framer;
  #rest: Uint8Array = new Uint8Array();
  #isFull = false;
  #isOver = false;
  #cancelNext: Cancel = () => undefined;

  constructor(options: LaneStreamOptions) {
    this.#options = options;
    this.#framer = new Framer({
      leastBytes: headerBytes + 1,
      mostBytes: options.mostFrameBytes,
      onFrame: options.onFrame,
    });
    const { stream } = options;
    giveWindowInHalves(stream);
    stream.addEventListener('drain', () => this.#drained());
    stream.addEventListener('close', (event) => {
      if (!this.#isOver) options.onEnd(event.error?.message ?? 'the stream was closed');
    });
  }

  /** Starts to read; before it libp2p keeps what comes, within its bounds. */
  read(): void {
    this.#options.stream.addEventListener('message', (event: StreamMessageEvent) => {
      const { data } = event;
      try {
        if (data instanceof Uint8Array) this.#take(data);
        else for (const chunk of data) this.#take(chunk);
      } catch (cause) {
        this.#options.onFoul(cause);
      }
    });
  }

  /** False: taken, and no more before `onDrained`. */
  send(frame: Uint8Array): boolean {
    if (this.#isOver) return true;
    if (frame.length <= sliceBytes) {
      this.#isFull = !this.#write(frame);
      return !this.#isFull;
    }
    this.#rest = frame;
    this.#isFull = true;
    this.#next();
    return false;
  }

  end(): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#rest = new Uint8Array();
  }

  #take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#options.onBytes();
    this.#framer.push(chunk);
  }

  /** Sends the next slice of a large frame; if the stream takes it at once, the one after it waits for its turn. */
  #next(): void {
    const slice = this.#rest.subarray(0, sliceBytes);
    this.#rest = this.#rest.subarray(slice.length);
    if (!this.#write(slice)) return;
    this.#cancelNext = this.#options.env.timers.soon(() => this.#drained());
  }

  #drained(): void {
    if (!this.#isFull || this.#isOver) return;
    this.#cancelNext();
    if (this.#rest.length > 0) return this.#next();
    this.#isFull = false;
    this.#options.onDrained();
  }

  #write(bytes: Uint8Array): boolean {
    try {
      return this.#options.stream.send(bytes);
    } catch (cause) {
      // The stream is closing; its `close` event, or the link's silence, ends the link.
      this.#options.env.log.debug({ err: cause }, 'a stream took no more bytes');
      return true;
    }
  }
}
