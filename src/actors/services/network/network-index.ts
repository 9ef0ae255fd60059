// Finds what networks hold without a look at every network: subnets and ports by id, ports by device, counts by project
// and by security group. Fed by the view's changes; it decides nothing.
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import { bucketEntries, bucketGet, type BucketMap, emptyBuckets } from '../../domain/bucket-map.ts';
import type { PortRecord } from './protocol.ts';
import { findSubnet, type NetworkState, type SubnetState } from './state.ts';

export interface FoundPort {
  readonly network: NetworkState;
  readonly port: PortRecord;
}

export interface FoundSubnet {
  readonly network: NetworkState;
  readonly subnet: SubnetState;
}

type Counted = 'network' | 'subnet' | 'port';

export class NetworkIndex {
  readonly #view: StateView<NetworkState>;
  /** Subnet id → network id. */
  readonly #subnets = new Map<string, string>();
  /** Port id → network id. */
  readonly #ports = new Map<string, string>();
  /** Device id → port ids. */
  readonly #devices = new Map<string, Set<string>>();
  readonly #counts: Readonly<Record<Counted | 'group', Map<string, number>>> = {
    network: new Map(),
    subnet: new Map(),
    port: new Map(),
    group: new Map(),
  };

  constructor(view: StateView<NetworkState>) {
    this.#view = view;
    for (const network of view.values()) this.#addNetwork(network);
    view.subscribe((change) => this.#follow(change));
  }

  network(networkId: string): NetworkState | undefined {
    const network = this.#view.get(networkId);
    return network?.status === 'present' ? network : undefined;
  }

  *networks(): IterableIterator<NetworkState> {
    for (const network of this.#view.values()) if (network.status === 'present') yield network;
  }

  subnet(subnetId: string): FoundSubnet | undefined {
    const network = this.network(this.#subnets.get(subnetId) ?? '');
    const subnet = network === undefined ? undefined : findSubnet(network, subnetId);
    return network === undefined || subnet === undefined ? undefined : { network, subnet };
  }

  port(portId: string): FoundPort | undefined {
    const network = this.network(this.#ports.get(portId) ?? '');
    const port = network === undefined ? undefined : bucketGet(network.ports, portId);
    return network === undefined || port === undefined ? undefined : { network, port };
  }

  /** Ids of the servers that have ports of their own making; what users call their ports' devices does not count. */
  *servers(): IterableIterator<string> {
    for (const [deviceId, portIds] of this.#devices)
      for (const portId of portIds)
        if (this.port(portId)?.port.ownedByDevice === true) {
          yield deviceId;
          break;
        }
  }

  /** In the order in which they came. */
  portsOfDevice(deviceId: string): readonly FoundPort[] {
    if (deviceId === '') return [];
    return [...(this.#devices.get(deviceId) ?? [])]
      .map((portId) => this.port(portId))
      .filter((found) => found !== undefined);
  }

  /** How many a project has. */
  count(what: Counted, projectId: string): number {
    return this.#counts[what].get(projectId) ?? 0;
  }

  /** How many ports use a security group. */
  portsOfGroup(groupId: string): number {
    return this.#counts.group.get(groupId) ?? 0;
  }

  #addNetwork(network: NetworkState): void {
    if (network.status !== 'present') return;
    this.#add('network', network.attributes.projectId, 1);
    for (const subnet of network.subnets) this.#addSubnet(network.id, subnet);
    for (const [, port] of bucketEntries(network.ports)) this.#addPort(network.id, port);
  }

  /** Compares states, not events: a recovered network comes as a whole. */
  #follow({ before, after }: StateChange<NetworkState>): void {
    this.#followNetwork(before, after);
    if (before?.subnets !== after.subnets) this.#followSubnets(before, after);
    for (const { old, now } of changedPorts(before?.ports ?? emptyBuckets(), after.ports)) {
      if (old !== undefined) this.#dropPort(old);
      if (now !== undefined) this.#addPort(after.id, now);
    }
  }

  #followNetwork(before: NetworkState | undefined, after: NetworkState): void {
    const was = before?.status === 'present';
    const is = after.status === 'present';
    if (was !== is) this.#add('network', after.attributes.projectId, is ? 1 : -1);
  }

  #followSubnets(before: NetworkState | undefined, after: NetworkState): void {
    for (const subnet of before?.subnets ?? [])
      if (findSubnet(after, subnet.id) === undefined) {
        this.#subnets.delete(subnet.id);
        this.#add('subnet', subnet.projectId, -1);
      }
    for (const subnet of after.subnets)
      if (!this.#subnets.has(subnet.id)) this.#addSubnet(after.id, subnet);
  }

  #addSubnet(networkId: string, subnet: SubnetState): void {
    this.#subnets.set(subnet.id, networkId);
    this.#add('subnet', subnet.projectId, 1);
  }

  #addPort(networkId: string, port: PortRecord): void {
    this.#ports.set(port.id, networkId);
    this.#add('port', port.projectId, 1);
    for (const groupId of port.securityGroups) this.#add('group', groupId, 1);
    if (port.deviceId === '') return;
    const siblings = this.#devices.get(port.deviceId) ?? new Set();
    this.#devices.set(port.deviceId, siblings.add(port.id));
  }

  #dropPort(port: PortRecord): void {
    this.#ports.delete(port.id);
    this.#add('port', port.projectId, -1);
    for (const groupId of port.securityGroups) this.#add('group', groupId, -1);
    const siblings = this.#devices.get(port.deviceId);
    siblings?.delete(port.id);
    if (siblings?.size === 0) this.#devices.delete(port.deviceId);
  }

  #add(what: Counted | 'group', key: string, step: 1 | -1): void {
    const count = (this.#counts[what].get(key) ?? 0) + step;
    if (count === 0) this.#counts[what].delete(key);
    else this.#counts[what].set(key, count);
  }
}

interface PortChange {
  readonly old: PortRecord | undefined;
  readonly now: PortRecord | undefined;
}

type Ports = BucketMap<PortRecord>;

/** Buckets that two maps share hold the same ports; only the others are looked into. */
function* changedPorts(before: Ports, after: Ports): IterableIterator<PortChange> {
  if (before === after) return;
  for (const bucket of ownBuckets(after, before))
    for (const [id, now] of bucket) {
      const old = bucketGet(before, id);
      if (old !== now) yield { old, now };
    }
  for (const bucket of ownBuckets(before, after))
    for (const [id, old] of bucket)
      if (bucketGet(after, id) === undefined) yield { old, now: undefined };
}

/** Every change of a port comes by here, and a large network has hundreds of buckets: no iterator over them. */
function ownBuckets(of: Ports, other: Ports): Ports['buckets'] {
  const { buckets } = of;
  if (buckets.length !== other.buckets.length) return buckets;
  const own: (typeof buckets)[number][] = [];
  for (let index = 0; index < buckets.length; index += 1) {
    const bucket = buckets[index]!;
    if (bucket !== other.buckets[index]) own.push(bucket);
  }
  return own;
}
