// Traits: what the flavor or image requires the host must have, and what the flavor forbids it must not. Placement's part,
// like resources: it holds always.
import { needsOf } from '../needs.ts';
import type { Filter } from './filter.ts';

export const traitsFilter: Filter = {
  name: 'TraitsFilter',
  holdsWhenForced: true,
  refuse: (host, spec) => {
    const { required, forbidden } = needsOf(spec).traits;
    if (required.length === 0 && forbidden.length === 0) return undefined;
    const missing = required.filter((trait) => !host.traits.includes(trait));
    if (missing.length > 0) return `lacks the required traits ${missing.join(', ')}`;
    const unwanted = forbidden.filter((trait) => host.traits.includes(trait));
    return unwanted.length > 0 ? `has the forbidden traits ${unwanted.join(', ')}` : undefined;
  },
};
