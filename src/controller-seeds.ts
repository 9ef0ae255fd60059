// What a new cloud starts with is put there by the controller that leads, and by the next one that leads if it dies
// half-way: every seed looks whether it is there already.
import type { Cluster } from '#runtime/directory/cluster.ts';
import type { Env } from '#runtime/env/env.ts';

const RETRY_MS = 2_000;
/** A start waits no longer for it: the APIs can answer without. */
const FIRST_WITHIN_MS = 20_000;

export class LeadersSeeds {
  readonly #env: Env;
  readonly #seed: () => Promise<void>;
  #isLeading = false;
  #isDone = false;
  #isRunning = false;
  #isStopped = false;
  #waiting: (() => void)[] = [];

  constructor(env: Env, seed: () => Promise<void>) {
    this.#env = env;
    this.#seed = seed;
  }

  /** Goes on by itself, whoever leads; resolves when nothing is to be done here, or after a while. */
  async follow(cluster: Cluster): Promise<void> {
    cluster.onLead((leads) => {
      this.#isLeading = leads;
      void this.#work();
    });
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#env.timers.after(FIRST_WITHIN_MS, resolve);
      this.#waiting.push(() => {
        cancel();
        resolve();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #work(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isLeading && !this.#isDone && !this.#isStopped) {
      try {
        await this.#seed();
        this.#isDone = true;
      } catch (error) {
        this.#env.log.warn(
          { err: error },
          'the first content of the cloud is not complete; trying again while this process leads',
        );
        await new Promise<void>((resolve) => {
          this.#env.timers.after(RETRY_MS, resolve);
        });
      }
    }
    this.#isRunning = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
