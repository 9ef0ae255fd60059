// Which flavors a caller may see: public ones, private ones shared with the caller's project, all for administrators.
import { flavorOf } from '#actors/catalog/lookup.ts';
import { ALL_FLAVORS, type FlavorRecord } from '#actors/catalog/protocol.ts';
import { notFound } from '../../envelope.ts';
import type { ComputeCall } from '../../route.ts';

/** In the order in which they were made. */
export async function readFlavors(call: ComputeCall): Promise<readonly FlavorRecord[]> {
  await call.context.views.barrier();
  return call.context.flavors.get(ALL_FLAVORS)?.records ?? [];
}

/** Throws a 404 for one that does not exist, or not for this caller. */
export async function findFlavor(call: ComputeCall, flavorId: string): Promise<FlavorRecord> {
  await call.context.views.barrier();
  const record = flavorOf(call.context.flavors.get(ALL_FLAVORS), flavorId);
  if (record !== undefined && (call.caller.isAdmin || isShared(record, call.caller.projectId)))
    return record;
  throw notFound(`Flavor ${flavorId} could not be found.`);
}

/** Public, or shared with the project. */
export function isShared({ flavor, access }: FlavorRecord, projectId: string | undefined): boolean {
  return flavor.isPublic || (projectId !== undefined && access.includes(projectId));
}
