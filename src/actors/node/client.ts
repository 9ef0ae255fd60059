// How the rest of the cluster reaches a compute node: orders go to the node actor of a host, wherever that is.
// In one process: node/actor.ts itself; in a cluster: over the transport. Orders may be repeated.
import type { HostName, NodeOrder, NodeReport } from './protocol.ts';

export interface NodeClient {
  /**
   * Resolves when the host has done it (or found it done), rejects with a NodeFault. An order with an old run-epoch
   * is refused with `stale-grant` (DESIGN §5, R2).
   */
  perform(host: HostName, order: NodeOrder): Promise<NodeReport>;
  /** Last bytes of the serial console's log. */
  consoleOutput(host: HostName, serverId: string, maxBytes: number): Promise<Uint8Array>;
  /** Hosts that answer now. */
  isUp(host: HostName): boolean;
}
