// Keeps a simulated machine's state in a file, so that its guests are still there when the process that simulates them
// comes back. A change is one appended line, written but not synced: it outlives kill -9, as a real guest would, not a
// power cut, which no real guest outlives either. Rewritten when it holds many more lines than facts.

import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, fileFault } from '../host-files.ts';

export type StateTable = 'guest' | 'file' | 'image' | 'network' | 'port';

export interface StateEntry {
  readonly table: StateTable;
  readonly key: string;
  readonly value: unknown;
}

const linesBeforeRewrite = 4_096;

export class StateLog {
  readonly #path: string;
  readonly #live: () => Iterable<StateEntry>;
  #file: number | undefined;
  #lines = 0;
  #linesAllowed = 0;

  private constructor(path: string, live: () => Iterable<StateEntry>) {
    this.#path = path;
    this.#live = live;
  }

  /** Hands every entry of the file to `restore`, then begins a fresh file with what `live` lists. */
  static open(
    path: string,
    state: {
      readonly restore: (entry: StateEntry) => void;
      readonly live: () => Iterable<StateEntry>;
    },
  ): StateLog {
    mkdirSync(dirname(path), { recursive: true });
    for (const entry of readEntries(path).values()) state.restore(entry);
    const log = new StateLog(path, state.live);
    log.#rewrite();
    return log;
  }

  put(table: StateTable, key: string, value: unknown): void {
    this.#append(JSON.stringify([table, key, value]));
  }

  remove(table: StateTable, key: string): void {
    this.#append(JSON.stringify([table, key]));
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #append(line: string): void {
    if (this.#file === undefined) return;
    try {
      writeSync(this.#file, `${line}\n`);
      this.#lines += 1;
      if (this.#lines > this.#linesAllowed) this.#rewrite();
    } catch (error) {
      throw fileFault('keeping the state of a simulated host', error);
    }
  }

  #rewrite(): void {
    const lines = [...this.#live()].map(
      ({ table, key, value }) => `${JSON.stringify([table, key, value])}\n`,
    );
    const fresh = `${this.#path}.new`;
    writeFileSync(fresh, lines.join(''));
    renameSync(fresh, this.#path);
    this.close();
    this.#file = openSync(this.#path, 'a');
    this.#lines = lines.length;
    this.#linesAllowed = 2 * lines.length + linesBeforeRewrite;
  }
}

/** The last value of each key. A last line without its end was cut off by a crash and never counted. */
function readEntries(path: string): Map<string, StateEntry> {
  const entries = new Map<string, StateEntry>();
  for (const line of readText(path).split('\n').slice(0, -1)) {
    const [table, key, value] = JSON.parse(line) as [StateTable, string, unknown?];
    if (value === undefined) entries.delete(`${table} ${key}`);
    else entries.set(`${table} ${key}`, { table, key, value });
  }
  return entries;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
