// A Redis Cluster: the whole cell lies in one slot, and the node that serves it is found from any other.
import { expect, it, onTestFinished } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore } from '#runtime/membership/redis/store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

const env = realEnv(silentLog);
const lastSlot = 16_383;

it('serves a cell from the node of its slot, whichever node is asked', async () => {
  const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '1000' };
  const nodes = await Promise.all(
    [1, 2].map(() => PrivateRedis.start({ hasPort: true, settings })),
  );
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.remove()));
  });
  const [owner, stranger] = nodes as [PrivateRedis, PrivateRedis];
  const slot = await owner.with((client) => client.cluster('KEYSLOT', '{kilonova}'));
  await owner.with(async (client) => {
    await client.cluster('ADDSLOTS', slot);
    await client.cluster('MEET', '127.0.0.1', stranger.port);
  });
  await stranger.with(async (client) => {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', 0, slot - 1, slot + 1, lastSlot);
  });
  const state = (node: PrivateRedis) => () => node.with((client) => client.cluster('INFO'));
  for (const node of nodes)
    await expect
      .poll(state(node), { timeout: 20_000 })
      .toMatch(/cluster_state:ok[^]*known_nodes:2/);

  const journal = await openRedisJournal({ env, url: stranger.url });
  const store = await openRedisClusterStore({ env, url: stranger.url });
  onTestFinished(async () => {
    await Promise.all([journal.close(), store.close()]);
  });
  await store.initialise(4);
  const [row] = await store.claimShards([
    { shard: 1, expectedEpoch: 0, owner: 'a', incarnation: 1 },
  ]);
  const appended = await journal.append({
    key: 'thing/1',
    expectedVersion: 0,
    epoch: row!.epoch,
    fence: 'shard/1',
    requestId: 'req-1',
    events: [{ type: 'thing.happened', version: 1, data: 1 }],
    atMs: 0,
  });
  expect(appended).toMatchObject({ ok: true, position: 1 });
  await journal.saveSnapshot({ key: 'thing/1', version: 1, schema: 1, state: 1, position: 1 });
  await journal.compact('thing/1', 1);
  expect(await journal.load(['thing/1'])).toMatchObject([{ entries: [], snapshot: { state: 1 } }]);
  expect(await owner.with((client) => client.dbsize())).toBeGreaterThan(5);
  expect(await stranger.with((client) => client.dbsize())).toBe(0);
});
