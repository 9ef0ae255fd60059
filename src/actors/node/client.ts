// How the rest of the cluster reaches a compute node: orders go to the node actor of a host, wherever that is.
// In one process: local-nodes.ts; in a cluster: remote-nodes.ts, over the transport. Orders may be repeated.
import type { GuestStatistics } from '#hypervisor/port.ts';
import type { ServerImage } from '../domain/server.ts';
import type { DiskRange, HostName, NodeOrder, NodeReport } from './protocol.ts';

export interface PerformOptions {
  /** Aborted when nobody wants the order's report any more; what the host has begun goes on. */
  readonly signal?: AbortSignal;
}

export interface NodeClient {
  /**
   * Resolves when the host has done it (or found it done), rejects with a NodeFault. An order with an old run-epoch
   * is refused with `stale-grant` (DESIGN §5, R2), one of an owner with a successor with `stale-owner`.
   */
  perform(host: HostName, order: NodeOrder, options?: PerformOptions): Promise<NodeReport>;
  /** Last bytes of the serial console's log. */
  consoleOutput(host: HostName, serverId: string, maxBytes: number): Promise<Uint8Array>;
  /** What is counted of the server's guest. Rejects with a NodeFault: not-found when there is none. */
  statistics(host: HostName, serverId: string): Promise<GuestStatistics>;
  /** A piece of a disk's file, for the other end of a move; fewer bytes at its end. Rejects with a NodeFault. */
  readDisk(host: HostName, range: DiskRange): Promise<Uint8Array>;
  /**
   * Has an image on the host before a server wants it. Resolves when it is there, or when a host elsewhere has begun to
   * fetch it; what becomes of that is in the host's log. Rejects with a NodeFault.
   */
  cacheImage(host: HostName, image: ServerImage): Promise<void>;
  /** Hosts that answer now. */
  isUp(host: HostName): boolean;
}
