// A replicated Redis: nothing is acknowledged before a replica has it, so a failover to that replica loses nothing; and a
// replicated Redis that would go on alone is refused.
import { expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { GENERATION_SIZE } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

import { AppendLoad, findLost } from './append-load.ts';

const env = realEnv(silentLog);
const careful = {
  'min-replicas-to-write': '1',
  'min-replicas-max-lag': '2',
  'repl-diskless-sync-delay': '0',
};

async function startPair(settings: Readonly<Record<string, string>> = careful) {
  const [master, replica] = await Promise.all(
    [1, 2].map(() => PrivateRedis.start({ hasPort: true, settings })),
  );
  onTestFinished(async () => {
    await Promise.all([master!.remove(), replica!.remove()]);
  });
  await follow(replica!, master!);
  return { master: master!, replica: replica! };
}

/** Makes one the replica of the other; resolves when it has everything and counts as good. */
async function follow(replica: PrivateRedis, master: PrivateRedis): Promise<void> {
  await replica.with((client) => client.call('REPLICAOF', '127.0.0.1', master.port));
  const goodReplicas = (): Promise<string> => master.with((client) => client.info('replication'));
  await expect
    .poll(goodReplicas, { timeout: 20_000 })
    .toMatch(/slave0:ip=.*,state=online,.*lag=[01]\r/);
}

it('a failover under load loses nothing that was acknowledged', async () => {
  const { master, replica } = await startPair();
  const journal = await openRedisJournal({ env, url: `${master.url},${replica.url}` });
  onTestFinished(() => journal.close());
  const load = new AppendLoad({ journal, writers: 32, name: 'load' });
  await load.more(1_000);
  await master.kill();
  await replica.with((client) => client.call('REPLICAOF', 'NO', 'ONE'));
  await master.start();
  await follow(master, replica);
  await load.more(1_000);
  await load.stop();
  expect(load.acknowledged.length).toBeGreaterThanOrEqual(2_000);
  expect(await findLost(journal, load.acknowledged)).toEqual([]);
  expect(journal.generation()).toBeGreaterThan(0);
  expect(load.epochs.at(-1)).toBeGreaterThan(GENERATION_SIZE);
  expect(load.epochs).toEqual([...new Set(load.epochs)].sort((a, b) => a - b));
});

it('an append that no replica has is not acknowledged, and its outcome is unknown', async () => {
  const { master, replica } = await startPair({ ...careful, 'min-replicas-max-lag': '60' });
  const journal = await openRedisJournal({ env, url: master.url, replicaWaitMs: 100 });
  onTestFinished(() => journal.close());
  const events = [{ type: 'thing.happened', version: 1, data: 1 }];
  const append = (expectedVersion: number) =>
    journal.append({
      key: 'thing/1',
      expectedVersion,
      epoch: 1,
      requestId: undefined,
      events,
      atMs: 0,
    });
  expect(await append(0)).toMatchObject({ ok: true });
  replica.freeze();
  const unconfirmed = append(1);
  await expect(unconfirmed).rejects.toMatchObject({ name: 'JournalFault', code: 'unavailable' });
  await expect(unconfirmed).rejects.toThrow(/0 of 1 replicas had the write after 100 ms/);
  replica.thaw();
  expect(await journal.read('thing/1', 0)).toHaveLength(2);
  await expect.poll(() => append(2).catch(() => 'not yet')).toMatchObject({ ok: true });
});

it('without good replicas writes are refused, and reads go on', async () => {
  const { master, replica } = await startPair();
  const journal = await openRedisJournal({ env, url: master.url });
  onTestFinished(() => journal.close());
  await replica.kill();
  const append = () =>
    journal.append({
      key: 'thing/1',
      expectedVersion: 0,
      epoch: 1,
      requestId: undefined,
      events: [{ type: 'thing.happened', version: 1, data: 1 }],
      atMs: 0,
    });
  await expect
    .poll(() => append().catch((error: unknown) => (error as Error).message), { timeout: 10_000 })
    .toMatch(/NOREPLICAS.*bring its replicas back/);
  expect(await journal.keys('thing', undefined, 10)).toEqual([]);
});

it('a replicated Redis that would go on alone is refused in words', async () => {
  const { master } = await startPair({ ...careful, 'min-replicas-to-write': '0' });
  const opening = openRedisJournal({ env, url: master.url });
  await expect(opening).rejects.toThrow(
    /it is replicated, and min-replicas-to-write is '0' and must be at least 1 \(CONFIG SET min-replicas-to-write 1\)/,
  );
});

it('among several addresses the master is found, and replicas alone are none', async () => {
  const { master, replica } = await startPair();
  const journal = await openRedisJournal({ env, url: `${replica.url},${master.url}` });
  expect(await journal.nextEpoch('process')).toBe(1);
  await journal.close();
  const opening = openRedisJournal({ env, url: replica.url, openWithinMs: 100 });
  await expect(opening).rejects.toThrow(/is a replica, not the master/);
});
