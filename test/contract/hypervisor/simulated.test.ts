// The simulated driver under the suite that libvirt passes, too; once answering at once, once with latency.

import { randomUUID } from 'node:crypto';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import type { SimulatedHostOptions } from '#hypervisor/simulated/host.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import type { GuestInterface } from '#hypervisor/port.ts';
import { hypervisorContract } from './hypervisor-contract.ts';
import { GUEST_BANNER, pollUntil } from './scene.ts';
import type { HypervisorHarness } from './scene.ts';

const directory = '/simulated/test';

let interfaces = 0;

function newInterface(): GuestInterface {
  interfaces += 1;
  const number = interfaces.toString(16).padStart(2, '0');
  return { mac: `fa:16:3e:00:00:${number}`, bridge: 'kbr1', tap: `tap${number}`, model: 'virtio' };
}

class ClingingHost extends SimulatedHost {
  override heedsUnplug(): boolean {
    return false;
  }
}

async function makeHarness(
  options: Partial<SimulatedHostOptions>,
  Host = SimulatedHost,
): Promise<HypervisorHarness> {
  const host = new Host({
    env: realEnv(silentLog),
    bootText: () => GUEST_BANNER,
    ...options,
  });
  host.files.addDirectory(directory);
  const driver = new SimulatedHypervisor(host);
  return {
    driver,
    newSpec: async (overrides) => newSpec(host, overrides),
    newInterface,
    heedsUnplug: Host === SimulatedHost,
    hasAgent: true,
    newPath: () => `${directory}/${randomUUID()}.save`,
    fileExists: async (path) => host.files.has(path),
    powerOffInside: async (id) => host.powerOffGuest(id),
    killGuest: async (id) => host.killGuest(id),
    startForeignGuest: async () => {
      const foreign = { id: randomUUID(), name: `foreign-${randomUUID()}` };
      host.startForeignGuest(foreign);
      return foreign;
    },
    stopForeignGuest: async (id) => host.killGuest(id),
    loseConnection: async () => host.loseConnection(),
    restoreConnection: async () => host.restoreConnection(),
    newDriver: async () => new SimulatedHypervisor(host),
    until: pollUntil,
    close: () => driver.close(),
  };
}

function newSpec(host: SimulatedHost, overrides: Partial<GuestSpec> = {}): GuestSpec {
  const id = randomUUID();
  const name = `${id}.qcow2`;
  host.files.put(directory, { name, bytes: 0 });
  return {
    id,
    name: `instance-${id}`,
    title: 'a guest',
    vcpus: 1,
    memoryMiB: 64,
    disks: [
      {
        target: 'vda',
        device: 'disk',
        bus: 'virtio',
        format: 'qcow2',
        path: `${directory}/${name}`,
        readonly: false,
      },
    ],
    interfaces: [],
    consoleLogPath: `${directory}/${id}.log`,
    mark: { cluster: 'c1', host: 'h1', runEpoch: 1 },
    ...overrides,
  };
}

hypervisorContract('a simulated host', () => makeHarness({}));
hypervisorContract('a simulated host whose guests cling to devices', () =>
  makeHarness({}, ClingingHost),
);
hypervisorContract('a slow simulated host', () =>
  makeHarness({ latencyMs: () => 2, shutdownMs: 5 }),
);
