// The cluster store in Redis under the contract, on a private redis-server.
import { afterAll, beforeAll } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore, type RedisClusterStore } from '#runtime/membership/redis/store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

import { describeClusterStore } from './cluster-store-contract.ts';

const env = realEnv(silentLog);
let redis: PrivateRedis;
let cells = 0;
beforeAll(async () => {
  redis = await PrivateRedis.start();
});
afterAll(() => redis.remove());

describeClusterStore('redis', async () => {
  cells += 1;
  const options = { env, url: redis.url, cell: `cell-${cells}` };
  const opened: RedisClusterStore[] = [];
  return {
    open: async () => {
      const store = await openRedisClusterStore(options);
      opened.push(store);
      return store;
    },
    openJournal: () => openRedisJournal(options),
    dispose: async () => {
      await Promise.all(opened.map((store) => store.close()));
    },
  };
});
