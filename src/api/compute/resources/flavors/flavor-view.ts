// A flavor as the API shows it, by microversion. Pure.
import type { FlavorRecord } from '#actors/catalog/protocol.ts';
import { allows } from '../../policy.ts';
import type { ComputeCall } from '../../route.ts';
import type { Link } from '../paging.ts';

export function flavorLinks(call: ComputeCall, flavorId: string): readonly Link[] {
  const path = `/flavors/${encodeURIComponent(flavorId)}`;
  return [
    { rel: 'self', href: `${call.selfBase}${path}` },
    { rel: 'bookmark', href: `${call.bookmarkBase}${path}` },
  ];
}

export function basicFlavor(call: ComputeCall, { flavor }: FlavorRecord): object {
  return {
    id: flavor.id,
    name: flavor.name,
    links: flavorLinks(call, flavor.id),
    ...(call.from(55) ? { description: flavor.description ?? null } : {}),
  };
}

export function wholeFlavor(call: ComputeCall, { flavor }: FlavorRecord): object {
  return {
    id: flavor.id,
    name: flavor.name,
    ram: flavor.ramMiB,
    disk: flavor.diskGiB,
    swap: flavor.swapMiB === 0 && !call.from(75) ? '' : flavor.swapMiB,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeralGiB,
    ...(call.from(102) ? {} : { 'OS-FLV-DISABLED:disabled': flavor.disabled }),
    vcpus: flavor.vcpus,
    'os-flavor-access:is_public': flavor.isPublic,
    ...(call.from(102) ? {} : { rxtx_factor: flavor.rxtxFactor }),
    links: flavorLinks(call, flavor.id),
    ...(call.from(55) ? { description: flavor.description ?? null } : {}),
    ...(call.from(61) && allows(call, 'os-flavor-extra-specs:index')
      ? { extra_specs: flavor.extraSpecs }
      : {}),
  };
}
