// Floating addresses: ports of external networks whose `floating` part says which address of which port they stand for.
// Read from the ports; a part whose port or address is gone says nothing any more. It decides nothing.
import type { StateView } from '#runtime/events/projection.ts';
import { bucketEntries } from '../../domain/bucket-map.ts';
import type { FoundPort, NetworkIndex } from './network-index.ts';
import { onPortChanges } from './port-changes.ts';
import { FLOATING_OWNER } from './protocol.ts';
import { GATEWAY_OWNER, INTERFACE_OWNER } from './routers/protocol.ts';
import type { NetworkState } from './state.ts';

export interface FloatingIp {
  readonly id: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly address: string;
  /** Undefined while it stands for nothing. */
  readonly target:
    | {
        readonly portId: string;
        readonly fixedAddress: string;
        readonly routerId: string | undefined;
        /** What the port is plugged into. */
        readonly deviceId: string;
      }
    | undefined;
  /** As the network keeps it. */
  readonly found: FoundPort;
}

/** What a server's views tell of floating addresses. */
export interface FloatingOfServer {
  readonly fixedAddress: string;
  readonly address: string;
}

const none: readonly FloatingOfServer[] = [];

export class FloatingIps {
  readonly #index: NetworkIndex;
  /** By server; made from all floating ports when it is asked for, dropped when one changes. */
  #byServer: ReadonlyMap<string, readonly FloatingOfServer[]> | undefined;
  #floatingDevices = new Set<string>();

  constructor(index: NetworkIndex, networks: StateView<NetworkState>) {
    this.#index = index;
    onPortChanges(networks, (deviceId) => this.#portChanged(deviceId));
  }

  *all(): IterableIterator<FloatingIp> {
    for (const network of this.#index.networks()) {
      if (!network.attributes.external) continue;
      for (const [, port] of bucketEntries(network.ports))
        if (port.deviceOwner === FLOATING_OWNER) yield this.#floatingIp({ network, port });
    }
  }

  find(id: string): FloatingIp | undefined {
    const found = this.#index
      .portsOfDevice(id)
      .find(({ port }) => port.deviceOwner === FLOATING_OWNER);
    return found === undefined ? undefined : this.#floatingIp(found);
  }

  count(projectId: string): number {
    let count = 0;
    for (const floating of this.all()) if (floating.projectId === projectId) count += 1;
    return count;
  }

  /** The same list as before while nothing has changed. */
  ofServer(serverId: string): readonly FloatingOfServer[] {
    this.#byServer ??= this.#gather();
    return this.#byServer.get(serverId) ?? none;
  }

  /** A router with an interface on the subnet and its gateway on the external network. */
  routerBetween(subnetId: string, externalId: string): string | undefined {
    const network = this.#index.network(externalId);
    if (network === undefined) return undefined;
    for (const [, gateway] of bucketEntries(network.ports)) {
      if (gateway.deviceOwner !== GATEWAY_OWNER) continue;
      const isOn = this.#index
        .portsOfDevice(gateway.deviceId)
        .some(
          ({ port }) =>
            port.deviceOwner === INTERFACE_OWNER &&
            port.fixedIps.some((fixedIp) => fixedIp.subnetId === subnetId),
        );
      if (isOn) return gateway.deviceId;
    }
    return undefined;
  }

  #floatingIp(found: FoundPort): FloatingIp {
    const { network, port } = found;
    return {
      id: port.deviceId,
      projectId: port.projectId,
      networkId: network.id,
      address: port.fixedIps[0]?.address ?? '',
      target: this.#target(found),
      found,
    };
  }

  #target({ port: { floating } }: FoundPort): FloatingIp['target'] {
    if (floating === undefined) return undefined;
    const { portId, address: fixedAddress, routerId } = floating;
    const own = this.#index.port(portId)?.port;
    if (own?.fixedIps.some(({ address }) => address === fixedAddress) !== true) return undefined;
    return { portId, fixedAddress, routerId, deviceId: own.deviceId };
  }

  #gather(): ReadonlyMap<string, readonly FloatingOfServer[]> {
    const byServer = new Map<string, FloatingOfServer[]>();
    this.#floatingDevices = new Set();
    for (const { id, address, target } of this.all()) {
      this.#floatingDevices.add(id);
      if (target === undefined || target.deviceId === '') continue;
      this.#floatingDevices.add(target.deviceId);
      const own = byServer.get(target.deviceId) ?? [];
      own.push({ fixedAddress: target.fixedAddress, address });
      byServer.set(target.deviceId, own);
    }
    return byServer;
  }

  /** Ports of servers without a floating address come and go without a trace here. */
  #portChanged(deviceId: string | undefined): void {
    if (this.#byServer === undefined) return;
    if (deviceId === undefined) {
      this.#byServer = undefined;
      return;
    }
    const isKnown = this.#floatingDevices.has(deviceId);
    const isFloating = this.#index
      .portsOfDevice(deviceId)
      .some(({ port }) => port.deviceOwner === FLOATING_OWNER);
    if (isKnown || isFloating) this.#byServer = undefined;
  }
}
