// What is learnt of bytes while they pass by: size, digests, head. Shared by the stores.
// It holds the head only, never the rest.
import { createHash } from 'node:crypto';
import { HEAD_BYTES } from './formats.ts';
import { ImageStoreFault, type StoredBytes, type WriteOptions } from './store.ts';

export class StreamDigest {
  readonly #md5 = createHash('md5');
  readonly #sha512 = createHash('sha512');
  readonly #head = Buffer.alloc(HEAD_BYTES);
  readonly #options: WriteOptions;
  #headLength = 0;
  #inspected = false;
  #sizeBytes = 0;

  constructor(options: WriteOptions) {
    this.#options = options;
  }

  /** Throws `too-large`, or what `inspect` throws. */
  add(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#options.limitBytes) {
      throw new ImageStoreFault(
        'too-large',
        `more than the ${this.#options.limitBytes} bytes that an image may have`,
      );
    }
    this.#md5.update(chunk);
    this.#sha512.update(chunk);
    if (this.#headLength < HEAD_BYTES) this.#gather(chunk);
  }

  finish(): StoredBytes {
    this.#inspect();
    return {
      sizeBytes: this.#sizeBytes,
      md5: this.#md5.digest('hex'),
      sha512: this.#sha512.digest('hex'),
      head: this.#head.subarray(0, this.#headLength),
    };
  }

  #gather(chunk: Uint8Array): void {
    const piece = chunk.subarray(0, HEAD_BYTES - this.#headLength);
    this.#head.set(piece, this.#headLength);
    this.#headLength += piece.length;
    if (this.#headLength === HEAD_BYTES) this.#inspect();
  }

  #inspect(): void {
    if (this.#inspected) return;
    this.#inspected = true;
    this.#options.inspect?.(this.#head.subarray(0, this.#headLength));
  }
}
