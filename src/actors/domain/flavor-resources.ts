// What a flavor takes of its host, by Placement's resource classes, and which traits it wants there: from its figures and
// its extra specs, as Nova reads them. Sources: Nova's documents on extra specs (resources, trait, hw:cpu_policy).
import type { Flavor, ServerImage } from './server.ts';

type FlavorNeeds = Pick<
  Flavor,
  'vcpus' | 'ramMiB' | 'diskGiB' | 'ephemeralGiB' | 'swapMiB' | 'extraSpecs'
>;

/** `resources:CLASS`, `resources1:CLASS`, `resources_NAME:CLASS`; the same for `trait`. */
const resourceKey = /^resources([A-Za-z0-9_-]*):([A-Z0-9_]+)$/;
const traitKey = /^trait[A-Za-z0-9_-]*:([A-Z0-9_]+)$/;

/**
 * VCPU (PCPU for dedicated ones), MEMORY_MB (MiB) and, unless it is nothing, DISK_GB (GiB; swap is rounded up to whole
 * GiB, as Nova does). `resources:CLASS` takes a class's place, and 0 takes it away; numbered groups come on top.
 */
export function flavorResources(flavor: FlavorNeeds): Record<string, number> {
  const diskGiB = flavor.diskGiB + flavor.ephemeralGiB + Math.ceil(flavor.swapMiB / 1024);
  const cpus = flavor.extraSpecs['hw:cpu_policy'] === 'dedicated' ? 'PCPU' : 'VCPU';
  const resources: Record<string, number> = { [cpus]: flavor.vcpus, MEMORY_MB: flavor.ramMiB };
  if (diskGiB > 0) resources['DISK_GB'] = diskGiB;
  const asked = Object.entries(flavor.extraSpecs).flatMap(([key, value]) => {
    const [, group, resource] = resourceKey.exec(key) ?? [];
    const amount = Number(value);
    return resource === undefined || !Number.isSafeInteger(amount) || amount < 0
      ? []
      : [{ group, resource, amount }];
  });
  for (const { group, resource, amount } of asked) if (group === '') resources[resource] = amount;
  for (const { group, resource, amount } of asked)
    if (group !== '') resources[resource] = (resources[resource] ?? 0) + amount;
  for (const [resource, amount] of Object.entries(resources))
    if (amount === 0 && asked.some((one) => one.resource === resource)) delete resources[resource];
  return resources;
}

export interface TraitNeeds {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

/** `trait:NAME` is `required` or `forbidden`; an image may require traits, too. */
export function traitNeeds(
  flavor: Pick<Flavor, 'extraSpecs'>,
  image: Pick<ServerImage, 'properties'> | undefined,
): TraitNeeds {
  const named = (specs: Readonly<Record<string, string>>, wish: string): readonly string[] =>
    Object.entries(specs).flatMap(([key, value]) => {
      const trait = traitKey.exec(key)?.[1];
      return trait === undefined || value !== wish ? [] : [trait];
    });
  const required = [
    ...named(flavor.extraSpecs, 'required'),
    ...named(image?.properties ?? {}, 'required'),
  ];
  return {
    required: [...new Set(required)].sort(),
    forbidden: [...new Set(named(flavor.extraSpecs, 'forbidden'))].sort(),
  };
}
