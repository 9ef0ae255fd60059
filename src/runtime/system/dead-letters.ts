// Messages that no handler will see: sent to a full mailbox or a stopped actor, left over at a stop, or lost in a crash.
// Counted for ever, described for a while, never kept: a message may hold secrets and much memory.
import type { Env } from '../env/env.ts';

export type DeadLetterReason = 'overloaded' | 'stopped' | 'crashed';

export interface DeadLetter {
  readonly path: string;
  readonly reason: DeadLetterReason;
  /** The message's `type`, if it has one. */
  readonly messageType: string | undefined;
  /** Wall clock. */
  readonly atMs: number;
}

export interface DeadLetters {
  readonly total: number;
  readonly counts: Readonly<Record<DeadLetterReason, number>>;
  /** The latest ones, oldest first, at most 100. */
  recent(): readonly DeadLetter[];
  /** Hears each one with its message. Returns the way out. */
  subscribe(listener: (letter: DeadLetter, message: unknown) => void): () => void;
}

const keptLetters = 100;
/** An overload makes thousands of them a second; the log gets a summary instead. */
const logEveryMs = 1_000;

export class DeadLetterOffice implements DeadLetters {
  readonly counts: Record<DeadLetterReason, number> = { overloaded: 0, stopped: 0, crashed: 0 };
  readonly #env: Env;
  readonly #recent: DeadLetter[] = [];
  readonly #listeners = new Set<(letter: DeadLetter, message: unknown) => void>();
  #logged = 0;
  #nextLogMs = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  get total(): number {
    return this.counts.overloaded + this.counts.stopped + this.counts.crashed;
  }

  recent(): readonly DeadLetter[] {
    const cut = this.total % keptLetters;
    if (this.#recent.length < keptLetters) return [...this.#recent];
    return [...this.#recent.slice(cut), ...this.#recent.slice(0, cut)];
  }

  subscribe(listener: (letter: DeadLetter, message: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  add(path: string, reason: DeadLetterReason, message: unknown): void {
    const atMs = this.#env.clock.now();
    const letter: DeadLetter = { path, reason, messageType: typeOf(message), atMs };
    this.#recent[this.total % keptLetters] = letter;
    this.counts[reason] += 1;
    this.#log(letter);
    for (const listener of this.#listeners) {
      try {
        listener(letter, message);
      } catch (error) {
        this.#env.log.error({ err: error }, 'a dead letter listener failed');
      }
    }
  }

  #log(letter: DeadLetter): void {
    const nowMs = this.#env.clock.monotonic();
    if (nowMs < this.#nextLogMs) return;
    this.#nextLogMs = nowMs + logEveryMs;
    const count = this.total - this.#logged;
    this.#logged = this.total;
    this.#env.log.warn({ ...letter, count }, 'dead letters');
  }
}

function typeOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined;
  return typeof message.type === 'string' ? message.type : undefined;
}
