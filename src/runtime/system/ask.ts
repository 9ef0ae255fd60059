// One question under way: it settles once, by its reply, a fault or its deadline, whichever comes first.
import type { Cancel, Timers } from '../env/env.ts';
import type { Reply } from './actor.ts';
import { RuntimeFault } from './faults.ts';

export interface AskOptions {
  readonly path: string;
  readonly deadlineMs: number;
  readonly timers: Timers;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onSettled: (ask: Ask) => void;
}

export class Ask {
  /** The message that asks; a handler finds the reply in it. */
  readonly message: unknown;
  /** The handler has seen it; from then on its answer may be lost in a crash. */
  isDelivered = false;
  readonly #options: AskOptions;
  #cancelDeadline: Cancel | undefined;
  #isSettled = false;

  constructor(options: AskOptions, build: (reply: Reply<unknown>) => unknown) {
    this.#options = options;
    const reply = (answer: unknown): void => this.#settle(() => options.resolve(answer));
    reply.fail = (error: unknown): void => this.fail(error);
    this.message = build(reply);
  }

  /** Arms the deadline; without it (sent nowhere) an ask has already failed. */
  start(): void {
    if (this.#isSettled) return;
    const { path, deadlineMs, timers } = this.#options;
    this.#cancelDeadline = timers.after(deadlineMs, () => {
      this.fail(new RuntimeFault('timeout', `${path} gave no answer within ${deadlineMs} ms`));
    });
  }

  fail(error: unknown): void {
    this.#settle(() => this.#options.reject(error));
  }

  #settle(tell: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#cancelDeadline?.();
    this.#options.onSettled(this);
    tell();
  }
}
