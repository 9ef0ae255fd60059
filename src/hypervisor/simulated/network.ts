// HostNetwork on a simulated host: it remembers networks and ports and refuses what network/ would refuse.

import { checkNetworkSpec, checkPort } from '../network/network-checks.ts';
import { tapName } from '../network/tap-name.ts';
import type { HostNetwork, HostNetworkSpec, HostPort } from '../network-port.ts';
import { HypervisorFault } from '../port.ts';
import type { SimulatedHost } from './host.ts';

export class SimulatedHostNetwork implements HostNetwork {
  readonly #host: SimulatedHost;

  constructor(host: SimulatedHost) {
    this.#host = host;
  }

  ensureNetwork(spec: HostNetworkSpec): Promise<void> {
    return this.#host.perform('ensureNetwork', () => {
      // Asked for at every boot, so an unchanged one is neither checked nor kept again.
      if (isSame(this.#host.networks.get(spec.id), spec)) return;
      checkNetworkSpec(spec);
      this.#host.networks.set(spec.id, spec);
      this.#host.keep('network', spec.id, spec);
    });
  }

  removeNetwork(networkId: string): Promise<void> {
    return this.#host.perform('removeNetwork', () => {
      if (!this.#host.networks.delete(networkId)) return;
      this.#host.keep('network', networkId, undefined);
      for (const [id, port] of this.#host.ports) {
        if (port.networkId === networkId) this.#removePort(id);
      }
    });
  }

  plug(
    port: HostPort,
  ): Promise<{ readonly bridge: string; readonly tap: string; readonly mtu: number }> {
    return this.#host.perform('plug', () => {
      const network = this.#host.networks.get(port.networkId);
      if (network === undefined) {
        throw new HypervisorFault('failed', `network ${port.networkId} is not on this host`);
      }
      checkPort(port, network);
      this.#host.ports.set(port.id, port);
      this.#host.keep('port', port.id, port);
      return { bridge: network.bridge, tap: tapName(port.id), mtu: network.mtu };
    });
  }

  unplug(port: {
    readonly id: string;
    readonly networkId: string;
    readonly mac: string;
  }): Promise<void> {
    return this.#host.perform('unplug', () => this.#removePort(port.id));
  }

  #removePort(id: string): void {
    if (this.#host.ports.delete(id)) this.#host.keep('port', id, undefined);
  }

  listPorts(): Promise<readonly string[]> {
    return this.#host.perform('listPorts', () => [...this.#host.ports.keys()]);
  }

  listNetworks(): Promise<readonly string[]> {
    return this.#host.perform('listNetworks', () => [...this.#host.networks.keys()]);
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

function isSame(known: HostNetworkSpec | undefined, spec: HostNetworkSpec): boolean {
  return known === spec || (known !== undefined && JSON.stringify(known) === JSON.stringify(spec));
}
