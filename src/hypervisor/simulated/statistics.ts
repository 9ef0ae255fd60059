// What is counted of a simulated guest: nothing runs, so that its devices are told and have done nothing. Pure.
import type { GuestStatistics, InterfaceCounts } from '../port.ts';
import { macsOf } from './guest.ts';
import type { SimulatedGuest } from './guest.ts';

const none: InterfaceCounts = { bytes: 0, packets: 0, errors: 0, drops: 0 };

export function statisticsOf(guest: SimulatedGuest): GuestStatistics {
  return {
    cpus: Array.from({ length: guest.vcpus }, () => ({ timeNs: 0 })),
    memory: { maximumKiB: guest.memoryMiB * 1024, usedKiB: 0 },
    disks: [{ target: 'vda', readBytes: 0, readRequests: 0, writeBytes: 0, writeRequests: 0 }],
    interfaces: macsOf(guest).map((mac, index) => ({
      mac,
      device: `vnet${index}`,
      received: none,
      sent: none,
    })),
  };
}
