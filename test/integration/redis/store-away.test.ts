// Redis stopped, frozen, full, demoted: what is asked fails at once with the right code, nothing is half done, and service is
// back soon after it is. And what one process appends, another one hears.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import type { AppendRequest, EntityKey, Journal } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore } from '#runtime/membership/redis/store.ts';
import type { RedisStoreOptions } from '#runtime/redis/settings.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis, type PrivateRedisOptions } from '#test/support/private-redis.ts';

const env = realEnv(silentLog);

async function createScene(
  server: PrivateRedisOptions = {},
  options: Partial<RedisStoreOptions> = {},
): Promise<{ readonly redis: PrivateRedis; readonly journal: Journal }> {
  const redis = await PrivateRedis.start(server);
  const journal = await openRedisJournal({ env, url: redis.url, ...options });
  onTestFinished(async () => {
    await journal.close();
    await redis.remove();
  });
  return { redis, journal };
}

function request(key: EntityKey, expectedVersion: number, epoch = 1): AppendRequest {
  const events = [{ type: 'thing.happened', version: 1, data: { after: expectedVersion } }];
  return { key, expectedVersion, epoch, requestId: undefined, events, atMs: 0 };
}

interface Outcome {
  readonly code: string;
  readonly tookMs: number;
}

/** How a call ends, and after how long. */
async function outcomeOf(pending: Promise<unknown>): Promise<Outcome> {
  const startMs = performance.now();
  const code = await pending.then(
    () => 'done',
    (error: unknown) => (error as { readonly code: string }).code,
  );
  return { code, tookMs: performance.now() - startMs };
}

async function untilServed(journal: Journal, withinMs: number): Promise<void> {
  await expect
    .poll(() => outcomeOf(journal.latest()), { timeout: withinMs, interval: 5 })
    .toMatchObject({ code: 'done' });
}

describe('a store that is away', () => {
  it('stopped: everything fails at once; back: it serves within 5 s', async () => {
    const { redis, journal } = await createScene();
    await journal.append(request('thing/1', 0));
    const underWay = Array.from({ length: 50 }, (_, index) =>
      outcomeOf(journal.append(request('thing/2', index))),
    );
    await redis.stop();
    for (const { code, tookMs } of await Promise.all(underWay)) {
      expect(['done', 'unavailable']).toContain(code);
      expect(tookMs).toBeLessThan(1_000);
    }
    const asked = [
      journal.append(request('thing/1', 1)),
      journal.read('thing/1', 0),
      journal.load(['thing/1']),
      journal.latest(),
      journal.nextEpoch('process'),
    ];
    for (const { code, tookMs } of await Promise.all(asked.map(outcomeOf))) {
      expect(code).toBe('unavailable');
      expect(tookMs).toBeLessThan(50);
    }
    await redis.start();
    await untilServed(journal, 5_000);
    const epoch = await journal.nextEpoch('process');
    expect(await journal.append(request('thing/1', 1, epoch))).toMatchObject({ ok: true });
  });

  it('gone for long: it serves within 5 s of being back, however often it was tried', async () => {
    const delays: number[] = [];
    const after = (delayMs: number, fn: () => void) => {
      delays.push(delayMs);
      return env.timers.after(delayMs, fn);
    };
    const timers = { ...env.timers, after };
    const { redis, journal } = await createScene({}, { env: { ...env, timers } });
    await redis.kill();
    // The waits between two attempts have grown to their bound.
    await expect
      .poll(() => delays.filter((delayMs) => delayMs === 1_000).length, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(2);
    expect((await outcomeOf(journal.latest())).code).toBe('unavailable');
    await redis.start();
    await untilServed(journal, 5_000);
  });

  it('frozen: what is under way fails after the silence that is allowed, the rest at once', async () => {
    const { redis, journal } = await createScene({}, { silenceMs: 500 });
    const heard: number[] = [];
    journal.subscribe(({ version }) => heard.push(version));
    await journal.append(request('thing/1', 0));
    redis.freeze();
    const first = await outcomeOf(journal.append(request('thing/1', 1)));
    expect(first.code).toBe('unavailable');
    expect(first.tookMs).toBeLessThan(1_000);
    const second = await outcomeOf(journal.append(request('thing/1', 2)));
    expect(second.code).toBe('unavailable');
    expect(second.tookMs).toBeLessThan(50);
    redis.thaw();
    await untilServed(journal, 5_000);
    // The same server: no epoch was lost, and the append under way was taken or not, but never twice.
    const { length } = await journal.read('thing/1', 0);
    expect([1, 2]).toContain(length);
    expect(await journal.append(request('thing/1', length))).toMatchObject({ ok: true });
    expect(heard).toEqual(Array.from({ length: length + 1 }, (_, index) => index + 1));
    expect(journal.generation()).toBe(0);
  });

  it('what others have compacted away meanwhile is a gap, told when the rest can be read', async () => {
    const { redis, journal } = await createScene();
    await journal.append(request('thing/1', 0));
    const heard: (string | number)[] = [];
    journal.subscribe(
      ({ position }) => heard.push(position),
      () => heard.push('gap'),
    );
    await redis.stop();
    const elsewhere = await PrivateRedis.start({
      directory: redis.directory,
      socket: `${redis.directory}/other.sock`,
    });
    const other = await openRedisJournal({ env, url: elsewhere.url });
    const epoch = await other.nextEpoch('process');
    for (const version of [1, 2, 3]) await other.append(request('thing/1', version, epoch));
    const about = { key: 'thing/1', version: 3, schema: 1, position: 3 } as const;
    await other.saveSnapshot({ ...about, state: null });
    await other.compact('thing/1', 3);
    await elsewhere.with((client) => client.xdel('{kilonova}:log', '0-1', '0-2', '0-3'));
    await other.close();
    await elsewhere.stop();
    await redis.start();
    await untilServed(journal, 5_000);
    expect(heard).toEqual(['gap', 4]);
    expect((await journal.read('thing/1', 0)).map(({ version }) => version)).toEqual([4]);
    expect(journal.head()).toBe(await journal.latest());
  });

  it('a cluster store fails and comes back alike', async () => {
    const { redis } = await createScene();
    const store = await openRedisClusterStore({ env, url: redis.url });
    onTestFinished(() => store.close());
    await store.initialise(4);
    await redis.kill();
    expect((await outcomeOf(store.table())).code).toBe('unavailable');
    await redis.start();
    await expect
      .poll(() => outcomeOf(store.table()), { timeout: 5_000 })
      .toMatchObject({ code: 'done' });
    expect(await store.initialise(9)).toBe(4);
    await store.close();
    expect((await outcomeOf(store.table())).code).toBe('closed');
  });

  it('not there at the start: the opening fails in words after the time that it was given', async () => {
    const url = 'unix:/nonexistent/redis.sock';
    const opening = openRedisJournal({ env, url, openWithinMs: 200 });
    await expect(opening).rejects.toMatchObject({ name: 'JournalFault', code: 'unavailable' });
    await expect(opening).rejects.toThrow(/Redis unix:\/nonexistent\/redis.sock can’t be reached/);
  });
});

describe('a store that can’t take more', () => {
  it('out of memory: appends are refused as full, reads go on, nothing is stored', async () => {
    const { redis, journal } = await createScene();
    await journal.append(request('thing/1', 0));
    await redis.with((client) => client.config('SET', 'maxmemory', '1'));
    const full = journal.append(request('thing/1', 1));
    await expect(full).rejects.toMatchObject({
      name: 'JournalFault',
      code: 'full',
      retryable: true,
    });
    await expect(full).rejects.toThrow(/raise its maxmemory/);
    expect(await journal.read('thing/1', 0)).toHaveLength(1);
    await redis.with((client) => client.config('SET', 'maxmemory', '0'));
    expect(await journal.append(request('thing/1', 1))).toMatchObject({ ok: true });
  });

  it('made a replica of another: appends are refused as unavailable, in words', async () => {
    const { redis, journal } = await createScene();
    await journal.append(request('thing/1', 0));
    await redis.with((client) => client.call('REPLICAOF', '127.0.0.1', '1'));
    await expect(journal.append(request('thing/1', 1))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect
      .poll(async () => {
        const error: unknown = await journal.latest().catch((error: unknown) => error);
        return (error as Error).message;
      })
      .toMatch(/is a replica, not the master/);
    await redis.with((client) => client.call('REPLICAOF', 'NO', 'ONE'));
    await untilServed(journal, 5_000);
    const epoch = await journal.nextEpoch('process');
    expect(await journal.append(request('thing/1', 1, epoch))).toMatchObject({ ok: true });
  });

  it('flushed under our feet: it is noticed, and what was heard is given back', async () => {
    const { redis, journal } = await createScene();
    await journal.append(request('thing/1', 0));
    await journal.append(request('thing/1', 1));
    await redis.with(async (client) => {
      await client.flushall();
      await client.function('FLUSH');
    });
    await expect(journal.append(request('thing/1', 2))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await untilServed(journal, 5_000);
    expect(await journal.read('thing/1', 0)).toHaveLength(2);
    const epoch = await journal.nextEpoch('process');
    expect(epoch).toBeGreaterThan(2 ** 32);
    expect(await journal.append(request('thing/1', 2, epoch))).toMatchObject({ ok: true });
  });
});

describe('several processes', () => {
  it('one hears what another one appends, in order and whole', async () => {
    const { redis, journal } = await createScene();
    const heard: unknown[] = [];
    journal.subscribe((entry) => heard.push(entry));
    const script = new URL('redis-writer.ts', import.meta.url).pathname;
    const child = fork(script, [redis.url, '200'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const positions: unknown[] = [];
    child.on('message', (position) => positions.push(position));
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(positions).toHaveLength(200);
    await expect.poll(() => journal.head()).toBe(positions.at(-1));
    expect(heard).toEqual(await journal.read('thing/1', 0));
    expect(heard).toHaveLength(200);
  });

  it('two that write at once hear the same, and each its own before the answers', async () => {
    const { redis, journal } = await createScene();
    const other = await openRedisJournal({ env, url: redis.url });
    onTestFinished(() => other.close());
    const heard = [journal, other].map((one) => {
      const positions: number[] = [];
      one.subscribe(({ position }) => positions.push(position));
      return positions;
    });
    const write = async (one: Journal, mine: number[], key: EntityKey): Promise<void> => {
      for (let version = 0; version < 150; version += 1) {
        const result = await one.append(request(key, version));
        expect(result.ok && mine.includes(result.position)).toBe(true);
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        write(index % 2 === 0 ? journal : other, heard[index % 2]!, `thing/${index}`),
      ),
    );
    const latest = await journal.latest();
    await expect.poll(() => [journal.head(), other.head()]).toEqual([latest, latest]);
    expect(heard[0]).toEqual(heard[1]);
    expect(heard[0]).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
  });
});
