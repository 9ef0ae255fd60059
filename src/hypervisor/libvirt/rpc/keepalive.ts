// Notices a silent connection: asks by PING when nothing came for an interval, and declares it lost after `count`
// unanswered ones. The daemon hears PINGs only after connectSupportsFeature(keepalive).

import type { HypervisorEnv } from '../../port.ts';

export interface KeepaliveOptions {
  readonly intervalMs: number;
  /** PINGs that may go unanswered. A dead peer is noticed after at most (count + 2) intervals. */
  readonly count: number;
}

export const DEFAULT_KEEPALIVE: KeepaliveOptions = { intervalMs: 2_000, count: 3 };

export class Keepalive {
  readonly #env: HypervisorEnv;
  readonly #options: KeepaliveOptions;
  readonly #ping: () => void;
  readonly #lost: (reason: string) => void;
  #heard = true;
  #unanswered = 0;
  #cancel: () => void = () => undefined;

  constructor(
    env: HypervisorEnv,
    options: KeepaliveOptions & { ping: () => void; lost: (reason: string) => void },
  ) {
    this.#env = env;
    this.#options = options;
    this.#ping = options.ping;
    this.#lost = options.lost;
  }

  start(): void {
    this.#cancel();
    this.#cancel = this.#env.timers.after(this.#options.intervalMs, () => this.#tick());
  }

  stop(): void {
    this.#cancel();
  }

  /** Anything that arrives shows that the peer lives. */
  heard(): void {
    this.#heard = true;
  }

  #tick(): void {
    const { intervalMs, count } = this.#options;
    if (this.#heard) {
      this.#unanswered = 0;
    } else if (this.#unanswered >= count) {
      this.#lost(`the daemon left ${count} keepalive pings unanswered`);
      return;
    } else {
      this.#unanswered++;
      this.#ping();
    }
    this.#heard = false;
    this.#cancel = this.#env.timers.after(intervalMs, () => this.#tick());
  }
}
