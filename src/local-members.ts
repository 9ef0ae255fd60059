// The hosts of a controller's machine. To the cluster each of them is a compute member like any other, with a key pair, a
// ledger and links of its own: every controller reaches it in the same way, and none of its ledger is in the shared store.
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import type { Env } from '#runtime/env/env.ts';
import type { ClusterStore, MemberId } from '#runtime/membership/store.ts';
import { memberIdOf } from '#runtime/transport/libp2p/keys.ts';
import type { Loopback } from '#runtime/transport/local/loopback.ts';
import { openComputeMember } from './compute-member.ts';
import { Endings } from './endings.ts';
import { openHosts, simulatedNames } from './machines.ts';
import type { KnownController } from './member-file.ts';
import { identityKeyOf } from './member-transport.ts';

export interface LocalHost {
  readonly id: MemberId;
  readonly name: string;
  readonly directory: string;
}

/** Those that the settings ask for; none unless this controller is a compute member, too. */
export async function localHosts(config: Config, memberName: string): Promise<LocalHost[]> {
  const { roles } = config.cluster;
  if (!roles.includes('compute')) return [];
  const { kind, hosts } = config.hypervisor;
  const names = kind === 'simulated' ? simulatedNames(hosts, `${memberName}-host`) : [hostname()];
  const found: LocalHost[] = [];
  for (const name of names) {
    const directory = join(config.data, 'hosts', name);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    found.push({ id: memberIdOf(await identityKeyOf(directory)), name, directory });
  }
  return found;
}

/** Rejects in words if another member speaks for one of the hosts. */
export async function admitHosts(
  env: Env,
  store: ClusterStore,
  hosts: readonly LocalHost[],
): Promise<void> {
  const { members } = await store.table();
  for (const { id, name } of hosts) {
    const known = members.find((member) => member.id === id);
    const other = members.find(
      (member) => member.name === name && member.id !== id && !member.isRevoked,
    );
    if (other !== undefined)
      throw new Error(
        `member ${other.id} speaks for host ${name} already: revoke it first (./kilonova member revoke ${other.id}), or start without --role both`,
      );
    if (known !== undefined) continue;
    const admittedAtMs = env.clock.now();
    await store.admit({
      id,
      role: 'compute',
      name,
      addresses: [],
      apiUrl: undefined,
      admittedAtMs,
    });
  }
}

export interface LocalMembersOptions {
  readonly env: Env;
  readonly config: Config;
  readonly cluster: string;
  readonly networkKey: string;
  readonly hosts: readonly LocalHost[];
  readonly controllers: () => readonly KnownController[];
  readonly metadataPort: number;
  readonly loopback: Loopback;
  readonly onFenced: (name: string) => void;
}

/** Starts them; what is returned ends them. Their guests go on. */
export async function openLocalMembers(options: LocalMembersOptions): Promise<Endings> {
  const { env, config, cluster, networkKey, hosts, controllers, metadataPort } = options;
  const endings = new Endings();
  if (hosts.length === 0) return endings;
  const machines = await openHosts({ env, config, cluster, names: hosts.map(({ name }) => name) });
  endings.add(() => machines.close());
  try {
    await Promise.all(
      machines.ports.map(async (host) => {
        const local = hosts.find(({ name }) => name === host.host);
        if (local === undefined) throw new Error(`nobody speaks for host ${host.host}`);
        await openComputeMember({
          env,
          config,
          directory: local.directory,
          member: { cluster, networkKey, controllers: controllers() },
          host,
          storeUrl: config.cluster.redis,
          metadataPort,
          loopback: options.loopback,
          onFenced: () => options.onFenced(local.name),
          endings,
        });
      }),
    );
  } catch (error) {
    await endings.run();
    throw error;
  }
  return endings;
}
