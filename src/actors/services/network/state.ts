// What a network is, as its events tell. Pure.
import { emptyBuckets, type BucketMap } from '../../domain/bucket-map.ts';
import type { FreeRange } from './free-ranges.ts';
import type { NetworkAttributes, PortRecord, SubnetRecord } from './protocol.ts';

/** What every resource carries. */
export interface Stamps {
  readonly tags: readonly string[];
  readonly revision: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface SubnetState extends SubnetRecord, Stamps {
  readonly tags: string[];
  /** Addresses of the pools that nobody has. */
  readonly free: readonly FreeRange[];
}

export interface NetworkState extends Stamps {
  readonly id: string;
  readonly status: 'absent' | 'present' | 'deleted';
  readonly attributes: NetworkAttributes;
  /** In the order in which they were made. */
  readonly subnets: readonly SubnetState[];
  readonly ports: BucketMap<PortRecord>;
  /** Address key → port id. */
  readonly addresses: BucketMap<string>;
  /** MAC → port id. */
  readonly macs: BucketMap<string>;
  /** Ids of the last changes, the newest at the end. */
  readonly recentChanges: readonly string[];
}

/** How many changes back a repeat is known. */
export const REMEMBERED_CHANGES = 64;

export function initialNetwork(id: string): NetworkState {
  return {
    id,
    status: 'absent',
    attributes: {
      name: '',
      description: '',
      projectId: '',
      adminUp: true,
      shared: false,
      external: false,
      portSecurity: true,
      mtu: 0,
      providerType: 'local',
    },
    subnets: [],
    ports: emptyBuckets(),
    addresses: emptyBuckets(),
    macs: emptyBuckets(),
    tags: [],
    revision: 0,
    createdAtMs: 0,
    updatedAtMs: 0,
    recentChanges: [],
  };
}

export function findSubnet(network: NetworkState, subnetId: string): SubnetState | undefined {
  return network.subnets.find((subnet) => subnet.id === subnetId);
}

/** Hosts of an IPv6 subnet like this make their own addresses, from their MACs. */
export function hasAutomaticAddresses(subnet: SubnetRecord): boolean {
  if (subnet.version === 4) return false;
  const modes = [subnet.addressMode, subnet.raMode];
  return modes.some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless');
}
