// The process that `candidates` measures: the placement API over 10 000 compute hosts, nine in ten with little left. It
// prints its port.
import type { AddressInfo } from 'node:net';
import { providers } from '#actors/provider/protocol.ts';
import { placementCloud, type PlacementCloud } from '#test/api/placement/placement-cloud.ts';

const HOSTS = 10_000;
const traits = [
  'COMPUTE_NODE',
  'COMPUTE_DEVICE_TAGGING',
  'COMPUTE_IMAGE_TYPE_QCOW2',
  'COMPUTE_IMAGE_TYPE_RAW',
  'COMPUTE_NET_ATTACH_INTERFACE',
  'COMPUTE_VOLUME_ATTACH_WITH_TAG',
  'HW_CPU_X86_AVX',
  'HW_CPU_X86_AVX2',
  'HW_CPU_X86_SSE42',
  'HW_CPU_X86_VMX',
  'STORAGE_DISK_SSD',
];

async function addHost(cloud: PlacementCloud, index: number): Promise<void> {
  const id = `${String(index).padStart(8, '0')}-0000-4000-8000-000000000000`;
  const unit = { reserved: 0, minUnit: 1, stepSize: 1 };
  await cloud.addHost({
    id,
    name: `host-${index}`,
    inventories: {
      VCPU: { ...unit, total: 64, maxUnit: 64, allocationRatio: 1 },
      MEMORY_MB: { ...unit, total: 262_144, maxUnit: 262_144, allocationRatio: 1 },
      DISK_GB: { ...unit, total: 4_096, maxUnit: 4_096, allocationRatio: 1 },
    },
    traits,
  });
  if (index % 10 === 0) return;
  await cloud.cluster.router.ask(
    providers.ref(id),
    {
      type: 'provider.claim',
      consumer: `server-on-${index}`,
      claimId: 'boot',
      resources: { VCPU: 32, MEMORY_MB: 65_536, DISK_GB: 100 },
      projectId: 'project',
      userId: 'user',
    },
    { requestId: 'req-bench' },
  );
}

const cloud = placementCloud();
for (let index = 0; index < HOSTS; index += 1) await addHost(cloud, index);
await cloud.app.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${(cloud.app.server.address() as AddressInfo).port}\n`);
