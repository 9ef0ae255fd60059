// Follows the log of the store on a connection of its own, which waits in Redis for news. Our own appends come back by it,
// too, though their answers have told them already; so when it brings nothing else it pauses, until something shows that
// somebody else has written. It ends with its connection.
import type { Cancel, Env } from '../../env/env.ts';
import { nextTurn } from '../../env/turn.ts';
import type { Connection, Reply } from '../../redis/connection.ts';
import { JournalFault } from '../port.ts';
import type { Hearing } from './hearing.ts';
import { positionOf, type StoredRow } from './rows.ts';

export interface TailOptions {
  readonly env: Env;
  readonly connection: Connection;
  readonly root: string;
  readonly hearing: Hearing;
}

const waitMs = 1_000;
/** What others write while we write is heard so much later at most. */
const pauseMs = 10;
/** Few enough that a page of large entries can be held. */
const pageEntries = 128;

export class Tail {
  readonly #options: TailOptions;
  /** Ends the pause, if there is one. */
  #wake: () => void = () => undefined;
  #isKicked = false;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** Resolves when the connection has ended; whatever else goes wrong ends it. */
  async follow(): Promise<void> {
    const { connection } = this.#options;
    while (!connection.isEnded) {
      try {
        await this.#hearNext();
      } catch (error) {
        if (!connection.isEnded) connection.end(tailFault(error));
        return;
      }
    }
  }

  /** There is something to hear that is not ours. */
  kick(): void {
    this.#isKicked = true;
    this.#wake();
  }

  end(cause: JournalFault): void {
    this.#options.connection.end(cause);
    this.#wake();
  }

  async #hearNext(): Promise<void> {
    const { env, connection, root, hearing } = this.#options;
    this.#isKicked = false;
    const page = ['COUNT', pageEntries, 'BLOCK', waitMs, 'STREAMS', `${root}:log`];
    const reply = await connection.call('XREAD', [...page, `0-${hearing.head}`], waitMs);
    if (reply === null) return;
    // Answers to our own appends that came in the same moment go first.
    await nextTurn(env);
    const before = hearing.head;
    hearing.others(rowsOf(reply));
    if (hearing.head === before) await this.#pause();
  }

  #pause(): Promise<void> {
    if (this.#isKicked) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel: Cancel = this.#options.env.timers.after(pauseMs, () => this.#wake());
      this.#wake = () => {
        this.#wake = () => undefined;
        cancel();
        resolve();
      };
    });
  }
}

function rowsOf(reply: Reply): readonly StoredRow[] {
  const [[, entries]] = reply as unknown as readonly [readonly [string, readonly StreamEntry[]]];
  return entries.map(([id, [, header, , text]]) => ({ position: positionOf(id), header, text }));
}

type StreamEntry = readonly [id: string, fields: readonly ['a', header: string, 't', text: string]];

function tailFault(error: unknown): JournalFault {
  if (error instanceof JournalFault && error.code === 'unavailable') return error;
  const message = 'the log of the store can’t be followed';
  return new JournalFault('unavailable', message, { cause: error });
}
