// What a placement asks of the scheduler, and what it gets: an ordered choice of hosts, or why there is none.
import type { Flavor, ServerImage } from '../domain/server.ts';

/** Nova's request spec: all that filters and weighers may look at. */
export interface RequestSpec {
  readonly serverId: string;
  /** Of the placement asked for: what a host holds under it, from a try that was cut short, is free for it. */
  readonly claimId?: string;
  /** What the server holds at the host that it has: free for it there. */
  readonly ownClaimId?: string;
  readonly projectId: string;
  readonly flavor: Flavor;
  readonly image: ServerImage | undefined;
  readonly availabilityZone: string | undefined;
  /** Host or hypervisor hostname that an administrator asked for. */
  readonly requestedHost: string | undefined;
  /** The administrator forces that host (`ZONE:HOST`): only what can't be otherwise is checked, as in Nova. */
  readonly forced?: boolean;
  readonly hints: Readonly<Record<string, readonly string[]>>;
  /** Hosts that were tried and failed, with no second chance. */
  readonly excludedHosts: readonly string[];
}

export interface Candidate {
  readonly host: string;
  /** The hypervisor's hostname. */
  readonly node: string;
  readonly providerId: string;
  readonly availabilityZone: string;
  readonly weight: number;
}

/** Why a host is not chosen, with the figures. */
export interface HostRefusal {
  readonly host: string;
  readonly filter: string;
  /** `needs 2048 MiB, has 512 MiB free of 4096 MiB`. */
  readonly reason: string;
}

export interface Selection {
  /** Best first: the chosen host and its alternates. Empty if no host fits. */
  readonly candidates: readonly Candidate[];
  readonly refusals: readonly HostRefusal[];
}
