// What an operator may set of the network service, with its defaults. Pure.

export const quotaResources = [
  'network',
  'subnet',
  'port',
  'security_group',
  'security_group_rule',
  'router',
  'floatingip',
] as const;
export type QuotaResource = (typeof quotaResources)[number];

export interface NetworkSettings {
  /** −1 is unlimited. */
  readonly quotas: Readonly<Record<QuotaResource, number>>;
  /** Name servers of subnets that name none. */
  readonly dnsServers: readonly string[];
  /** Of networks that ask for none. */
  readonly mtu: number;
  /** Hosts keep every network apart, so that servers may be on several with the same addresses at once. */
  readonly overlapping: boolean;
}

/** Neutron's. */
export const defaultNetworkSettings: NetworkSettings = {
  quotas: {
    network: 100,
    subnet: 100,
    port: 500,
    security_group: 10,
    security_group_rule: 100,
    router: 10,
    floatingip: 50,
  },
  dnsServers: [],
  mtu: 1500,
  overlapping: false,
};
