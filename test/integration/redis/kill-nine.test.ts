// Redis killed again and again under load, AOF always, sometimes with a torn end of its file: nothing acknowledged is lost,
// a second process hears it all, no epoch is given out twice.
import { expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import type { JournalEntry } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

import { AppendLoad, findLost } from './append-load.ts';

const kills = 32;
const appendsBetween = 650;
const env = realEnv(silentLog);

it('loses none of 20 000 acknowledged appends over 32 kills of Redis', async () => {
  const redis = await PrivateRedis.start();
  const journal = await openRedisJournal({ env, url: redis.url });
  const witness = await openRedisJournal({ env, url: redis.url });
  onTestFinished(async () => {
    await Promise.all([journal.close(), witness.close()]);
    await redis.remove();
  });
  const heard: JournalEntry[] = [];
  let gaps = 0;
  witness.subscribe(
    (entry) => heard.push(entry),
    () => (gaps += 1),
  );
  const load = new AppendLoad({ journal, writers: 48, name: 'load' });
  for (let kill = 0; kill < kills; kill += 1) {
    await load.more(appendsBetween);
    await redis.kill();
    if (kill % 4 === 3) await redis.tear(torn);
    await redis.start();
  }
  await load.more(appendsBetween);
  await load.stop();

  const { acknowledged, epochs } = load;
  expect(acknowledged.length).toBeGreaterThanOrEqual(20_000);
  expect(await findLost(journal, acknowledged)).toEqual([]);
  expect(await redis.with((client) => client.exists('torn'))).toBe(0);
  expect(epochs.length).toBeGreaterThan(kills);
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  const latest = await journal.latest();
  await expect.poll(() => witness.head(), { timeout: 10_000 }).toBe(latest);
  expect(gaps).toBe(0);
  expect(heard.map(({ position }) => position)).toEqual(
    (await journal.entriesAfter(0, 1_000_000)).map(({ position }) => position),
  );
});

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Half a transaction. */
const torn = `${command('MULTI')}${command('SET', 'torn', 'yes')}*3\r\n$4\r\nHSET\r\n$20\r\nhalf a na`;
