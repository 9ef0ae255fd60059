// One host's networks, as the node actor sees them: a bridge per network with DHCP and address translation.
// Two adapters: network/ (Linux bridge, dnsmasq, nftables) and simulated/.

export interface HostNetworkSpec {
  /** The network's id (UUID). */
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
  /** Traffic that leaves the network is masqueraded. */
  readonly masquerade: boolean;
  /** TCP port on this host that answers for 169.254.169.254:80, or undefined for none. */
  readonly metadataPort: number | undefined;
}

export interface HostPort {
  /** The port's id (UUID). */
  readonly id: string;
  readonly networkId: string;
  readonly mac: string;
  /** Addresses with their subnets; DHCP hands out exactly these to this MAC. */
  readonly fixedIps: readonly { readonly subnetId: string; readonly address: string }[];
  readonly hostname: string;
}

/** Every call may be repeated and describes the wanted state. Faults are HypervisorFault. */
export interface HostNetwork {
  /** Makes bridge, addresses, DHCP and rules as described; changes what differs. */
  ensureNetwork(spec: HostNetworkSpec): Promise<void>;
  /** Takes a network away entirely; silent if it is not there. */
  removeNetwork(networkId: string): Promise<void>;
  /** The port may be used by a guest: DHCP knows it. Returns what the guest's interface needs. */
  plug(
    port: HostPort,
  ): Promise<{ readonly bridge: string; readonly tap: string; readonly mtu: number }>;
  /** Forgets a port: its lease, host entry and tap device. Silent if it is not there. */
  unplug(port: {
    readonly id: string;
    readonly networkId: string;
    readonly mac: string;
  }): Promise<void>;
  /** Ids of ports known here, for reconcile. */
  listPorts(): Promise<readonly string[]>;
  /** Ids of networks known here, for reconcile; also those that an earlier process set up. */
  listNetworks(): Promise<readonly string[]>;
  /** Stops helper processes that this object started; bridges and guests' taps stay. */
  close(): Promise<void>;
}
