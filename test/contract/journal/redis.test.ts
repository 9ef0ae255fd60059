// The Redis journal under the contract, on a private redis-server that syncs every append. What needs it killed, frozen
// or replicated is in test/integration/redis/.
import { afterAll, beforeAll } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { changeEntry } from '#test/support/redis-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';

import { describeJournal } from './journal-contract.ts';
import type { JournalHarness } from './journal-harness.ts';

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
