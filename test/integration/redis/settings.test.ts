// A Redis that may forget what it has acknowledged is refused in words that name each setting and the mend, unless the
// profile says that this is acceptable.
import { describe, expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore } from '#runtime/membership/redis/store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

const env = realEnv(silentLog);

async function startRedis(settings: Readonly<Record<string, string>>): Promise<PrivateRedis> {
  const redis = await PrivateRedis.start({ settings });
  onTestFinished(() => redis.remove());
  return redis;
}

async function refusalOf(url: string): Promise<string> {
  const opening = openRedisJournal({ env, url });
  const error: unknown = await opening.then(
    async (journal) => {
      await journal.close();
      return new Error('it was not refused');
    },
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ name: 'JournalFault', code: 'unavailable' });
  return (error as Error).message;
}

describe('a Redis that may forget', () => {
  it('is refused with every setting that is wrong, what it must be, and how', async () => {
    const redis = await startRedis({
      appendonly: 'no',
      appendfsync: 'everysec',
      'no-appendfsync-on-rewrite': 'yes',
      'maxmemory-policy': 'allkeys-lru',
    });
    expect(await refusalOf(redis.url)).toBe(
      `Redis ${redis.url} may forget what it has acknowledged, so it is not used. ` +
        "appendonly is 'no' and must be 'yes' (CONFIG SET appendonly yes): without it a restart loses everything since the last dump; " +
        "appendfsync is 'everysec' and must be 'always' (CONFIG SET appendfsync always): otherwise it acknowledges what is not on the disk yet; " +
        "no-appendfsync-on-rewrite is 'yes' and must be 'no' (CONFIG SET no-appendfsync-on-rewrite no): otherwise it does not sync while it rewrites its file; " +
        "maxmemory-policy is 'allkeys-lru' and must be 'noeviction' (CONFIG SET maxmemory-policy noeviction): otherwise it deletes data when its memory is full. " +
        "Mend its settings, in its configuration file too, or start with the profile 'dev' if that is acceptable",
    );
  });

  it.each([
    ['appendonly', 'no'],
    ['appendfsync', 'everysec'],
    ['appendfsync', 'no'],
    ['no-appendfsync-on-rewrite', 'yes'],
    ['maxmemory-policy', 'volatile-ttl'],
  ])('%s %s alone is enough', async (setting, value) => {
    const redis = await startRedis({ [setting]: value });
    const words = await refusalOf(redis.url);
    expect(words).toContain(`${setting} is '${value}'`);
    expect(words.match(/ and must be /g)).toHaveLength(1);
  });

  it('is refused for the cluster’s table as well', async () => {
    const redis = await startRedis({ appendfsync: 'everysec' });
    await expect(openRedisClusterStore({ env, url: redis.url })).rejects.toThrow(/may forget/);
  });

  it('is served under the profile dev', async () => {
    const redis = await startRedis({ appendonly: 'no' });
    const journal = await openRedisJournal({ env, url: redis.url, profile: 'dev' });
    const events = [{ type: 'thing.happened', version: 1, data: 1 }];
    const request = { key: 'thing/1', expectedVersion: 0, epoch: 1, requestId: undefined } as const;
    expect(await journal.append({ ...request, events, atMs: 0 })).toMatchObject({ ok: true });
    await journal.close();
  });

  it('that does not tell its settings is refused', async () => {
    const redis = await startRedis({});
    await redis.with(async (client) => {
      await client.call('ACL', 'SETUSER', 'default', '-config');
    });
    expect(await refusalOf(redis.url)).toMatch(/does not tell its settings.*allow CONFIG GET/);
  });

  it('that becomes so while we are away is not used again until it is mended', async () => {
    const redis = await startRedis({});
    const journal = await openRedisJournal({ env, url: redis.url });
    onTestFinished(() => journal.close());
    await redis.with(async (client) => {
      await client.config('SET', 'appendfsync', 'everysec');
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    });
    const words = async (): Promise<string> => {
      const answer: unknown = await journal.latest().catch((error: unknown) => error);
      return answer instanceof Error ? answer.message : 'served';
    };
    await expect.poll(words).toMatch(/appendfsync is 'everysec'/);
    await redis.with((client) => client.config('SET', 'appendfsync', 'always'));
    await expect.poll(words, { timeout: 5_000 }).toBe('served');
  });

  it('with a password: a wrong one is refused in words that don’t repeat it', async () => {
    const redis = await PrivateRedis.start({ hasPort: true, settings: { requirepass: 'right' } });
    onTestFinished(() => redis.remove());
    const at = (password: string): string => `redis://:${password}@127.0.0.1:${redis.port}`;
    const opening = openRedisJournal({ env, url: at('wrong-secret'), openWithinMs: 0 });
    await expect(opening).rejects.toThrow(/WRONGPASS.*mend user and password/);
    await expect(opening).rejects.not.toThrow(/wrong-secret/);
    await (await openRedisJournal({ env, url: at('right') })).close();
  });

  it.each(['http://somewhere', 'redis://', 'redis://:secret@:99', 'unix:relative', ''])(
    'an address like %j is refused in words',
    async (url) => {
      const opening = openRedisJournal({ env, url, openWithinMs: 0 });
      await expect(opening).rejects.toThrow(/can't be read; write redis:\/\//);
      await expect(opening).rejects.not.toThrow(/secret/);
    },
  );
});
