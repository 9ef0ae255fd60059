// The nodes of this process first, then those of compute members: one client for whoever has orders to give.
import type { GuestStatistics } from '#hypervisor/port.ts';
import type { ServerImage } from '../domain/server.ts';
import type { NodeClient, PerformOptions } from './client.ts';
import type { LocalNodes } from './local-nodes.ts';
import type { DiskRange, HostName, NodeOrder, NodeReport } from './protocol.ts';

export class AllNodes implements NodeClient {
  readonly #local: LocalNodes;
  readonly #remote: NodeClient;

  constructor(local: LocalNodes, remote: NodeClient) {
    this.#local = local;
    this.#remote = remote;
  }

  isUp(host: HostName): boolean {
    return this.#of(host).isUp(host);
  }

  perform(host: HostName, order: NodeOrder, options?: PerformOptions): Promise<NodeReport> {
    return this.#of(host).perform(host, order, options);
  }

  consoleOutput(host: HostName, serverId: string, maxBytes: number): Promise<Uint8Array> {
    return this.#of(host).consoleOutput(host, serverId, maxBytes);
  }

  statistics(host: HostName, serverId: string): Promise<GuestStatistics> {
    return this.#of(host).statistics(host, serverId);
  }

  readDisk(host: HostName, range: DiskRange): Promise<Uint8Array> {
    return this.#of(host).readDisk(host, range);
  }

  cacheImage(host: HostName, image: ServerImage): Promise<void> {
    return this.#of(host).cacheImage(host, image);
  }

  #of(host: HostName): NodeClient {
    return this.#local.has(host) ? this.#local : this.#remote;
  }
}
