// Writers that append to one stream each, as owners do: under an epoch of a counter, with request ids, and when the outcome
// is not known they read what was stored. Everything acknowledged is noted, to be looked for later.
import { type EntityKey, type Journal, JournalFault } from '#runtime/journal/port.ts';

export interface Acknowledged {
  readonly key: EntityKey;
  readonly version: number;
  readonly requestId: string;
}

export interface LoadOptions {
  readonly journal: Journal;
  readonly writers: number;
  /** Names the streams. */
  readonly name: string;
}

const fence = 'load';

export class AppendLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** Rejections by their code. */
  readonly faults = new Map<string, number>();
  readonly epochs: number[] = [];
  readonly #options: LoadOptions;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #epoch: Promise<number>;
  #isStopped = false;
  #running: Promise<unknown>;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#epoch = this.#takeEpoch();
    const writers = Array.from({ length: options.writers }, (_, index) => this.#write(index));
    this.#running = Promise.all(writers);
    // Whoever waits for more, or for the end, hears of it.
    this.#running.catch(() => (this.#isStopped = true));
  }

  /** Resolves when so many more have been acknowledged; rejects when a writer has failed, or that takes too long. */
  async more(count: number, withinMs = 30_000): Promise<void> {
    const target = this.acknowledged.length + count;
    let timer: NodeJS.Timeout | undefined;
    const reached = new Promise<void>((resolve) => this.#waiting.push({ count: target, resolve }));
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const faults = JSON.stringify([...this.faults]);
        reject(new Error(`${count} more appends took over ${withinMs} ms; faults ${faults}`));
      }, withinMs);
    });
    try {
      await Promise.race([reached, late, this.#running]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #takeEpoch(): Promise<number> {
    for (;;) {
      const epoch = await this.#tried(() => this.#options.journal.nextEpoch(fence));
      if (epoch === undefined) continue;
      this.epochs.push(epoch);
      return epoch;
    }
  }

  async #write(index: number): Promise<void> {
    const { journal, name } = this.#options;
    const key: EntityKey = `${name}/${index}`;
    let version: number | undefined = 0;
    for (let number = 0; !this.#isStopped; number += 1) {
      version ??= await this.#tried(async () => (await journal.read(key, 0)).at(-1)?.version ?? 0);
      if (version === undefined) continue;
      const expectedVersion: number = version;
      const epoch = await this.#epoch;
      const requestId = `${key}-${number}`;
      const events = [
        { type: 'load.written', version: 1, data: { number, text: 'x'.repeat(200) } },
      ];
      const request = { key, expectedVersion, epoch, fence, requestId, events, atMs: 0 };
      const result = await this.#tried(() => journal.append(request));
      version = result?.ok === true ? result.version : undefined;
      if (result?.ok === true) this.#note({ key, version: result.version, requestId });
      if (result?.ok === false && result.reason === 'fenced' && epoch === (await this.#epoch))
        this.#epoch = this.#takeEpoch();
    }
  }

  #note(acknowledged: Acknowledged): void {
    this.acknowledged.push(acknowledged);
    while ((this.#waiting[0]?.count ?? Number.POSITIVE_INFINITY) <= this.acknowledged.length)
      this.#waiting.shift()?.resolve();
  }

  /** Undefined when the store was away; anything else that goes wrong fails the load. */
  async #tried<T>(run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof JournalFault) || error.code !== 'unavailable') throw error;
      this.faults.set(error.code, (this.faults.get(error.code) ?? 0) + 1);
      // What is refused at once would be asked again at once.
      await new Promise((resolve) => setTimeout(resolve, 2));
      return undefined;
    }
  }
}

/** Those of the acknowledged that the journal does not have at their version. */
export async function findLost(
  journal: Journal,
  acknowledged: readonly Acknowledged[],
): Promise<readonly Acknowledged[]> {
  const lost: Acknowledged[] = [];
  for (const [key, of] of Map.groupBy(acknowledged, (one) => one.key)) {
    const stored = new Map(
      (await journal.read(key, 0)).map(({ version, requestId }) => [version, requestId]),
    );
    lost.push(...of.filter(({ version, requestId }) => stored.get(version) !== requestId));
  }
  return lost;
}
