// Guests for tests on a simulated host: a spec whose disk is there.

import type { GuestSpec } from '#hypervisor/port.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';

/** `number` makes id and name; the guest's disk is put on the host. */
export function simulatedSpec(
  host: SimulatedHost,
  number: number,
  changes: Partial<GuestSpec> = {},
): GuestSpec {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  host.files.put(id, { name: 'disk.qcow2', bytes: 0, virtualSizeBytes: 1_048_576 });
  const directory = host.files.guestDirectory(id);
  return {
    id,
    name: `instance-${number}`,
    title: `guest ${number}`,
    vcpus: 1,
    memoryMiB: 128,
    disks: [
      {
        target: 'vda',
        device: 'disk',
        bus: 'virtio',
        format: 'qcow2',
        path: `${directory}/disk.qcow2`,
        readonly: false,
      },
    ],
    interfaces: [],
    consoleLogPath: `${directory}/console.log`,
    mark: { cluster: 'c1', host: 'h1', runEpoch: 1 },
    ...changes,
  };
}
