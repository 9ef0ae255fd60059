// Takes away all that a cloud made on this host: its guests, networks and rules, and the libvirt daemon if `up` started
// it. Only what carries this cloud's mark is touched. Data files are removed by the caller, last.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { memberClusterOf } from '../member-file.ts';
import { loadSecrets } from './secrets.ts';
import { stopLibvirtDaemon } from './libvirt-daemon.ts';

const CONNECT_WITHIN_MS = 5_000;

export async function purge(config: Config, say: (line: string) => void): Promise<void> {
  if (!existsSync(join(config.data, 'host'))) return;
  const cluster = memberClusterOf(config.data) ?? loadSecrets(config.data).cluster;
  const env = realEnv(silentLog);
  const guests = await endGuests(config, cluster);
  const { LinuxHostNetwork } = await import('#hypervisor/network/linux-host-network.ts');
  const network = await LinuxHostNetwork.open({
    env,
    directory: join(config.data, 'host', 'networks'),
    cloudId: cluster,
  });
  const networks = await network.listNetworks();
  for (const id of networks) await network.removeNetwork(id);
  await network.close();
  say(`ended ${guests} guests, removed ${networks.length} networks`);
  await stopLibvirtDaemon(config.data);
}

async function endGuests(config: Config, cluster: string): Promise<number> {
  const { openLibvirtDriver } = await import('#hypervisor/libvirt/driver.ts');
  const hypervisor = openLibvirtDriver({
    env: realEnv(silentLog),
    uri: config.hypervisor.uri,
    virtType: 'qemu',
  });
  try {
    await hypervisor.ready(CONNECT_WITHIN_MS);
    const ours = (await hypervisor.list()).filter((guest) => guest.mark?.cluster === cluster);
    for (const guest of ours) await hypervisor.destroy(guest.id);
    return ours.length;
  } finally {
    await hypervisor.close();
  }
}
