// What compute needs from the network service: ports for servers. Embedded in services/network, or outbound Neutron.
import type { Refusal } from '#runtime/message/refusal.ts';

/** One entry of a server's `networks`, checked and resolved; in the order of the guest's NICs. */
export interface PortRequest {
  /** Stable name of this request: the port's id if a new one is made. */
  readonly portId: string;
  /** True when `portId` is a port that the user made and keeps. */
  readonly existing: boolean;
  readonly networkId: string;
  readonly fixedIp: string | undefined;
  readonly tag: string | undefined;
}

/** A port as bound to a server; what the guest, metadata and the addresses view need. */
export interface BoundPort {
  readonly portId: string;
  readonly networkId: string;
  /** The network's name: the label in `addresses`. */
  readonly networkName: string;
  readonly mac: string;
  readonly mtu: number;
  readonly bridge: string;
  readonly fixedIps: readonly {
    readonly subnetId: string;
    readonly address: string;
    readonly version: 4 | 6;
    readonly cidr: string;
    readonly gateway: string | undefined;
    readonly dnsServers: readonly string[];
  }[];
  /** Made for this server, and removed with it. */
  readonly ownedByServer: boolean;
  readonly tag: string | undefined;
}

export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly shared: boolean;
  readonly external: boolean;
  readonly subnetIds: readonly string[];
}

/** What a host needs to make a network work on it: the shape of HostNetworkSpec in hypervisor/network-port.ts. */
export interface HostNetworkPlan {
  readonly id: string;
  /** Linux bridge name, ≤ 15 characters. */
  readonly bridge: string;
  readonly mtu: number;
  readonly subnets: readonly {
    readonly id: string;
    readonly cidr: string;
    readonly gateway: string | undefined;
    readonly dhcp: boolean;
    readonly dnsServers: readonly string[];
    readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
  }[];
  readonly masquerade: boolean;
  readonly metadataPort: number | undefined;
}

export interface Networks {
  /** Networks that a project may put servers on: its own and shared ones, with at least one subnet, not external. */
  listUsable(projectId: string): readonly NetworkRecord[];
  findNetwork(networkId: string): NetworkRecord | undefined;
  findPort(portId: string):
    | {
        readonly id: string;
        readonly networkId: string;
        readonly projectId: string;
        readonly deviceId: string;
        readonly hasAddress: boolean;
      }
    | undefined;
  /**
   * Binds one port per request to the server, all or nothing visible to the caller: on a refusal, `release` undoes
   * what was made. A repeat with the same server and requests answers as before.
   * Refusals: network-not-found, port-not-found, port-in-use, no-addresses, address-in-use, address-not-in-subnet,
   * address-not-on-network, address-automatic, port-quota, no-mac, network-overlap, group-not-found, group-ambiguous;
   * none is mended by trying again without a change. All words stand in api/errors/network.ts.
   */
  allocate(request: {
    readonly serverId: string;
    readonly projectId: string;
    readonly hostname: string;
    readonly requests: readonly PortRequest[];
    readonly securityGroups: readonly string[];
    readonly requestId: string;
  }): Promise<readonly BoundPort[] | Refusal>;
  /**
   * Binds one more port to a server. A repeat answers as before. On a refusal the port may have been made all the same:
   * `releasePort` gives it back. Refusals: those of `allocate`.
   */
  attach(request: {
    readonly serverId: string;
    readonly projectId: string;
    readonly port: PortRequest;
    readonly requestId: string;
  }): Promise<BoundPort | Refusal>;
  /**
   * Gives one port of a server an address more of a subnet, or takes one away; answers with the port as it is then. A repeat
   * with the same `changeId` changes nothing. Refusals: port-not-found, and those of addresses.
   */
  changeAddresses(change: {
    readonly serverId: string;
    readonly portId: string;
    readonly networkId: string;
    /** A subnet's id. */
    readonly add?: string;
    readonly remove?: string;
    readonly tag: string | undefined;
    readonly changeId: string;
    readonly requestId: string;
  }): Promise<BoundPort | Refusal>;
  /** One port of the server: deleted if it was made for it, else free. Silent if it is not the server's. */
  releasePort(port: {
    readonly serverId: string;
    readonly portId: string;
    readonly networkId: string;
    readonly requestId: string;
  }): Promise<void>;
  /** Says where the server's ports are now in use. */
  bind(serverId: string, host: string, requestId: string): Promise<void>;
  /** Deletes ports made for the server, unbinds the user's own. Silent if there are none. */
  release(serverId: string, requestId: string): Promise<void>;
  /** Ids of all servers that have ports, whether or not those servers still exist. */
  serversWithPorts(): Iterable<string>;
  /** The server whose port has this address on this network, for the metadata service. */
  serverAt(networkId: string, address: string): string | undefined;
}
