// What this process knows of its store, kept in a small file outside the store: a store that was rolled back can't know
// that itself. The generation is synced to the disk before it is used; the position, which changes all the time, is
// written at most once a second and may be older than the truth.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import type { Cancel, Env } from '../env/env.ts';

const writeEveryMs = 1_000;

interface Knowledge {
  readonly store: string;
  readonly generation: number;
  readonly head: number;
}

const nothing: Knowledge = { store: '', generation: 0, head: 0 };

export class KnownStore {
  readonly #env: Env;
  readonly #path: string | undefined;
  #store = '';
  #generation = 0;
  #head = 0;
  #isDue = false;
  #cancelWrite: Cancel = () => undefined;

  /** Without a path it forgets with the process. */
  constructor(env: Env, path: string | undefined) {
    this.#env = env;
    this.#path = path;
    this.reread();
  }

  /** Id of the store; empty when none is known. */
  get store(): string {
    return this.#store;
  }

  get generation(): number {
    return this.#generation;
  }

  get head(): number {
    return this.#head;
  }

  /** Others in this process may know more by now. */
  reread(): void {
    if (this.#path === undefined) return;
    const { store, generation, head } = readKnowledge(this.#path, this.#env);
    if (this.#store !== '' && store !== this.#store) return;
    this.#store = store;
    this.#generation = Math.max(this.#generation, generation);
    this.#head = Math.max(this.#head, head);
  }

  /** Durable when it returns. `head` may be lower than before: the loss was accepted, or mended elsewhere. */
  learn(store: string, generation: number, head: number): void {
    const isNew = store !== this.#store || generation !== this.#generation || head < this.#head;
    this.#store = store;
    this.#generation = generation;
    this.#head = head;
    if (isNew) this.#write(true);
  }

  heard(position: number): void {
    if (position <= this.#head) return;
    this.#head = position;
    if (this.#isDue || this.#path === undefined) return;
    this.#isDue = true;
    this.#cancelWrite = this.#env.timers.after(writeEveryMs, () => this.#writeHead());
  }

  close(): void {
    this.#cancelWrite();
    if (this.#isDue) this.#writeHead();
  }

  #writeHead(): void {
    this.#isDue = false;
    try {
      this.#write(false);
    } catch (error) {
      this.#env.log.warn({ err: error, path: this.#path }, 'the store’s position was not noted');
    }
  }

  #write(isSynced: boolean): void {
    if (this.#path === undefined) return;
    mkdirSync(dirname(this.#path), { recursive: true });
    const next = `${this.#path}.next`;
    const file = openSync(next, 'w', 0o600);
    try {
      const knowledge = { store: this.#store, generation: this.#generation, head: this.#head };
      writeSync(file, `${JSON.stringify(knowledge)}\n`);
      if (isSynced) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, this.#path);
    if (isSynced) syncDirectory(dirname(this.#path));
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function readKnowledge(path: string, env: Env): Knowledge {
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Partial<Knowledge>;
    const { store = '', generation = 0, head = 0 } = read;
    if (typeof store === 'string' && isCount(generation) && isCount(head))
      return { store, generation, head };
    env.log.warn({ path }, 'what was known of the store can’t be read; going on without');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      env.log.warn(
        { err: error, path },
        'what was known of the store can’t be read; going on without',
      );
  }
  return nothing;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
