// The tables of the SQLite journal, how a file is opened, and how it is known to be ours and of a release that we can
// read. `streams` holds what the checks of an append need, so that one append touches few pages.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { StoreFault } from './fault.ts';

/** 'KNJL': marks the file as a Kilonova journal (PRAGMA application_id). */
const applicationId = 0x4b4e4a4c;
/** Shape of the tables (PRAGMA user_version). A change needs a new number and a step from the one before. */
const schemaVersion = 1;

const tables = `
  -- One row per entity. chain: checksum of its last entry; base_*: version and chain before its first kept entry.
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    base_version INTEGER NOT NULL DEFAULT 0,
    base_chain INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- One row per append. chain: checksum of the row and of the chain of the entry before it in its stream.
  CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    version INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    request_id TEXT,
    at_ms INTEGER NOT NULL,
    events TEXT NOT NULL,
    chain INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entries_by_stream ON entries (stream, version);

  -- Answered requests, for a day: outlive the compaction of their entries.
  CREATE TABLE requests (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX requests_by_id ON requests (stream, request_id);

  CREATE TABLE snapshots (
    stream INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** How long to wait for the file when a process before us is still going down. */
const lockWaitMs = 1_000;

/** Opens or creates the file and takes it for this process alone. Throws a StoreFault that says what is wrong. */
export function openDatabase(path: string, maxBytes: number | undefined): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path, { timeout: lockWaitMs });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    checkOwner(db, path);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    db.exec('PRAGMA cache_size = -2048');
    db.exec('PRAGMA temp_store = MEMORY');
    if (maxBytes !== undefined) {
      const pageBytes = pragma(db, 'page_size');
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
    }
    createTables(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function checkOwner(db: DatabaseSync, path: string): void {
  const [owner, version] = [pragma(db, 'application_id'), pragma(db, 'user_version')];
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (!isEmpty && owner !== applicationId) {
    throw new StoreFault(
      'corrupt',
      `${path} is a database, but not a journal of ours; move it away`,
    );
  }
  if (version > schemaVersion) {
    throw new StoreFault(
      'corrupt',
      `${path} was written by a newer release (schema ${version}; this one reads up to ${schemaVersion}); run that release, or start with an empty data directory`,
    );
  }
}

function createTables(db: DatabaseSync): void {
  if (pragma(db, 'user_version') === schemaVersion) return;
  db.exec(`
    BEGIN EXCLUSIVE;
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${schemaVersion};
    ${tables}
    COMMIT;
  `);
}

function pragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return Number(row === undefined ? 0 : Object.values(row)[0]);
}
