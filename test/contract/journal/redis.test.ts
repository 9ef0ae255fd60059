// The Redis journal under the contract, on a private redis-server that syncs every append. What needs it killed, frozen
// or replicated is in test/integration/redis/.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';
import { changeEntry } from '#test/support/redis-log.ts';

import { describeJournal } from './journal-contract.ts';
import { request, type JournalHarness } from './journal-harness.ts';

const env = realEnv(silentLog);
let redis: PrivateRedis;
let cells = 0;
beforeAll(async () => {
  redis = await PrivateRedis.start();
});
afterAll(() => redis.remove());

async function createHarness(): Promise<JournalHarness> {
  cells += 1;
  const cell = `cell-${cells}`;
  return {
    open: () => openRedisJournal({ env, url: redis.url, cell }),
    damage: (key, version) =>
      redis.with((client) =>
        changeEntry(client, cell, { key, version }, (text) => text.replace('after', 'After')),
      ),
    dispose: async () => {},
  };
}

describeJournal('redis', createHarness, { modelRuns: 25 });

/** A journal of its own cell, closed after the test. */
async function openOne(): Promise<{ readonly journal: Journal; readonly root: string }> {
  cells += 1;
  const cell = `cell-${cells}`;
  const journal = await openRedisJournal({ env, url: redis.url, cell });
  onTestFinished(() => journal.close());
  return { journal, root: `{${cell}}` };
}

async function fill(journal: Journal, count: number): Promise<void> {
  for (let version = 0; version < count; version += 1)
    expect(await journal.append(request('thing/1', version))).toMatchObject({ ok: true });
}

describe('redis journal: the log is checked when it is read', () => {
  const tamperings: readonly (readonly [
    what: string,
    command: readonly string[],
    found: RegExp,
  ])[] = [
    ['a missing entry', ['XDEL', ':log', '0-3'], /thing\/1: events 3 to 3 are missing/],
    ['a cut-off end', ['XDEL', ':log', '0-5'], /thing\/1: events 5 to 5 are missing/],
    ['a cut-off start', ['XDEL', ':log', '0-1', '0-2'], /thing\/1: events 1 to 2 are missing/],
    ['an emptied log', ['DEL', ':log'], /thing\/1: events 1 to 5 are missing/],
    [
      'a forgotten place',
      ['LTRIM', ':p:thing/1', '0', '-3'],
      /thing\/1: events 5 to 5 are missing/,
    ],
    [
      'a changed base',
      ['HSET', ':s:thing/1', 'bv', '2', 'bc', '7'],
      /thing\/1: the entry at version 3/,
    ],
    ['another type of value', ['SET', ':s:thing/1', 'text'], /WRONGTYPE.*somebody else/],
  ];
  it.each(tamperings)('%s is found', async (_what, [command = '', key = '', ...rest], found) => {
    const { journal, root } = await openOne();
    await fill(journal, 5);
    await redis.with((client) => client.call(command, `${root}${key}`, ...rest));
    const from = command === 'HSET' ? 2 : 0;
    await expect(journal.read('thing/1', from)).rejects.toThrow(found);
    await expect(journal.read('thing/1', from)).rejects.toMatchObject({ code: 'corrupt' });
    await expect(journal.load(['thing/1'])).rejects.toMatchObject({ code: 'corrupt' });
  });

  it.each([
    ['a damaged snapshot', 'SETRANGE', '3'],
    ['a missing snapshot', 'DEL', undefined],
  ])('%s is found', async (_what, command, offset) => {
    const { journal, root } = await openOne();
    await fill(journal, 2);
    const about = { key: 'thing/1', version: 2, schema: 1, position: 2 } as const;
    await journal.saveSnapshot({ ...about, state: 'state' });
    const rest = offset === undefined ? [] : [offset, '9'];
    await redis.with((client) => client.call(command, `${root}:n:thing/1`, ...rest));
    const found = /thing\/1: the snapshot at version 2 is damaged/;
    await expect(journal.loadSnapshot('thing/1')).rejects.toThrow(found);
    await expect(journal.load(['thing/1'])).rejects.toMatchObject({ code: 'corrupt' });
  });
});

describe('redis journal: what lies in Redis', () => {
  it('all keys of a cell lie in one slot, whatever their names hold', async () => {
    const { journal, root } = await openOne();
    await journal.append(request('thing/{other}', 0, { requestId: '}{', fence: '{fence}' }));
    await journal.nextEpoch('{fence}');
    const about = { key: 'thing/{other}', version: 1, schema: 1, position: 1 } as const;
    await journal.saveSnapshot({ ...about, state: null });
    const keys = await redis.with((client) => client.keys(`${root}*`));
    expect(keys.length).toBeGreaterThanOrEqual(7);
    expect(new Set(keys.map((key) => /\{(.*?)\}/.exec(key)?.[1]))).toEqual(
      new Set([root.slice(1, -1)]),
    );
  });

  it('a request id is remembered for a whole day, and not for a third', async () => {
    const { journal, root } = await openOne();
    const first = request('thing/1', 0, { requestId: 'req-1' });
    await journal.append(first);
    await redis.with(async (client) => {
      const [key = ''] = await client.keys(`${root}:r:*`);
      const day = Number(/:r:(\d+):/.exec(key)?.[1]);
      expect(await client.pttl(key)).toBeGreaterThan(24 * 3_600_000 - 60_000);
      const onDay = (number: number): string => key.replace(`:${day}:`, `:${number}:`);
      // As if it had been yesterday.
      await client.rename(key, onDay(day - 1));
      await client.hset(`${root}:s:thing/1`, 'd', day - 1);
      expect(await journal.append(first)).toMatchObject({ reason: 'duplicate', version: 1 });
      await journal.append(request('thing/1', 1, { requestId: 'req-2' }));
      expect(await client.hmget(`${root}:s:thing/1`, 'd', 'b')).toEqual([`${day}`, `${day - 1}`]);
      expect(await journal.append(first)).toMatchObject({ reason: 'duplicate', version: 1 });
      await client.rename(onDay(day - 1), onDay(day - 2));
      expect(await journal.append(first)).toMatchObject({ reason: 'conflict' });
    });
  });

  it('what compaction drops stays in the log for a minute, and is deleted then', async () => {
    const { journal, root } = await openOne();
    await fill(journal, 5);
    const about = { key: 'thing/1', version: 4, schema: 1, position: 4 } as const;
    await journal.saveSnapshot({ ...about, state: null });
    await journal.compact('thing/1', 4);
    await redis.with(async (client) => {
      const length = (): Promise<number> => client.xlen(`${root}:log`);
      await journal.compact('thing/1', 4);
      expect(await length()).toBe(5);
      const gone = await client.lrange(`${root}:gone`, 0, -1);
      expect(gone.filter((_, index) => index % 2 === 1)).toEqual(['1', '2', '3', '4']);
      await client.del(`${root}:gone`);
      const longAgo = gone.map((value, index) =>
        index % 2 === 0 ? String(Number(value) - 61_000) : value,
      );
      await client.rpush(`${root}:gone`, ...longAgo);
      await journal.compact('thing/1', 4);
      expect(await length()).toBe(1);
      expect(await client.exists(`${root}:gone`)).toBe(0);
    });
    expect((await journal.read('thing/1', 0)).map(({ version }) => version)).toEqual([5]);
    expect(await journal.latest()).toBe(5);
  });

  it('many who ask for the latest position at once ask Redis once', async () => {
    const { journal } = await openOne();
    const calls = (): Promise<number> =>
      redis.with(async (client) =>
        Number(/cmdstat_fcall:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]),
      );
    const before = await calls();
    await Promise.all(Array.from({ length: 100 }, () => journal.latest()));
    expect((await calls()) - before).toBe(1);
    await journal.latest();
    expect((await calls()) - before).toBe(2);
  });
});
