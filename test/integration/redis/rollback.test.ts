// A store that went back in time: an older copy of its files is put back. It is noticed, given back what this process has
// heard, and never gives out an epoch again; what nobody can give back is refused in words.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Env, Log } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import type { AppendRequest, EntityKey, Journal } from '#runtime/journal/port.ts';
import { GENERATION_SIZE, JournalFault } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore } from '#runtime/membership/redis/store.ts';
import { fenceOf } from '#runtime/membership/store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

const env = realEnv(silentLog);

interface Scene {
  readonly redis: PrivateRedis;
  readonly directory: string;
  readonly memoryPath: string;
  open(options?: OpenOptions): Promise<Journal>;
  /** Keeps a copy of the store's files as they are now. */
  keep(): Promise<void>;
  /** The store starts again on the copy. */
  putBack(): Promise<void>;
}

interface OpenOptions {
  readonly env?: Env;
  readonly memory?: string;
  readonly acceptRollback?: boolean;
}

async function createScene(): Promise<Scene> {
  const redis = await PrivateRedis.start();
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-rollback-'));
  const opened: Journal[] = [];
  onTestFinished(async () => {
    await Promise.all(opened.map((journal) => journal.close()));
    await redis.remove();
    await rm(directory, { recursive: true });
  });
  const files = join(redis.directory, 'appendonlydir');
  const copy = join(directory, 'copy');
  const memoryPath = join(directory, 'store.json');
  return {
    redis,
    directory,
    memoryPath,
    open: async ({ env: own = env, memory = memoryPath, acceptRollback = false } = {}) => {
      const options = { env: own, url: redis.url, memoryPath: memory, acceptRollback };
      const journal = await openRedisJournal(options);
      opened.push(journal);
      return journal;
    },
    keep: async () => {
      await redis.stop();
      await cp(files, copy, { recursive: true });
      await redis.start();
    },
    putBack: async () => {
      await redis.kill();
      await rm(files, { recursive: true });
      await cp(copy, files, { recursive: true });
      await redis.start();
    },
  };
}

function request(key: EntityKey, expectedVersion: number, epoch: number): AppendRequest {
  const events = [{ type: 'thing.happened', version: 1, data: { after: expectedVersion } }];
  const requestId = `${key}-${expectedVersion}`;
  return { key, expectedVersion, epoch, requestId, events, atMs: 7 };
}

/** Repeats what the store refuses because it is away, for a bounded time. */
async function eventually<T>(run: () => Promise<T>, withinMs = 10_000): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const isAway = error instanceof JournalFault && error.code === 'unavailable';
      if (!isAway || performance.now() - startMs > withinMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function fill(journal: Journal, key: EntityKey, from: number, to: number): Promise<void> {
  const epoch = await eventually(() => journal.nextEpoch('writer'));
  for (let version = from; version < to; version += 1) {
    expect(await journal.append(request(key, version, epoch))).toMatchObject({ ok: true });
  }
}

function listeningLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (_fields: object, message: string): void => void lines.push(message);
  const log: Log = { ...silentLog, warn: keep, error: keep, child: () => log };
  return { log, lines };
}

describe('a store that went back in time', () => {
  it('is given back what was heard, in its place, and the events are the same', async () => {
    const scene = await createScene();
    const { log, lines } = listeningLog();
    const journal = await scene.open({ env: realEnv(log) });
    await fill(journal, 'thing/1', 0, 5);
    await scene.keep();
    await fill(journal, 'thing/1', 5, 8);
    await fill(journal, 'thing/2', 0, 3);
    const before = await journal.entriesAfter(0, 100);
    let gaps = 0;
    journal.subscribe(
      () => undefined,
      () => (gaps += 1),
    );
    await scene.putBack();
    expect(await eventually(() => journal.entriesAfter(0, 100))).toEqual(before);
    expect(lines.filter((line) => line.includes('recovered'))).toEqual([
      'the store had gone back in time; recovered 6 events',
    ]);
    expect(gaps).toBe(0);
    expect(journal.head()).toBe(before.at(-1)?.position);
    const epoch = await journal.nextEpoch('writer');
    expect(await journal.append(request('thing/2', 2, epoch))).toMatchObject({
      reason: 'duplicate',
    });
    expect(await journal.append(request('thing/2', 3, epoch))).toMatchObject({
      ok: true,
      version: 4,
    });
  });

  it('gives out no epoch twice, and fences all of those before', async () => {
    const scene = await createScene();
    const journal = await scene.open();
    const store = await openRedisClusterStore({
      env,
      url: scene.redis.url,
      memoryPath: scene.memoryPath,
    });
    onTestFinished(() => store.close());
    await store.initialise(4);
    await scene.keep();
    const given: number[] = [];
    const claim = async (): Promise<void> => {
      const { shards } = await eventually(() => store.table());
      const claim = { shard: 2, expectedEpoch: shards[2]!.epoch, owner: 'a', incarnation: 1 };
      const [row] = await eventually(() => store.claimShards([claim]));
      given.push(row!.epoch);
    };
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 5; count += 1) await claim();
      given.push(await eventually(() => journal.nextEpoch(fenceOf(2))));
      await scene.putBack();
    }
    await claim();
    expect(given).toEqual([...new Set(given)].sort((a, b) => a - b));
    expect(journal.generation()).toBeGreaterThanOrEqual(3);
    expect((await store.table()).generation).toBe(journal.generation());
    const last = given.at(-1)!;
    const append = (epoch: number) =>
      journal.append({ ...request('thing/9', 0, epoch), fence: fenceOf(2) });
    for (const epoch of given.slice(0, -1)) {
      expect(await append(epoch)).toEqual({ ok: false, reason: 'fenced', epoch: last });
    }
    expect(await append(last)).toMatchObject({ ok: true });
  });

  it('that went on without us keeps what it took, and gets back the streams that still fit', async () => {
    const scene = await createScene();
    const { log, lines } = listeningLog();
    const journal = await scene.open({ env: realEnv(log) });
    await fill(journal, 'thing/1', 0, 2);
    await scene.keep();
    await fill(journal, 'thing/1', 2, 4);
    await fill(journal, 'thing/2', 0, 2);
    let gaps = 0;
    journal.subscribe(
      () => undefined,
      () => (gaps += 1),
    );
    // Somebody else, who knows nothing of it, is quicker than we are.
    await scene.redis.kill();
    await rm(join(scene.redis.directory, 'appendonlydir'), { recursive: true });
    await cp(join(scene.directory, 'copy'), join(scene.redis.directory, 'appendonlydir'), {
      recursive: true,
    });
    const address = `${scene.redis.directory}/other.sock`;
    const stranger = await PrivateRedis.start({
      directory: scene.redis.directory,
      socket: address,
    });
    const other = await openRedisJournal({ env, url: stranger.url });
    const epoch = await other.nextEpoch('writer');
    const theirs = { ...request('thing/1', 2, epoch), requestId: 'theirs' };
    expect(await other.append(theirs)).toMatchObject({ ok: true });
    await other.close();
    await stranger.stop();
    await scene.redis.start();
    const versions = async (key: EntityKey): Promise<readonly number[]> =>
      (await journal.read(key, 0)).map(({ version }) => version);
    await eventually(() => journal.latest());
    expect(await versions('thing/1')).toEqual([1, 2, 3]);
    expect(await versions('thing/2')).toEqual([1, 2]);
    expect(gaps).toBe(1);
    expect(lines).toContain('some streams have gone on without what was lost');
    await fill(journal, 'thing/1', 3, 5);
    expect(journal.head()).toBe(await journal.latest());
  });
});

describe('a process that starts on a store that went back in time', () => {
  it('refuses it in words, and serves it when the loss is accepted', async () => {
    const scene = await createScene();
    const journal = await scene.open();
    await fill(journal, 'thing/1', 0, 3);
    await scene.keep();
    await fill(journal, 'thing/1', 3, 6);
    const generation = journal.generation();
    await journal.close();
    await scene.putBack();
    const refused = scene.open();
    await expect(refused).rejects.toMatchObject({ name: 'JournalFault', code: 'corrupt' });
    await expect(refused).rejects.toThrow(
      /has gone back in time: its history ends at position 3 .* knows it up to 6\. .*put the newest files back.*acceptRollback/s,
    );
    const accepting = await scene.open({ acceptRollback: true });
    expect(accepting.generation()).toBeGreaterThan(generation);
    expect(await accepting.read('thing/1', 0)).toHaveLength(3);
    await accepting.close();
    const later = await scene.open();
    expect(later.head()).toBe(3);
  });

  it('knows the epochs that were given out, even if only its file does', async () => {
    const scene = await createScene();
    await scene.keep();
    const epochs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const journal = await scene.open();
      epochs.push(await journal.nextEpoch('process'), await journal.nextEpoch('process'));
      await journal.close();
      await scene.putBack();
    }
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    expect(epochs.at(-1)).toBeGreaterThan(2 * GENERATION_SIZE);
  });

  it('refuses another store than the one it has worked with', async () => {
    const scene = await createScene();
    const journal = await scene.open();
    await fill(journal, 'thing/1', 0, 1);
    await journal.close();
    await scene.redis.with((client) => client.flushall());
    await expect(scene.open()).rejects.toThrow(/gone back in time: its history ends at position 0/);
    await (await scene.open({ memory: join(scene.directory, 'nothing.json') })).close();
    await expect(scene.open()).rejects.toThrow(/holds another store .* Mend the address/);
  });

  it('goes on when its file is damaged, and says so', async () => {
    const scene = await createScene();
    const { log, lines } = listeningLog();
    const journal = await scene.open({ env: realEnv(log) });
    await fill(journal, 'thing/1', 0, 1);
    await journal.close();
    await writeFile(scene.memoryPath, '{"store": 5');
    const again = await scene.open({ env: realEnv(log) });
    expect(await again.read('thing/1', 0)).toHaveLength(1);
    expect(lines).toContain('what was known of the store can’t be read; going on without');
  });
});
