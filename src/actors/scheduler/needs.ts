// What a request needs of any host, worked out once per request: filters are asked for thousands of hosts. Pure.
import { flavorResources, traitNeeds, type TraitNeeds } from '../domain/flavor-resources.ts';
import type { RequestSpec } from './protocol.ts';

export interface Needs {
  /** By resource class. */
  readonly resources: Readonly<Record<string, number>>;
  readonly traits: TraitNeeds;
}

const known = new WeakMap<RequestSpec, Needs>();

export function needsOf(spec: RequestSpec): Needs {
  const before = known.get(spec);
  if (before !== undefined) return before;
  const needs = {
    resources: flavorResources(spec.flavor),
    traits: traitNeeds(spec.flavor, spec.image),
  };
  known.set(spec, needs);
  return needs;
}
