// A live console of a simulated guest: what it writes can be read once, in order, until the guest or the connection ends.
// Bounded: a reader that falls too far behind loses the oldest bytes, as a serial line would.

import type { ConsoleStream } from '../port.ts';
import { HypervisorFault } from '../port.ts';

const maxQueuedBytes = 1_048_576;

export class SimulatedConsole implements ConsoleStream {
  readonly #input: (data: Uint8Array) => void;
  readonly #endListeners: (() => void)[] = [];
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | undefined;
  #open = true;

  /** `input` takes the bytes for the guest. */
  constructor(input: (data: Uint8Array) => void) {
    this.#input = input;
  }

  /** Told once, however the stream ends. */
  onEnd(listener: () => void): void {
    this.#endListeners.push(listener);
  }

  get output(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async write(data: Uint8Array): Promise<void> {
    if (!this.#open) throw new HypervisorFault('wrong-state', 'the console is closed');
    await Promise.resolve();
    this.#input(data);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.end();
  }

  push(data: Uint8Array): void {
    if (!this.#open) return;
    this.#queue.push(data);
    this.#queuedBytes += data.length;
    while (this.#queuedBytes > maxQueuedBytes && this.#queue.length > 1) {
      this.#queuedBytes -= this.#queue.shift()?.length ?? 0;
    }
    this.#wake?.();
  }

  /** Readers get what is queued, then the end. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const listener of this.#endListeners) listener();
    this.#wake?.();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunks = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      yield* chunks;
      if (this.#queue.length > 0) continue;
      if (!this.#open) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}
