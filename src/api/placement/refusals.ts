// What the refusals of providers and writes mean to a client of the placement API: status, code, and Placement's words. Pure.
import type { Refusal } from '#runtime/message/refusal.ts';
import { faultOf, PlacementFault } from './envelope.ts';

export const CONCURRENT_UPDATE = 'placement.concurrent_update';
export const INVENTORY_IN_USE = 'placement.inventory.inuse';
export const DUPLICATE_NAME = 'placement.duplicate_name';
export const PROVIDER_IN_USE = 'placement.resource_provider.inuse';
export const CANNOT_DELETE_PARENT = 'placement.resource_provider.cannot_delete_parent';
export const PROVIDER_NOT_FOUND = 'placement.resource_provider.not_found';

/** What another client has changed at the same moment. */
export const OTHERS_UPDATED =
  'Another thread concurrently updated the data. Please retry your update';
export const OTHERS_UPDATED_PROVIDER =
  'Another thread concurrently updated the resource provider data. Please retry your update';

export function conflict(message: string, code?: string): PlacementFault {
  return new PlacementFault(409, message, code === undefined ? {} : { code });
}

export function notFound(message: string): PlacementFault {
  return new PlacementFault(404, message);
}

export function providerNotFound(id: string): PlacementFault {
  return notFound(providerMissing(id));
}

export function providerMissing(id: string): string {
  return `No resource provider with uuid ${id} found`;
}

export function classMissing(name: string): string {
  return `No such resource class ${name}.`;
}

export function inventoryInUse({ detail }: Refusal): string {
  const classes = (detail['resources'] as readonly string[]).join(', ');
  return `Inventory for '${classes}' on resource provider '${String(detail['provider'])}' in use.`;
}

/** Of a claim-refused: why the amounts can't be had. `asked`: all classes that the request names. */
export function misfitWords({ detail }: Refusal, asked: readonly string[]): string {
  const { resource, provider, reason } = detail;
  const on = `on resource provider '${String(provider)}'`;
  switch (reason) {
    case 'no-inventory': {
      const offered = (detail['offered'] ?? []) as readonly string[];
      const none = !asked.some((name) => offered.includes(name));
      const classes = none ? asked.join(', ') : String(resource);
      return `Inventory for '${classes}' ${on} invalid.`;
    }
    case 'capacity':
      return `Unable to create allocation for '${String(resource)}' ${on}. The requested amount would exceed the capacity.`;
    default:
      return `Unable to create allocation for '${String(resource)}' ${on}. The requested amount would violate inventory constraints.`;
  }
}

/** For refusals that say nothing of the request: others were faster, or something is away. */
export function raceFault(refusal: Refusal, opening: string): PlacementFault {
  switch (refusal.refused) {
    case 'provider-generation-conflict':
    case 'provider-not-found':
      return conflict(`${opening}: ${OTHERS_UPDATED_PROVIDER}`, CONCURRENT_UPDATE);
    case 'write-unsettled':
    case 'write-abandoned':
      return faultOf(refusal);
    default:
      return conflict(`${opening}: ${OTHERS_UPDATED}`, CONCURRENT_UPDATE);
  }
}
