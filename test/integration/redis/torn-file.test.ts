// A power cut in the middle of an append leaves half a transaction at the end of Redis's file. Redis 7.0 cuts the file off
// behind the last whole command, not before the MULTI, and the next start takes what was written since for the rest of
// that transaction: the half append would come back from the dead. A restarted store therefore begins a new file first.
import { expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import type { EntityKey, Journal } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

const env = realEnv(silentLog);

function command(...words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

/** What an append of `thing/1` at version 3 writes, up to a place. */
const header = '1 2 ["thing/1",3,4,1,null,0]';
const written = [
  command('MULTI'),
  command('XADD', '{kilonova}:log', '0-4', 'a', header, 't', '[["thing.torn",1,{}]]'),
  command('HSET', '{kilonova}:s:thing/1', 'v', '4', 'c', '2'),
  command('RPUSH', '{kilonova}:p:thing/1', '4', '4'),
  command('EXEC'),
];

async function append(journal: Journal, key: EntityKey, expectedVersion: number): Promise<void> {
  const epoch = await journal.nextEpoch('writer');
  const events = [{ type: 'thing.happened', version: 1, data: { after: expectedVersion } }];
  const request = { key, expectedVersion, epoch, requestId: undefined, events, atMs: 0 };
  expect(await journal.append(request)).toMatchObject({ ok: true });
}

it.each([1, 2, 3, 4])('half an append, torn in its command %i, never comes back', async (whole) => {
  const redis = await PrivateRedis.start();
  onTestFinished(() => redis.remove());
  const first = await openRedisJournal({ env, url: redis.url });
  for (let version = 0; version < 3; version += 1) await append(first, 'thing/1', version);
  await first.close();
  await redis.kill();
  await redis.tear(written.slice(0, whole).join('') + written[whole]!.slice(0, -4));

  await redis.start();
  const second = await openRedisJournal({ env, url: redis.url });
  await append(second, 'thing/2', 0);
  await append(second, 'thing/1', 3);
  const stored = await second.entriesAfter(0, 100);
  expect(stored.map(({ key, version }) => `${key}@${version}`)).toEqual([
    'thing/1@1',
    'thing/1@2',
    'thing/1@3',
    'thing/2@1',
    'thing/1@4',
  ]);
  await second.close();
  await expect
    .poll(() => redis.with((client) => client.info('persistence')))
    .toMatch(/rewrite_in_progress:0/);
  await redis.kill();
  await redis.start();
  const third = await openRedisJournal({ env, url: redis.url });
  expect(await third.entriesAfter(0, 100)).toEqual(stored);
  expect(await third.read('thing/1', 0)).toHaveLength(4);
  await third.close();
});
