// Cuts a stream of bytes into frames: u32 length, then so many bytes. A length out of bounds throws, and so nothing is
// ever kept for a peer beyond one frame.
import { lengthBytes } from './frame.ts';

export interface FramerOptions {
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** A frame without its length. It may share memory with the chunk it came in. */
  readonly onFrame: (frame: Uint8Array) => void;
}

export class Framer {
  readonly #options: FramerOptions;
  readonly #head = Buffer.alloc(lengthBytes);
  #headFilled = 0;
  #frame: Uint8Array | undefined;
  #filled = 0;

  constructor(options: FramerOptions) {
    this.#options = options;
  }

  /** Throws on a length out of bounds; no more is to be pushed then. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#frame !== undefined) offset = this.#fill(this.#frame, chunk, offset);
      else if (this.#headFilled > 0 || chunk.length - offset < lengthBytes)
        offset = this.#fillHead(chunk, offset);
      else offset = this.#takeWhole(chunk, offset);
    }
  }

  /** The quick way, for frames that came in one piece. */
  #takeWhole(chunk: Uint8Array, offset: number): number {
    const length = this.#checked(readLength(chunk, offset));
    const start = offset + lengthBytes;
    const end = start + length;
    if (end <= chunk.length) {
      this.#options.onFrame(chunk.subarray(start, end));
      return end;
    }
    this.#begin(length);
    return start;
  }

  #fillHead(chunk: Uint8Array, offset: number): number {
    const count = Math.min(lengthBytes - this.#headFilled, chunk.length - offset);
    this.#head.set(chunk.subarray(offset, offset + count), this.#headFilled);
    this.#headFilled += count;
    if (this.#headFilled === lengthBytes) {
      this.#headFilled = 0;
      this.#begin(this.#checked(readLength(this.#head, 0)));
    }
    return offset + count;
  }

  #begin(length: number): void {
    this.#frame = new Uint8Array(length);
    this.#filled = 0;
  }

  #fill(frame: Uint8Array, chunk: Uint8Array, offset: number): number {
    const count = Math.min(frame.length - this.#filled, chunk.length - offset);
    frame.set(chunk.subarray(offset, offset + count), this.#filled);
    this.#filled += count;
    if (this.#filled === frame.length) {
      this.#frame = undefined;
      this.#options.onFrame(frame);
    }
    return offset + count;
  }

  #checked(length: number): number {
    const { leastBytes, mostBytes } = this.#options;
    if (length >= leastBytes && length <= mostBytes) return length;
    throw new Error(`a frame of ${length} bytes, where ${leastBytes} to ${mostBytes} are allowed`);
  }
}

function readLength(bytes: Uint8Array, offset: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [
    bytes[offset],
    bytes[offset + 1],
    bytes[offset + 2],
    bytes[offset + 3],
  ];
  return a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
}
