// The SQLite journal under the contract, and what concerns files, processes and threads.
import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Env } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import {
  JournalFault,
  type EntityKey,
  type Journal,
  type JournalEntry,
} from '#runtime/journal/port.ts';
import { openSqliteJournal, type SqliteJournalOptions } from '#runtime/journal/sqlite/journal.ts';
import { startThread } from '#runtime/journal/sqlite/thread.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

import { describeJournal } from './journal-contract.ts';
import { event, request, type JournalHarness } from './journal-harness.ts';

const env = realEnv(silentLog);
const makeDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'kilonova-journal-'));

async function createHarness(): Promise<JournalHarness> {
  const directory = await makeDirectory();
  const path = join(directory, 'journal.db');
  return {
    open: () => openSqliteJournal({ env, path }),
    damage: async (key, version) => changeEvent(path, key, version),
    dispose: () => rm(directory, { recursive: true }),
  };
}

describeJournal('sqlite', createHarness, { modelRuns: 25 });

/** A journal in a directory of its own; both are gone after the test. */
async function openOne(options: Partial<SqliteJournalOptions> = {}) {
  const directory = await makeDirectory();
  const path = join(directory, 'data', 'journal.db');
  const journal = await openSqliteJournal({ env, path, ...options });
  onTestFinished(async () => {
    await journal.close();
    await rm(directory, { recursive: true });
  });
  return { journal, path };
}

async function fill(journal: Journal, key: EntityKey, count: number): Promise<void> {
  const versions = Array.from({ length: count }, (_, version) => version);
  const results = await Promise.all(
    versions.map((version) => journal.append(request(key, version))),
  );
  expect(results.every((result) => result.ok)).toBe(true);
}

function edit(path: string, sql: string, ...values: (string | number)[]): void {
  const db = new DatabaseSync(path);
  db.prepare(sql).run(...values);
  db.close();
}

/** Changes one digit or letter of what is stored, so that it is still JSON. */
function changeEvent(path: string, key: string, version: number): void {
  edit(
    path,
    `UPDATE entries SET events = replace(events, 'after', 'After')
     WHERE version = ? AND stream = (SELECT id FROM streams WHERE key = ?)`,
    version,
    key,
  );
}

describe('sqlite journal: the log is checked when it is read', () => {
  const tamperings: readonly (readonly [what: string, sql: string, found: RegExp])[] = [
    [
      'a changed version',
      'UPDATE entries SET epoch = 9 WHERE version = 3',
      /thing\/1: the entry at version 3/,
    ],
    [
      'a changed time',
      'UPDATE entries SET at_ms = 9 WHERE version = 3',
      /thing\/1: the entry at version 3/,
    ],
    [
      'a missing entry',
      'DELETE FROM entries WHERE version = 3',
      /thing\/1: .* version 4 is damaged|events 3 to 3 are missing/,
    ],
    [
      'a cut-off end',
      'DELETE FROM entries WHERE version = 5',
      /thing\/1: events 5 to 5 are missing/,
    ],
    ['a cut-off start', 'DELETE FROM entries WHERE version <= 2', /thing\/1: /],
    ['an emptied stream', 'DELETE FROM entries', /thing\/1: events 1 to 5 are missing/],
  ];
  it.each(tamperings)('%s is found', async (_what, sql, found) => {
    const { journal, path } = await openOne();
    await fill(journal, 'thing/1', 5);
    await journal.close();
    edit(path, sql);
    const again = await openSqliteJournal({ env, path });
    onTestFinished(() => again.close());
    await expect(again.read('thing/1', 0)).rejects.toThrow(found);
    await expect(again.load(['thing/1'])).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('a damaged snapshot is found', async () => {
    const { journal, path } = await openOne();
    await fill(journal, 'thing/1', 2);
    await journal.saveSnapshot({
      key: 'thing/1',
      version: 2,
      schema: 1,
      state: 'state',
      position: 2,
    });
    await journal.close();
    edit(path, 'UPDATE snapshots SET schema = 2');
    const again = await openSqliteJournal({ env, path });
    onTestFinished(() => again.close());
    await expect(again.loadSnapshot('thing/1')).rejects.toThrow(
      /thing\/1: the snapshot at version 2 is damaged/,
    );
  });
});

describe('sqlite journal: the file', () => {
  const refusal = async (path: string): Promise<JournalFault> => {
    const error = await openSqliteJournal({ env, path }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(JournalFault);
    return error as JournalFault;
  };

  it('is made with its directory, in WAL mode, and synced at every commit', async () => {
    const { journal, path } = await openOne();
    await fill(journal, 'thing/1', 1);
    await journal.close();
    const db = new DatabaseSync(path);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    db.close();
  });

  it('in use by another journal is refused in words, and free again when that one is closed', async () => {
    const { journal, path } = await openOne();
    const fault = await refusal(path);
    expect(fault).toMatchObject({ code: 'unavailable', retryable: true });
    expect(fault.message).toBe(`${path} is in use by another process; stop that one first`);
    await journal.close();
    const again = await openSqliteJournal({ env, path });
    await again.close();
  });

  it('of a newer release is refused in words', async () => {
    const { journal, path } = await openOne();
    await journal.close();
    edit(path, 'PRAGMA user_version = 2');
    const fault = await refusal(path);
    expect(fault).toMatchObject({ code: 'corrupt', retryable: false });
    expect(fault.message).toMatch(
      /written by a newer release \(schema 2; this one reads up to 1\)/,
    );
  });

  it('that is someone else’s database, or no database, is refused and left alone', async () => {
    const directory = await makeDirectory();
    onTestFinished(() => rm(directory, { recursive: true }));
    const [foreign, text] = [join(directory, 'foreign.db'), join(directory, 'text.db')];
    edit(foreign, 'CREATE TABLE theirs (x)');
    await writeFile(text, 'not a database, but long enough to look at: '.repeat(100));
    expect((await refusal(foreign)).message).toMatch(/not a journal of ours/);
    expect((await refusal(text)).code).toBe('corrupt');
    const db = new DatabaseSync(foreign);
    expect(db.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'theirs' }]);
    db.close();
  });

  it('that cannot be made is refused with its path', async () => {
    const directory = await makeDirectory();
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, 'file');
    await writeFile(file, 'in the way of a directory');
    expect((await refusal(join(file, 'journal.db'))).message).toContain(file);
    expect((await refusal(directory)).message).toContain(directory);
  });

  it('that is full refuses writes as a whole, keeps serving reads, and takes writes again when there is room', async () => {
    const { journal, path } = await openOne({ maxBytes: 400_000 });
    const appendBig = (journal: Journal, index: number) => {
      const events = [event('x'.repeat(20_000)), event('y')];
      return journal.append(request(`thing/${index}`, 0, { events, requestId: 'req-1' }));
    };
    const full = { code: 'full', retryable: true };
    let stored = 0;
    for (; stored < 100; stored += 1) {
      const fault: unknown = await appendBig(journal, stored).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (fault === undefined) continue;
      expect(fault).toMatchObject(full);
      break;
    }
    expect(stored).toBeGreaterThan(5);
    expect(stored).toBeLessThan(100);
    const together = [journal.append(request('small/1', 0)), appendBig(journal, stored)];
    expect(await Promise.allSettled(together)).toMatchObject([{ reason: full }, { reason: full }]);
    const small = { ok: true, version: 1, position: stored + 1 };
    expect(await journal.append(request('small/1', 0))).toEqual(small);
    const entries = await journal.entriesAfter(0, 1_000);
    expect(entries.map(({ position }) => position)).toEqual(entries.map((_, index) => index + 1));
    expect(entries.map(({ events }) => events.length)).toEqual([
      ...Array<number>(stored).fill(2),
      1,
    ]);
    await journal.close();
    const roomy = await openSqliteJournal({ env, path, maxBytes: 40_000_000 });
    onTestFinished(() => roomy.close());
    expect(await appendBig(roomy, stored)).toMatchObject({ ok: true, version: 2 });
  });
});

describe('sqlite journal: request ids', () => {
  it('are kept for a day, then forgotten in batches', async () => {
    const timers: { delayMs: number; fn: () => void }[] = [];
    let nowMs = 1_000_000_000;
    const steppable: Env = {
      ...env,
      clock: { ...env.clock, now: () => nowMs },
      timers: {
        soon: (fn) => env.timers.soon(fn),
        after: (delayMs, fn) => {
          timers.push({ delayMs, fn });
          return () => undefined;
        },
      },
    };
    const { journal } = await openOne({ env: steppable });
    const append = (index: number, requestId: string) =>
      journal.append(request(`thing/${index}`, index < 1_200 ? 0 : 1, { requestId }));
    const old = Array.from({ length: 1_200 }, (_, index) => append(index, 'req-old'));
    await Promise.all(old);
    nowMs += 1;
    await journal.append(request('young/1', 0, { requestId: 'req-young' }));
    nowMs += 24 * 3_600_000;
    const rounds: number[] = [];
    for (let timer = timers.shift(); timer !== undefined; timer = timers.shift()) {
      rounds.push(timer.delayMs);
      if (rounds.length > 4) break;
      timer.fn();
      await expect.poll(() => timers.length, { message: 'the next pruning' }).toBe(1);
    }
    expect(rounds.slice(0, 4)).toEqual([600_000, 0, 0, 600_000]);
    expect(await journal.append(request('young/1', 1, { requestId: 'req-young' }))).toMatchObject({
      reason: 'duplicate',
    });
    expect(await journal.append(request('thing/7', 1, { requestId: 'req-old' }))).toMatchObject({
      ok: true,
    });
  });
});

describe('sqlite journal: its thread', () => {
  const openWithThreads = async () => {
    const threads: Worker[] = [];
    const opened = await openOne({
      startThread: (init) => {
        const thread = startThread(init);
        threads.push(thread);
        return thread;
      },
    });
    return { ...opened, threads };
  };
  const settle = (pending: readonly Promise<unknown>[]) =>
    Promise.all(
      pending.map((one) =>
        one.then(
          () => 'done',
          (error: unknown) => error,
        ),
      ),
    );

  it('dying answers everything asked as unavailable, and another takes over with nothing lost', async () => {
    const { journal, threads } = await openWithThreads();
    const heard: JournalEntry[] = [];
    journal.subscribe((entry) => heard.push(entry));
    await fill(journal, 'thing/1', 3);
    const pending = Array.from({ length: 200 }, (_, index) =>
      journal.append(request('thing/1', index + 3)),
    );
    await new Promise<void>((resolve) => void env.timers.soon(resolve));
    await threads[0]!.terminate();
    const outcomes = await settle(pending);
    const lost = outcomes.filter((outcome) => outcome !== 'done');
    expect(lost.length).toBeGreaterThan(0);
    expect(lost).toEqual(
      lost.map(() => expect.objectContaining({ code: 'unavailable', retryable: true })),
    );
    expect(await settle([journal.read('thing/1', 0)])).toMatchObject([{ code: 'unavailable' }]);
    await expect
      .poll(() => settle([journal.read('thing/1', 0)]), { timeout: 10_000 })
      .toEqual(['done']);
    const stored = await journal.read('thing/1', 0);
    expect(stored.length).toBeGreaterThanOrEqual(203 - lost.length);
    expect(heard).toEqual(stored);
    expect(journal.head()).toBe(stored.at(-1)?.position);
    expect(await journal.append(request('thing/1', stored.length))).toMatchObject({ ok: true });
    expect(threads).toHaveLength(2);
  });

  it('commits whose replies were lost are heard when the next one takes over', async () => {
    const { journal, threads } = await openWithThreads();
    const heard: number[] = [];
    journal.subscribe((entry) => heard.push(entry.version));
    await fill(journal, 'thing/1', 1);
    threads[0]!.removeAllListeners('message');
    const lost = settle([
      journal.append(request('thing/1', 1)),
      journal.append(request('thing/1', 2)),
    ]);
    await allWritten(threads[0]!);
    await threads[0]!.terminate();
    expect(await lost).toMatchObject([{ code: 'unavailable' }, { code: 'unavailable' }]);
    await expect
      .poll(() => heard, { timeout: 10_000, message: 'the lost entries' })
      .toEqual([1, 2, 3]);
  });

  it('ending by itself after a failed commit answers first, and nothing of that commit is stored', async () => {
    const threads: Worker[] = [];
    const { journal } = await openOne({
      startThread: (workerData) => {
        const failing = new URL('./failing-thread.ts', import.meta.url);
        threads.push(
          threads.length === 0 ? new Worker(failing, { workerData }) : startThread(workerData),
        );
        return threads.at(-1)!;
      },
    });
    await fill(journal, 'thing/1', 1);
    const append = request('thing/1', 1, { requestId: 'req-1' });
    await expect(journal.append(append)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('disk I/O error'),
    });
    await expect
      .poll(() => settle([journal.append(append)]), { timeout: 10_000 })
      .toEqual(['done']);
    expect((await journal.read('thing/1', 0)).map(({ version }) => version)).toEqual([1, 2]);
    expect(threads).toHaveLength(2);
  });

  it('refuses more than it should ever have waiting', async () => {
    const { journal } = await openOne();
    const asked = Array.from({ length: 20_002 }, () => journal.loadSnapshot('thing/1'));
    const outcomes = await settle(asked);
    const refused = outcomes.filter((outcome) => outcome !== 'done');
    expect(refused).toEqual([1, 2].map(() => expect.objectContaining({ code: 'unavailable' })));
  });

  it('a journal closed while its thread is dead closes at once', async () => {
    const { journal, threads } = await openWithThreads();
    await threads[0]!.terminate();
    await journal.close();
    await expect(journal.append(request('thing/1', 0))).rejects.toMatchObject({ code: 'closed' });
    expect(threads).toHaveLength(1);
  });
});

/** The thread answers in order, so an answered question means that the writes before it are on disk. */
async function allWritten(thread: Worker): Promise<void> {
  await new Promise<void>((resolve) => void env.timers.soon(resolve));
  thread.postMessage([{ id: -1, op: { op: 'loadSnapshot', key: 'thing/1' } }], []);
  for await (const [message] of on(thread, 'message')) {
    const { replies } = message as { readonly replies: readonly { readonly id: number }[] };
    if (replies.some(({ id }) => id === -1)) return;
  }
}

describe('sqlite journal: a process killed in the middle of appends', () => {
  it('loses no acknowledged append and leaves no torn one', { timeout: 60_000 }, async () => {
    const directory = await makeDirectory();
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'journal.db');
    const versions = new Map<EntityKey, number>();
    for (let round = 0; round < 4; round += 1) {
      await appendUntilKilled(path, versions, 40 + round * 60);
      const journal = await openSqliteJournal({ env, path });
      for (const [key, acknowledged] of versions) {
        const entries = await journal.read(key, 0);
        const reached = entries.at(-1)?.version ?? 0;
        expect(reached).toBeGreaterThanOrEqual(acknowledged);
        expect(entries.map(({ events }) => events.length)).toEqual(entries.map(() => 2));
        versions.set(key, reached);
      }
      await journal.close();
    }
    expect(versions.size).toBe(4);
  });
});

/** Runs journal-writer.ts until it has told of `count` acknowledged appends; notes the versions that it told of. */
async function appendUntilKilled(
  path: string,
  versions: Map<EntityKey, number>,
  count: number,
): Promise<void> {
  const script = new URL('./journal-writer.ts', import.meta.url);
  const child = fork(script, [path], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let left = count;
  child.on('message', ([key, version]: [EntityKey, number]) => {
    versions.set(key, Math.max(version, versions.get(key) ?? 0));
    left -= 1;
    if (left === 0) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
}
