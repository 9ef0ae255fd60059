// A compute host as filters and weighers see it: its service and hypervisor, what its provider has left, and whether
// it answers. Built anew from the read models for each choice; pure.
import { capacityOf } from '../provider/arithmetic.ts';
import type { Inventory, ProviderState } from '../provider/protocol.ts';
import { bucketGet } from '../domain/bucket-map.ts';
import type { Aggregate } from '../topology/aggregates-protocol.ts';
import type { HostState, HypervisorFacts } from '../topology/protocol.ts';
import type { RequestSpec } from './protocol.ts';

export interface ResourceView {
  readonly inventory: Inventory;
  /** (total − reserved) × ratio. */
  readonly capacity: number;
  readonly used: number;
}

export interface HostView {
  readonly host: string;
  readonly providerId: string;
  readonly availabilityZone: string;
  readonly isUp: boolean;
  readonly forcedDown: boolean;
  readonly enabled: boolean;
  readonly disabledReason: string | undefined;
  readonly hypervisor: HypervisorFacts;
  readonly resources: Readonly<Record<string, ResourceView>>;
  readonly traits: readonly string[];
  /** That the host is in. */
  readonly aggregates: readonly Aggregate[];
  /** Servers that have it granted. */
  readonly instances: number;
  /** Of these, those being built or changed in a way that keeps disks busy. */
  readonly ioOps: number;
  /** Builds that failed here since the last one that succeeded. */
  readonly failedBuilds: number;
  /** `name=value` → how many of its servers have an image with that property. */
  readonly imageProperties: ReadonlyMap<string, number>;
  /** Those that the host tells, by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** What a host's servers make of it. */
export type HostLoad = Pick<HostView, 'instances' | 'ioOps' | 'failedBuilds' | 'imageProperties'>;

export const noLoad: HostLoad = {
  instances: 0,
  ioOps: 0,
  failedBuilds: 0,
  imageProperties: new Map(),
};

/** Undefined for a host that never registered: there is nothing to choose yet. */
export function viewHost(
  host: HostState,
  provider: ProviderState | undefined,
  around: {
    readonly isUp: boolean;
    readonly availabilityZone: string;
    readonly aggregates: readonly Aggregate[];
    readonly load?: HostLoad;
  },
): HostView | undefined {
  if (!host.registered || host.hypervisor === undefined) return undefined;
  const { isUp, availabilityZone, aggregates, load = noLoad } = around;
  return {
    host: host.id,
    providerId: host.providerId,
    availabilityZone,
    isUp,
    forcedDown: host.forcedDown,
    enabled: host.enabled,
    disabledReason: host.disabledReason,
    hypervisor: host.hypervisor,
    resources: viewResources(provider),
    traits: provider?.traits ?? [],
    aggregates,
    ...load,
    metrics: {},
  };
}

/** The provider as it would be if the request's own claim were given back. */
export function withoutClaim(
  provider: ProviderState | undefined,
  { serverId, claimId, ownClaimId }: Pick<RequestSpec, 'serverId' | 'claimId' | 'ownClaimId'>,
): ProviderState | undefined {
  if (provider === undefined) return provider;
  const held = bucketGet(provider.allocations, serverId);
  if (held === undefined) return provider;
  if (held.claimId !== claimId && held.claimId !== ownClaimId) return provider;
  const used = { ...provider.used };
  for (const [resource, amount] of Object.entries(held.resources))
    used[resource] = (used[resource] ?? 0) - amount;
  return { ...provider, used };
}

function viewResources(provider: ProviderState | undefined): Record<string, ResourceView> {
  if (provider === undefined) return {};
  return Object.fromEntries(
    Object.entries(provider.inventories).map(([resource, inventory]) => [
      resource,
      { inventory, capacity: capacityOf(inventory), used: provider.used[resource] ?? 0 },
    ]),
  );
}

/** What is left of a resource; less than nothing if its inventory shrank below what is in use. */
export function freeOf(host: HostView, resource: string): number {
  const view = host.resources[resource];
  return view === undefined ? 0 : view.capacity - view.used;
}
