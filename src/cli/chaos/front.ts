// The way of the users to the controllers, as a load balancer would go: any of them at random, none that has just failed
// while another may answer, and none with more than its share of requests that wait for an answer.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';
import type { ApiClient, ApiReply } from './api-client.ts';
import { type Asked, isUnconnected, type Noted, type Record } from './record.ts';

/** A controller that did not answer is left alone for so long. */
const AVOID_MS = 500;

export interface FrontOptions {
  readonly urls: readonly string[];
  readonly random: SeededRandom;
  readonly record: Record;
  /** Requests that wait at one controller while another one is free. */
  readonly share: number;
}

export interface Question extends Omit<Asked, 'url'> {
  readonly as: ApiClient;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #waiting = new Map<string, number>();
  readonly #avoidUntilMs = new Map<string, number>();

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  send(question: Question): Promise<Noted> {
    const { as, method, path, body } = question;
    return this.through(question, (url) => as.at(url).call(method, path, body));
  }

  /** Never rejects: what became of it is in what is noted. A controller that takes no connection is passed over. */
  async through(
    asked: Omit<Asked, 'url'>,
    call: (url: string) => Promise<ApiReply>,
  ): Promise<Noted> {
    const { record, urls } = this.#options;
    const closed = new Set<string>();
    for (;;) {
      const url = this.#choose(closed);
      try {
        return record.answered({ ...asked, url }, await this.#counted(url, call));
      } catch (error) {
        this.#avoidUntilMs.set(url, performance.now() + AVOID_MS);
        closed.add(url);
        if (!isUnconnected(error) || closed.size === urls.length)
          return record.broken({ ...asked, url }, error);
      }
    }
  }

  async #counted(url: string, call: (url: string) => Promise<ApiReply>): Promise<ApiReply> {
    this.#waiting.set(url, (this.#waiting.get(url) ?? 0) + 1);
    try {
      return await call(url);
    } finally {
      this.#waiting.set(url, (this.#waiting.get(url) ?? 1) - 1);
    }
  }

  #choose(closed: ReadonlySet<string>): string {
    const { random, share } = this.#options;
    const urls = this.#options.urls.filter((url) => !closed.has(url));
    const nowMs = performance.now();
    const isFree = (url: string): boolean => (this.#waiting.get(url) ?? 0) < share;
    const isSound = (url: string): boolean => (this.#avoidUntilMs.get(url) ?? 0) <= nowMs;
    const best = urls.filter((url) => isFree(url) && isSound(url));
    const free = urls.filter(isFree);
    return random.pick(best.length > 0 ? best : free.length > 0 ? free : urls);
  }
}
