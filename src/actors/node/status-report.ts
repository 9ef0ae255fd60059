// A compute member tells every controller that it is connected to how its host is: when a link comes up, and at every
// change. What did not get through is told again; as it is then, not as it was.
import type { Env } from '#runtime/env/env.ts';
import type { MemberId } from '#runtime/membership/store.ts';
import { type Transport, TransportFault } from '#runtime/transport/port.ts';
import { controllerFaultIn, nodeMessage } from './wire.ts';

export interface StatusReportOptions {
  readonly env: Env;
  readonly transport: Transport;
  readonly isUp: () => boolean;
}

const ASK_MS = 3_000;
const RETRY_MS = 1_000;
/** Told again, whatever happened: a controller that has missed something believes nothing wrong for longer. */
const REFRESH_MS = 30_000;

export class StatusReport {
  readonly #options: StatusReportOptions;
  /** By controller, what it has confirmed to know. */
  readonly #told = new Map<MemberId, boolean>();
  readonly #telling = new Set<MemberId>();
  readonly #unsubscribe: () => void;
  #cancelTimer: () => void = () => undefined;
  #isStopped = false;

  constructor(options: StatusReportOptions) {
    this.#options = options;
    this.#unsubscribe = options.transport.onLink(({ type, peer }) => {
      this.#told.delete(peer);
      if (type === 'up') void this.#tell(peer);
    });
  }

  start(): void {
    this.changed();
    this.#refreshLater();
  }

  changed(): void {
    for (const peer of this.#options.transport.connected()) void this.#tell(peer);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#unsubscribe();
  }

  #refreshLater(): void {
    this.#cancelTimer = this.#options.env.timers.after(REFRESH_MS, () => {
      this.#told.clear();
      this.changed();
      this.#refreshLater();
    });
  }

  async #tell(peer: MemberId): Promise<void> {
    const { transport, isUp } = this.#options;
    if (this.#telling.has(peer)) return;
    this.#telling.add(peer);
    try {
      while (!this.#isStopped && transport.isConnected(peer) && this.#told.get(peer) !== isUp()) {
        if (!(await this.#tellOnce(peer, isUp()))) await this.#pause();
      }
    } finally {
      this.#telling.delete(peer);
    }
  }

  async #tellOnce(peer: MemberId, isUp: boolean): Promise<boolean> {
    const { transport, env } = this.#options;
    try {
      const message = nodeMessage('node.status', { isUp });
      const answer = await transport.ask(peer, message, { deadlineMs: ASK_MS });
      if (controllerFaultIn(answer) !== undefined) return false;
      if (transport.isConnected(peer)) this.#told.set(peer, isUp);
      return true;
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      env.log.debug({ err: error, controller: peer }, 'a controller did not hear of our status');
      return false;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.env.timers.after(RETRY_MS, resolve);
    });
  }
}
