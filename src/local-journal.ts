// The journal of one process alone: a SQLite file that only its owner can read.
import { closeSync, openSync } from 'node:fs';
import type { Env } from '#runtime/env/env.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { openSqliteJournal } from '#runtime/journal/sqlite/journal.ts';
import type { Endings } from './endings.ts';

/** It holds password hashes and users' data. SQLite gives its other files the same mode. */
export async function openLocalJournal(env: Env, path: string, endings: Endings): Promise<Journal> {
  closeSync(openSync(path, 'a', 0o600));
  const journal = await openSqliteJournal({ env, path });
  endings.add(() => journal.close());
  return journal;
}
