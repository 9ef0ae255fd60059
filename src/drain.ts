// The planned end of a controller: shards are handed over while requests are still taken and answered (each answer ends its
// connection, so that clients go elsewhere), then no connection is taken any more and what is under way is finished.
import { closeGently } from '#api/closing.ts';
import type { Cluster } from '#runtime/directory/cluster.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Door } from './front-door.ts';

export interface DrainOptions {
  readonly env: Env;
  readonly cluster: Cluster;
  readonly app: Door;
  readonly turnAway: () => void;
}

/** Connections in use hear by then that they are to end. */
const GRACE_MS = 500;
/** Requests that take longer are cut off. */
const FINISH_MS = 15_000;

export class Drain {
  readonly #options: DrainOptions;
  #running: Promise<void> | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Once, whoever asks. */
  run(): Promise<void> {
    this.#running ??= this.#drain();
    return this.#running;
  }

  async #drain(): Promise<void> {
    const { env, cluster, app, turnAway } = this.#options;
    const { membership } = cluster;
    turnAway();
    const hasOthers = membership.stayingControllers().some((id) => id !== membership.self);
    // Alone, nobody could finish what is under way once the shards are given up.
    if (!hasOthers) await closeGently(app, env, FINISH_MS);
    await cluster.leave();
    if (!hasOthers) return;
    await new Promise<void>((resolve) => {
      env.timers.after(GRACE_MS, resolve);
    });
    await closeGently(app, env, FINISH_MS);
  }
}
