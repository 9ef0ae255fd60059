// The cluster store of simulations under the contract.
import { realEnv } from '#runtime/env/real.ts';
import { createMemoryDisk } from '#runtime/journal/memory-disk.ts';
import { openMemoryJournal } from '#runtime/journal/memory.ts';
import { openMemoryClusterStore } from '#runtime/membership/memory-store.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

import { describeClusterStore } from './cluster-store-contract.ts';

const env = realEnv(silentLog);

describeClusterStore('memory', async () => {
  const disk = createMemoryDisk();
  return {
    open: async () => openMemoryClusterStore(disk, env),
    openJournal: async () => openMemoryJournal({ env, disk }),
    dispose: async () => {},
  };
});
