// Ports for servers, kept outside of the process, as an outbound network service would. For tests of compute alone.
import type { ServerRequest } from '#actors/domain/server.ts';
import type { BoundPort, NetworkRecord, Networks } from '#actors/ports/networks.ts';
import type { HostNetworkSpec } from '#hypervisor/network-port.ts';

const SUBNET = '55555555-5555-4555-8555-555555555555';
const network: NetworkRecord = {
  id: '33333333-3333-4333-8333-333333333333',
  name: 'private',
  projectId: 'admin',
  shared: true,
  external: false,
  subnetIds: [SUBNET],
};

export class FakeNetworks implements Networks {
  readonly #ports = new Map<string, readonly BoundPort[]>();
  #lastAddress = 1;

  /** A wish for one port on the network, as POST /servers makes it. */
  request(serverId: string): ServerRequest['networks'][number] {
    return { portId: `44444444${serverId.slice(8)}`, existing: false, networkId: network.id };
  }

  hostSpec(networkId: string): HostNetworkSpec | undefined {
    if (networkId !== network.id) return undefined;
    const subnet = {
      id: SUBNET,
      cidr: '10.87.0.0/20',
      gateway: '10.87.0.1',
      dhcp: true,
      dnsServers: [],
      hostRoutes: [],
    };
    return {
      id: network.id,
      bridge: 'kbr-test',
      mtu: 1500,
      subnets: [subnet],
      masquerade: true,
      metadataPort: undefined,
    };
  }

  serversWithPorts(): readonly string[] {
    return [...this.#ports.keys()];
  }

  listUsable(): readonly NetworkRecord[] {
    return [network];
  }
  findNetwork(networkId: string): NetworkRecord | undefined {
    return networkId === network.id ? network : undefined;
  }
  findPort(): undefined {
    return undefined;
  }
  async allocate(request: Parameters<Networks['allocate']>[0]): Promise<readonly BoundPort[]> {
    const known = this.#ports.get(request.serverId);
    if (known !== undefined) return known;
    const ports = request.requests.map((wanted): BoundPort => {
      this.#lastAddress += 1;
      const address = `10.87.${this.#lastAddress >> 8}.${this.#lastAddress & 255}`;
      return {
        portId: wanted.portId,
        networkId: wanted.networkId,
        networkName: network.name,
        mac: `fa:16:3e:00:${(this.#lastAddress >> 8).toString(16).padStart(2, '0')}:${(this.#lastAddress & 255).toString(16).padStart(2, '0')}`,
        mtu: 1500,
        bridge: 'kbr-test',
        fixedIps: [
          {
            subnetId: SUBNET,
            address,
            version: 4,
            cidr: '10.87.0.0/20',
            gateway: '10.87.0.1',
            dnsServers: [],
          },
        ],
        ownedByServer: true,
        tag: undefined,
      };
    });
    if (ports.length > 0) this.#ports.set(request.serverId, ports);
    return ports;
  }
  async bind(): Promise<void> {
    return undefined;
  }
  async release(serverId: string): Promise<void> {
    this.#ports.delete(serverId);
  }
  serverAt(): undefined {
    return undefined;
  }
}
