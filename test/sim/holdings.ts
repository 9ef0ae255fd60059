// Watches what is held for servers: claims at providers, ports, quota. None of it may be given back while the server is
// granted to a host (R5): somebody else could get it, and the guest still runs.
import type { StoredEvent } from '#runtime/journal/port.ts';
import type { History } from './witness.ts';

export interface HoldingsOptions {
  readonly historyOf: (serverId: string) => History;
  readonly found: (fault: string) => void;
}

export class Holdings {
  readonly #options: HoldingsOptions;
  /** Ports that their servers have let go of. */
  readonly #loose = new Set<string>();
  /** Claim id by `provider consumer`. */
  readonly #claims = new Map<string, string>();
  /** Server by port. */
  readonly #ports = new Map<string, string>();

  constructor(options: HoldingsOptions) {
    this.#options = options;
  }

  /** The guest has let go of it, or never had it. */
  letGo(portId: string): void {
    this.#loose.add(portId);
  }

  hear(kind: string, id: string, { type, data }: StoredEvent): void {
    if (kind === 'provider') this.#hearProvider(id, type, data as never);
    else if (kind === 'network') this.#hearNetwork(type, data as never);
    else if (type === 'project.released')
      this.#checkReleased('quota', (data as { readonly serverId: string }).serverId);
    else if (type === 'project.settled') {
      const { missing } = data as { readonly missing: readonly string[] };
      for (const serverId of missing) this.#checkMissing(serverId);
    }
  }

  #hearProvider(
    id: string,
    type: string,
    data: {
      readonly consumer: string;
      readonly claimId?: string;
      readonly allocation?: { readonly claimId: string };
    },
  ): void {
    const { consumer, claimId, allocation } = data;
    const key = `${id} ${consumer}`;
    if (type === 'provider.claimed' && allocation !== undefined)
      this.#claims.set(key, allocation.claimId);
    if (type !== 'provider.released') return;
    const held = this.#claims.get(key);
    if (held === undefined || (claimId !== undefined && claimId !== held)) return;
    this.#claims.delete(key);
    if (this.#options.historyOf(consumer).grant?.providerId === id)
      this.#checkReleased('its claim', consumer);
  }

  #hearNetwork(
    type: string,
    data: {
      readonly portId?: string;
      readonly port?: { readonly id: string; readonly deviceId: string };
    },
  ): void {
    const portId = data.portId ?? data.port?.id;
    if (portId === undefined) return;
    const before = this.#ports.get(portId);
    const deviceId = data.port?.deviceId ?? '';
    if (before !== undefined && deviceId !== before && !this.#loose.delete(portId))
      this.#checkReleased('a port', before);
    if (deviceId === '') this.#ports.delete(portId);
    else if (type === 'network.port-set') this.#ports.set(portId, deviceId);
  }

  #checkReleased(what: string, serverId: string): void {
    const { grant } = this.#options.historyOf(serverId);
    if (grant !== undefined)
      this.#options.found(
        `order: ${what} of ${serverId} was given back while ${grant.host} may run it`,
      );
  }

  #checkMissing(serverId: string): void {
    const { started, isGone } = this.#options.historyOf(serverId);
    if (started.size > 0 && !isGone)
      this.#options.found(`order: quota of ${serverId}, which exists, was given back`);
  }
}
