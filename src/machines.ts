// The hosts of this process: one real one over libvirt, or as many simulated ones as asked for. Opens their ports.
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import type { Machine } from '#actors/node/machine.ts';
import type { Env } from '#runtime/env/env.ts';

/** A host's ports; what belongs to the cloud as a whole is added by the caller. */
export type HostPorts = Pick<Machine, 'host' | 'hypervisor' | 'storage' | 'network'>;

export interface OpenHosts {
  readonly ports: readonly HostPorts[];
  /** Lets go of the hosts; their guests go on. */
  close(): Promise<void>;
}

export interface HostsOptions {
  readonly env: Env;
  readonly config: Config;
  /** Names what is this cloud's on a host that several share. */
  readonly cluster: string;
  /** Default: the machine's name; of simulated hosts host-1 and so on, as many as the settings say. */
  readonly names?: readonly string[];
}

export function openHosts(options: HostsOptions): Promise<OpenHosts> {
  return options.config.hypervisor.kind === 'simulated'
    ? openSimulated(options)
    : openLibvirt(options);
}

/** A connection that can't be made yet is no error here: the driver goes on trying, and the host counts as down. */
async function openLibvirt({ env, config, cluster, names }: HostsOptions): Promise<OpenHosts> {
  const [{ openLibvirtDriver }, { chooseVirtType }, { HostStorage }, { LinuxHostNetwork }] =
    await Promise.all([
      import('#hypervisor/libvirt/driver.ts'),
      import('#hypervisor/libvirt/virt-type.ts'),
      import('#hypervisor/disk/host-storage.ts'),
      import('#hypervisor/network/linux-host-network.ts'),
    ]);
  const directory = join(config.data, 'host');
  const [virtType, storage, network] = await Promise.all([
    chooseVirtType(env, join(directory, 'kvm-probe.json')),
    HostStorage.open({ env, directory }),
    LinuxHostNetwork.open({ env, directory: join(directory, 'networks'), cloudId: cluster }),
  ]);
  const hypervisor = openLibvirtDriver({ env, uri: config.hypervisor.uri, virtType });
  return {
    ports: [{ host: names?.[0] ?? hostname(), hypervisor, storage, network }],
    close: async () => {
      await hypervisor.close();
      await network.close();
    },
  };
}

/** Names of simulated hosts: the prefix and a number each. */
export function simulatedNames(count: number, prefix = 'host'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`);
}

async function openSimulated({ env, config, names }: HostsOptions): Promise<OpenHosts> {
  const [
    { SimulatedHost },
    { SimulatedHypervisor },
    { SimulatedStorage },
    { SimulatedHostNetwork },
  ] = await Promise.all([
    import('#hypervisor/simulated/host.ts'),
    import('#hypervisor/simulated/driver.ts'),
    import('#hypervisor/simulated/storage.ts'),
    import('#hypervisor/simulated/network.ts'),
  ]);
  const directory = join(config.data, 'simulated');
  mkdirSync(directory, { recursive: true });
  const checkedImages = new Map();
  const ports = (names ?? simulatedNames(config.hypervisor.hosts)).map((name): HostPorts => {
    const machine = new SimulatedHost({
      env,
      name,
      ...SIMULATED_SIZE,
      statePath: join(directory, `${name}.state`),
      checkedImages,
    });
    return {
      host: name,
      hypervisor: new SimulatedHypervisor(machine),
      storage: new SimulatedStorage(machine),
      network: new SimulatedHostNetwork(machine),
    };
  });
  return {
    ports,
    close: async () => void (await Promise.all(ports.map(({ hypervisor }) => hypervisor.close()))),
  };
}

/** Room for some thousands of small servers on each. */
const SIMULATED_SIZE = { cpus: 256, memoryMiB: 4 * 1024 * 1024, diskGiB: 65_536 };
