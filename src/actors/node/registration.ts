// A node tells the cluster what its host is and has: the compute service, the hypervisor, the resource provider.
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { Inventory } from '../provider/protocol.ts';
import { providers } from '../provider/protocol.ts';
import { hosts, type HypervisorFacts } from '../topology/protocol.ts';
import type { Machine } from './machine.ts';
import { NodeFault } from './protocol.ts';

/** What a host offers, from what it is: allocation ratios and reservations are configuration. */
export type Inventories = (facts: HypervisorFacts) => Readonly<Record<string, Inventory>>;

export async function registerHost(
  machine: Machine,
  cluster: {
    readonly router: Router;
    readonly availabilityZone: string;
    readonly hostIp: string;
    readonly inventories: Inventories;
  },
): Promise<void> {
  const { router, availabilityZone, hostIp, inventories } = cluster;
  const { env, host } = machine;
  const hypervisor = await factsOf(machine, hostIp);
  const requestId = `register-${host}`;
  const registered = await router.ask(
    hosts.ref(host),
    {
      type: 'host.register',
      serviceId: env.random.uuid(),
      providerId: env.random.uuid(),
      hypervisor,
      availabilityZone,
    },
    { requestId },
  );
  if (isRefusal(registered))
    throw new NodeFault(
      'host-unreachable',
      `the cluster refused host ${host}: ${registered.refused}`,
      { retryable: true },
    );
  const described = {
    type: 'provider.describe',
    name: hypervisor.hostname,
    inventories: { ...inventories(hypervisor) },
    traits: [],
  } as const;
  await router.ask(
    providers.ref(registered.providerId),
    { ...described, traits: [...described.traits] },
    { requestId },
  );
}

async function factsOf(machine: Machine, hostIp: string): Promise<HypervisorFacts> {
  const info = await machine.hypervisor.hostInfo();
  const { totalBytes } = await machine.storage.capacity();
  return {
    hostname: machine.host,
    type: info.hypervisorType,
    version: info.hypervisorVersion,
    hostIp,
    cpus: info.cpus,
    memoryMiB: info.memoryMiB,
    diskGiB: Math.floor(totalBytes / 1024 ** 3),
    architecture: info.architecture,
    cpuModel: info.cpuModel,
    cpuVendor: info.cpuVendor,
    cpuTopology: { ...info.cpuTopology },
    cpuFeatures: [...info.cpuFeatures],
  };
}
