// The simulated host's storage under the suite that real files pass, too.

import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { movingDisksContract } from './moving-disks-contract.ts';
import { storageContract } from './storage-contract.ts';
import type { StorageHarness } from './storage-contract.ts';

async function makeHarness(): Promise<StorageHarness> {
  const host = new SimulatedHost({ env: realEnv(silentLog), diskGiB: 1 });
  const diskOf = (path: string) => {
    const { directory, name } = host.files.split(path);
    return host.files.find(directory, name);
  };
  return {
    storage: new SimulatedStorage(host),
    reopen: async () => new SimulatedStorage(host),
    exists: async (path) => host.files.has(path),
    virtualSize: async (path) => diskOf(path)?.virtualSizeBytes ?? -1,
    base: async (path) => diskOf(path)?.base,
    saveMemory: async (guestId) => host.files.put(guestId, { name: 'memory.save', bytes: 1 }),
    tearMemory: async () => undefined,
    limitSpace: async (bytes) => host.files.resize(bytes),
    imageFiles: async () => [...host.images.keys()],
    close: async () => host.close(),
  };
}

storageContract('a simulated host', makeHarness);
movingDisksContract('a simulated host', makeHarness);
