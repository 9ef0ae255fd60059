// Hints build_near_host_ip and cidr (`/24`): the host's address must lie in that network.
import { BlockList, isIP } from 'node:net';
import type { Filter } from './filter.ts';

export const simpleCidrAffinityFilter: Filter = {
  name: 'SimpleCIDRAffinityFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const near = spec.hints['build_near_host_ip']?.[0];
    if (near === undefined) return undefined;
    const cidr = spec.hints['cidr']?.[0] ?? '/24';
    const { hostIp } = host.hypervisor;
    return isIn(hostIp, near, Number(cidr.replace('/', '')))
      ? undefined
      : `its address ${hostIp} is not in ${near}${cidr}`;
  },
};

function isIn(address: string, network: string, prefix: number): boolean {
  const version = isIP(network);
  const longest = version === 4 ? 32 : 128;
  const isSound = Number.isInteger(prefix) && prefix >= 0 && prefix <= longest;
  if (version === 0 || isIP(address) !== version || !isSound) return false;
  const list = new BlockList();
  const family = version === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, prefix, family);
  return list.check(address, family);
}
