// Which hosts other controllers have a link to: each tells the others what it sees, all of it when a link comes up and then
// the changes. So a host is up when any controller sees it, and an order reaches it through one that does. Nothing here
// decides where a guest may run; a wrong sighting costs an order that fails as unreachable and is given again.
import type { MemberId } from '#runtime/membership/store.ts';
import type { Transport } from '#runtime/transport/port.ts';
import type { HostName } from './protocol.ts';
import { type BodyOf, nodeMessage } from './wire.ts';

export interface HostSightingsOptions {
  readonly transport: Transport;
  readonly isController: (member: MemberId) => boolean;
  /** Hosts that are up by this controller's own links. */
  readonly own: () => readonly HostName[];
}

export class HostSightings {
  readonly #options: HostSightingsOptions;
  readonly #seenBy = new Map<MemberId, Set<HostName>>();

  constructor(options: HostSightingsOptions) {
    this.#options = options;
  }

  /** A link to a member has come up or ended. */
  linked(member: MemberId, isUp: boolean): void {
    const { transport, isController, own } = this.#options;
    this.#seenBy.delete(member);
    if (isUp && isController(member))
      transport.tell(member, nodeMessage('node.sight', { isAll: true, up: [...own()], down: [] }));
  }

  /** What this controller sees has changed. */
  changed(host: HostName, isUp: boolean): void {
    const { transport, isController } = this.#options;
    const message = nodeMessage('node.sight', {
      isAll: false,
      up: isUp ? [host] : [],
      down: isUp ? [] : [host],
    });
    for (const member of transport.connected())
      if (isController(member)) transport.tell(member, message);
  }

  /** What another controller sees. */
  heard(controller: MemberId, { isAll, up, down }: BodyOf<'node.sight'>): void {
    const seen = isAll ? new Set<HostName>() : (this.#seenBy.get(controller) ?? new Set());
    for (const host of up) seen.add(host);
    for (const host of down) seen.delete(host);
    this.#seenBy.set(controller, seen);
  }

  /** A controller that sees the host and can be reached. */
  via(host: HostName): MemberId | undefined {
    for (const [controller, hosts] of this.#seenBy)
      if (hosts.has(host) && this.#options.transport.isConnected(controller)) return controller;
    return undefined;
  }
}
