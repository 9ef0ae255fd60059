// The record that simulated hosts keep of themselves (src/hypervisor/simulated/state-log.ts), read from outside while
// they write it: what is added is read from where the last look ended; a file that was written anew is read whole.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface SimulatedFact {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

export interface GuestFact {
  readonly id: string;
  /** running, paused …; `off` for one that is kept for its console log. */
  readonly power: string;
  readonly mark?: { readonly runEpoch: number };
}

export class StateFile {
  readonly path: string;
  readonly #facts = new Map<string, SimulatedFact>();
  #inode = 0;
  /** Where the first line begins that was not read whole. */
  #offset = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** What stands in the file now; nothing if there is none yet. */
  look(): this {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this;
      throw error;
    }
    try {
      const { ino, size } = fstatSync(file);
      if (ino !== this.#inode || size < this.#offset) this.#startAnew(ino);
      this.#take(readBetween(file, this.#offset, size));
    } finally {
      closeSync(file);
    }
    return this;
  }

  /** Keys of a table, in order. */
  keys(table: string): readonly string[] {
    return [...this.#facts.values()].filter((fact) => fact.table === table).map(({ key }) => key);
  }

  /** Those that are not off. */
  guests(): readonly GuestFact[] {
    return [...this.#facts.values()]
      .filter(({ table }) => table === 'guest')
      .map(({ value }) => value as GuestFact)
      .filter(({ power }) => power !== 'off');
  }

  #startAnew(inode: number): void {
    this.#inode = inode;
    this.#offset = 0;
    this.#facts.clear();
  }

  #take(bytes: Buffer): void {
    const end = bytes.lastIndexOf('\n') + 1;
    this.#offset += end;
    for (const line of bytes.toString('utf8', 0, end).split('\n').slice(0, -1)) {
      const [table, key, value] = JSON.parse(line) as [string, string, unknown?];
      if (value === undefined) this.#facts.delete(`${table} ${key}`);
      else this.#facts.set(`${table} ${key}`, { table, key, value });
    }
  }
}

function readBetween(file: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  let read = 0;
  while (read < bytes.length) {
    const count = readSync(file, bytes, read, bytes.length - read, from + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}
