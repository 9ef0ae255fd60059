// Lets a few pieces of work run at once and the next wait in order, up to a bound.
// It must not hide failures: what the work rejects with is what the caller gets.

import { HypervisorFault } from './port.ts';

export class Lane {
  readonly #name: string;
  readonly #width: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `width` pieces run at once; with `maxWaiting` already waiting the next is refused (fault `failed`, retryable). */
  constructor(name: string, width: number, maxWaiting: number) {
    this.#name = name;
    this.#width = width;
    this.#maxWaiting = maxWaiting;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#width) this.#running += 1;
    else await this.#queue();
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  #queue(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      const message = `${this.#name}: ${this.#maxWaiting} already wait; try again later`;
      throw new HypervisorFault('failed', message, { retryable: true });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands this place to the first that waits, so that a newcomer cannot overtake it. */
  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
