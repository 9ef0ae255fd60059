// What a request needs of any host, worked out once per request: filters are asked for thousands of hosts. Pure.
import { flavorResources, traitNeeds, type TraitNeeds } from '../domain/flavor-resources.ts';
import type { RequestSpec } from './protocol.ts';

export interface Needs {
  /** By resource class. */
  readonly resources: Readonly<Record<string, number>>;
  /** Those of other classes than the three usual ones. */
  readonly custom: readonly (readonly [resource: string, amount: number])[];
  readonly traits: TraitNeeds;
}

const usual: ReadonlySet<string> = new Set(['VCPU', 'MEMORY_MB', 'DISK_GB']);
const known = new WeakMap<RequestSpec, Needs>();

export function needsOf(spec: RequestSpec): Needs {
  const before = known.get(spec);
  if (before !== undefined) return before;
  const resources = flavorResources(spec.flavor);
  const needs: Needs = {
    resources,
    custom: Object.entries(resources).filter(([resource]) => !usual.has(resource)),
    traits: traitNeeds(spec.flavor, spec.image),
  };
  known.set(spec, needs);
  return needs;
}
