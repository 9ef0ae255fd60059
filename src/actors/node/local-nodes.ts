// The nodes of this process, by host: what instances and the API reach them through. Those of compute members are reached
// by remote-nodes.ts, and all of them by all-nodes.ts.
import type { GuestStatistics } from '#hypervisor/port.ts';
import type { ServerImage } from '../domain/server.ts';
import type { NodeActor } from './actor.ts';
import type { NodeClient } from './client.ts';
import { cacheImage } from './guest-parts.ts';
import { statisticsOn } from './guests/statistics.ts';
import {
  type DiskRange,
  type HostName,
  NodeFault,
  type NodeOrder,
  type NodeReport,
} from './protocol.ts';

export class LocalNodes implements NodeClient {
  readonly #nodes = new Map<HostName, NodeActor>();

  add(node: NodeActor): void {
    this.#nodes.set(node.host, node);
  }

  remove(host: HostName): void {
    this.#nodes.delete(host);
  }

  has(host: HostName): boolean {
    return this.#nodes.has(host);
  }

  all(): readonly NodeActor[] {
    return [...this.#nodes.values()];
  }

  isUp(host: HostName): boolean {
    return this.#nodes.get(host)?.isUp ?? false;
  }

  async perform(host: HostName, order: NodeOrder): Promise<NodeReport> {
    return this.#node(host).perform(order);
  }

  async consoleOutput(host: HostName, serverId: string, maxBytes: number): Promise<Uint8Array> {
    const { hypervisor, storage } = this.#node(host).machine;
    const { consoleLog } = storage.paths(serverId);
    return hypervisor.consoleOutput({ id: serverId, consoleLogPath: consoleLog }, maxBytes);
  }

  async statistics(host: HostName, serverId: string): Promise<GuestStatistics> {
    return statisticsOn(this.#node(host).machine, serverId);
  }

  async readDisk(host: HostName, range: DiskRange): Promise<Uint8Array> {
    return this.#node(host).readDisk(range);
  }

  async cacheImage(host: HostName, image: ServerImage): Promise<void> {
    return cacheImage(this.#node(host).machine, image);
  }

  #node(host: HostName): NodeActor {
    const node = this.#nodes.get(host);
    if (node === undefined)
      throw new NodeFault('host-unreachable', `host ${host} is not reachable now`, {
        retryable: true,
      });
    return node;
  }
}
