// The port Networks on the embedded network service: what compute, hosts and metadata ask of it.
// Ports are made and freed by commands to their networks; everything else is read from the views.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { InstanceNetwork } from '../../domain/instance-metadata.ts';
import type {
  BoundPort,
  HostNetworkPlan,
  NetworkRecord,
  Networks,
  PortRequest,
} from '../../ports/networks.ts';
import { contains, keyOfText, overlaps, parseAddress } from './addresses.ts';
import { FloatingIpOrders } from './floating-ip-orders.ts';
import { FloatingIps } from './floating-ips.ts';
import { boundPort, hostNetworkPlan, instanceNetwork } from './bound-port.ts';
import { bucketEntries, bucketGet } from '../../domain/bucket-map.ts';
import { randomMacs } from './macs.ts';
import { type FoundPort, NetworkIndex } from './network-index.ts';
import { networks, type PortAttributes } from './protocol.ts';
import { SecurityGroups } from './security-groups.ts';
import { ServerGroups } from './server-groups.ts';
import type { NetworkSettings, QuotaResource } from './settings.ts';
import type { NetworkState } from './state.ts';
import { prefixOf } from './subnet-plan.ts';
import type { TenancyState } from './tenancy-state.ts';

export interface EmbeddedNetworksOptions {
  readonly env: Env;
  readonly router: Router;
  readonly networks: StateView<NetworkState>;
  readonly tenancies: StateView<TenancyState>;
  readonly settings: NetworkSettings;
}

type AllocateRequest = Parameters<Networks['allocate']>[0];
type AttachRequest = Parameters<Networks['attach']>[0];

/** Answers for guests at this address on hosts' bridges of networks without a gateway. */
const LINK_LOCAL_METADATA = '169.254.169.254';

export function embeddedNetworks(options: EmbeddedNetworksOptions): EmbeddedNetworks {
  return new EmbeddedNetworks(options);
}

export class EmbeddedNetworks implements Networks {
  readonly index: NetworkIndex;
  readonly groups: SecurityGroups;
  readonly serverGroups: ServerGroups;
  readonly floatingIps: FloatingIps;
  readonly floatingIpOrders: FloatingIpOrders;
  readonly settings: NetworkSettings;
  readonly #options: EmbeddedNetworksOptions;

  constructor(options: EmbeddedNetworksOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.index = new NetworkIndex(options.networks);
    this.groups = new SecurityGroups(options);
    const { index, groups } = this;
    this.floatingIps = new FloatingIps(index, options.networks);
    this.floatingIpOrders = new FloatingIpOrders({
      ...options,
      index,
      floatingIps: this.floatingIps,
      quotaOf: (projectId) => this.quota(projectId, 'floatingip'),
    });
    this.serverGroups = new ServerGroups({ ...options, index, groups });
  }

  listUsable(projectId: string): readonly NetworkRecord[] {
    const usable: NetworkRecord[] = [];
    for (const network of this.index.networks()) {
      const { shared, external, projectId: owner } = network.attributes;
      if (external || network.subnets.length === 0) continue;
      if (shared || owner === projectId) usable.push(networkRecord(network));
    }
    return usable;
  }

  findNetwork(networkId: string): NetworkRecord | undefined {
    const network = this.index.network(networkId);
    return network === undefined ? undefined : networkRecord(network);
  }

  findPort(portId: string): ReturnType<Networks['findPort']> {
    const found = this.index.port(portId);
    if (found === undefined) return undefined;
    const { id, projectId, deviceId, fixedIps } = found.port;
    const networkId = found.network.id;
    return { id, networkId, projectId, deviceId, hasAddress: fixedIps.length > 0 };
  }

  /** The project's limit for a resource; −1 is unlimited. */
  quota(projectId: string, resource: QuotaResource): number {
    const own = this.#options.tenancies.get(projectId)?.quotas[resource];
    return own ?? this.settings.quotas[resource];
  }

  /** Whether a project may have so many more. Between a look and a command others may get in: quotas are soft here. */
  overQuota(
    projectId: string,
    resource: 'network' | 'subnet' | 'port',
    more: number,
  ): Refusal | undefined {
    const quota = this.quota(projectId, resource);
    const used = this.index.count(resource, projectId);
    return quota >= 0 && used + more > quota
      ? refuse('network-quota', { resource, quota, used })
      : undefined;
  }

  async allocate(request: AllocateRequest): Promise<readonly BoundPort[] | Refusal> {
    const { serverId, projectId, requests, requestId } = request;
    const groups = await this.groups.resolve(projectId, request.securityGroups, requestId);
    if (isRefusal(groups)) return groups;
    for (const wanted of requests) {
      const refused = await this.#take(request, wanted, groups);
      if (refused === undefined) continue;
      await this.release(serverId, requestId);
      return refused;
    }
    // Looked at after the ports are there: of two that overlap and come at once, none can miss the other.
    for (const { networkId } of requests) {
      const refused = this.#overlap(networkId);
      if (refused === undefined) continue;
      await this.release(serverId, requestId);
      return refused;
    }
    return requests.flatMap(({ portId, tag }) => {
      const found = this.index.port(portId);
      if (found === undefined) return [];
      return [boundPort(found.network, found.port, { settings: this.settings, tag })];
    });
  }

  async attach(request: AttachRequest): Promise<BoundPort | Refusal> {
    const { projectId, port, requestId } = request;
    const groups = await this.groups.resolve(projectId, [], requestId);
    if (isRefusal(groups)) return groups;
    const refused = (await this.#take(request, port, groups)) ?? this.#overlap(port.networkId);
    if (refused !== undefined) return refused;
    const found = this.index.port(port.portId);
    if (found === undefined) return refuse('port-not-found', { portId: port.portId });
    return boundPort(found.network, found.port, { settings: this.settings, tag: port.tag });
  }

  async changeAddresses(
    change: Parameters<Networks['changeAddresses']>[0],
  ): Promise<BoundPort | Refusal> {
    const { serverId, portId, networkId, add, remove, tag, changeId, requestId } = change;
    const before = this.index.port(portId);
    if (before?.port.deviceId !== serverId) return refuse('port-not-found', { portId });
    const kept = before.port.fixedIps.filter(({ address }) => address !== remove);
    const addresses = add === undefined ? kept : [...kept, { subnetId: add }];
    const answer = await this.#options.router.ask(
      networks.ref(networkId),
      { type: 'network.change-port', portId, attributes: {}, addresses, changeId },
      { requestId },
    );
    if (isRefusal(answer)) return answer;
    const after = this.index.port(portId);
    if (after === undefined) return refuse('port-not-found', { portId });
    return boundPort(after.network, after.port, { settings: this.settings, tag });
  }

  async releasePort({
    serverId,
    portId,
    networkId,
    requestId,
  }: Parameters<Networks['releasePort']>[0]): Promise<void> {
    await this.#options.router.ask(
      networks.ref(networkId),
      {
        type: 'network.release-ports',
        deviceId: serverId,
        portIds: [portId],
        changeId: this.#options.env.random.uuid(),
      },
      { requestId },
    );
  }

  async #take(
    request: Pick<AllocateRequest, 'serverId' | 'projectId' | 'requestId'>,
    wanted: PortRequest,
    groups: readonly string[],
  ): Promise<Refusal | undefined> {
    const { portId, networkId } = wanted;
    const network = this.index.network(networkId);
    if (network === undefined) return refuse('network-not-found', { networkId });
    const known = bucketGet(network.ports, portId);
    if (known?.deviceId === request.serverId) return undefined;
    const { router, env } = this.#options;
    const changeId = env.random.uuid();
    const device = { deviceId: request.serverId, deviceOwner: 'compute:nova' };
    const asked = { requestId: request.requestId };
    if (wanted.existing) {
      const attach = { type: 'network.attach-port' as const, portId, ...device, changeId };
      return refusalIn(await router.ask(networks.ref(networkId), attach, asked));
    }
    const over = this.overQuota(request.projectId, 'port', 1);
    if (over !== undefined) return refuse('port-quota', over.detail);
    const create = {
      type: 'network.create-port' as const,
      portId,
      projectId: request.projectId,
      attributes: { ...serverPortAttributes(network), ...device, securityGroups: [...groups] },
      ownedByDevice: true,
      tags: [],
      macs: randomMacs(env.random),
      ...(wanted.fixedIp === undefined ? {} : { addresses: [{ address: wanted.fixedIp }] }),
      changeId,
    };
    return refusalIn(await router.ask(networks.ref(networkId), create, asked));
  }

  /**
   * Real hosts have one routing table for all bridges, so two networks with overlapping addresses can't both be in use
   * there. The hosts' own network always is; a tenant's is while a server is on it.
   */
  #overlap(networkId: string): Refusal | undefined {
    const network = this.index.network(networkId);
    if (network === undefined) return refuse('network-not-found', { networkId });
    if (this.settings.overlapping) return undefined;
    for (const other of this.index.networks()) {
      if (other.id === network.id) continue;
      const cidr = overlappingCidr(network, other);
      if (cidr !== undefined && isInUse(other))
        return refuse('network-overlap', { networkId, cidr });
    }
    return undefined;
  }

  async bind(serverId: string, host: string, requestId: string): Promise<void> {
    await this.#forDevice(serverId, (changeId, portIds, networkId) =>
      this.#options.router.ask(
        networks.ref(networkId),
        { type: 'network.bind-ports', deviceId: serverId, portIds, host, changeId },
        { requestId },
      ),
    );
  }

  async release(serverId: string, requestId: string): Promise<void> {
    await this.#forDevice(serverId, (changeId, portIds, networkId) => {
      const macs = portIds.map((portId) => this.index.port(portId)?.port.mac ?? '');
      return this.#options.router.ask(
        networks.ref(networkId),
        { type: 'network.release-ports', deviceId: serverId, portIds, macs, changeId },
        { requestId },
      );
    });
  }

  /** Once per network that the device has ports on. */
  async #forDevice(
    deviceId: string,
    ask: (changeId: string, portIds: string[], networkId: string) => Promise<unknown>,
  ): Promise<void> {
    const byNetwork = new Map<string, string[]>();
    for (const { network, port } of this.index.portsOfDevice(deviceId))
      byNetwork.set(network.id, [...(byNetwork.get(network.id) ?? []), port.id]);
    for (const [networkId, portIds] of byNetwork)
      await ask(this.#options.env.random.uuid(), portIds, networkId);
  }

  serverAt(networkId: string, address: string): string | undefined {
    const network = this.index.network(networkId);
    return network === undefined ? undefined : serverIn(network, address);
  }

  /**
   * The server that asks from `remote` and reached us at `local`, a host's own address on one of its bridges: the
   * gateway of the server's subnet. Both must fit, so that no guest can speak for one of another network.
   */
  guestAt(local: string, remote: string): string | undefined {
    const address = parseAddress(remote);
    if (address === undefined) return undefined;
    const found = new Set<string>();
    for (const network of this.index.networks()) {
      for (const { cidr, gateway } of network.subnets) {
        const isOurs =
          gateway === local || (gateway === undefined && local === LINK_LOCAL_METADATA);
        if (!isOurs || !contains(prefixOf(cidr), address)) continue;
        const serverId = serverIn(network, remote);
        if (serverId !== undefined) found.add(serverId);
      }
    }
    return found.size === 1 ? [...found][0] : undefined;
  }

  /** How a network is to look on a host; undefined if it is gone. */
  hostNetworkSpec(
    networkId: string,
    metadataPort: number | undefined,
  ): HostNetworkPlan | undefined {
    const network = this.index.network(networkId);
    return network === undefined
      ? undefined
      : hostNetworkPlan(network, this.settings, metadataPort);
  }

  /** Networks that reach out through the hosts: every host has them ready. */
  flatNetworkIds(): readonly string[] {
    const flat = [...this.index.networks()].filter(
      ({ attributes }) => attributes.providerType === 'flat',
    );
    return flat.map(({ id }) => id);
  }

  serversWithPorts(): Iterable<string> {
    return this.index.servers();
  }

  /** A server's networks as they are now, in the order of its ports; for metadata. */
  instanceNetworks(serverId: string): readonly InstanceNetwork[] {
    return this.#ports(serverId).map(({ network, port }) =>
      instanceNetwork(network, port, this.settings),
    );
  }

  /** Names of the security groups of a server's ports. */
  securityGroupNames(serverId: string): readonly string[] {
    return this.serverGroups.namesOf(serverId) ?? [];
  }

  #ports(serverId: string): readonly FoundPort[] {
    return this.index.portsOfDevice(serverId);
  }
}

function refusalIn(answer: unknown): Refusal | undefined {
  return isRefusal(answer) ? answer : undefined;
}

function networkRecord(network: NetworkState): NetworkRecord {
  const { name, projectId, shared, external } = network.attributes;
  return {
    id: network.id,
    name,
    projectId,
    shared,
    external,
    subnetIds: network.subnets.map((subnet) => subnet.id),
  };
}

function serverPortAttributes(network: NetworkState): Required<PortAttributes> {
  return {
    name: '',
    description: '',
    adminUp: true,
    deviceId: '',
    deviceOwner: '',
    securityGroups: [],
    portSecurity: network.attributes.portSecurity,
    addressPairs: [],
    vnicType: 'normal',
    host: '',
    profile: '{}',
  };
}

function serverIn(network: NetworkState, address: string): string | undefined {
  const portId = bucketGet(network.addresses, keyOfText(address) ?? '');
  const port = portId === undefined ? undefined : bucketGet(network.ports, portId);
  return port?.deviceOwner.startsWith('compute:') === true && port.deviceId !== ''
    ? port.deviceId
    : undefined;
}

/** The prefix of `network` that overlaps one of `other`, or undefined. */
function overlappingCidr(network: NetworkState, other: NetworkState): string | undefined {
  for (const { cidr } of network.subnets)
    for (const theirs of other.subnets)
      if (overlaps(prefixOf(cidr), prefixOf(theirs.cidr))) return cidr;
  return undefined;
}

function isInUse(network: NetworkState): boolean {
  if (network.attributes.providerType === 'flat') return true;
  for (const [, port] of bucketEntries(network.ports))
    if (port.deviceOwner.startsWith('compute:')) return true;
  return false;
}
