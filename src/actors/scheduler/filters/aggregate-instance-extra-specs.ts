// Extra specs `aggregate_instance_extra_specs:…` of the flavor (and those without any prefix) must be met by the metadata
// of the host's aggregates: at least one value of each key.
import { aggregateWords } from '../aggregate-values.ts';
import { meets } from '../spec-operators.ts';
import type { Filter } from './filter.ts';

const SCOPE = 'aggregate_instance_extra_specs';

export const aggregateInstanceExtraSpecsFilter: Filter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    for (const [key, requirement] of Object.entries(spec.flavor.extraSpecs)) {
      const colon = key.indexOf(':');
      if (colon >= 0 && key.slice(0, colon) !== SCOPE) continue;
      const name = key.slice(colon + 1);
      const values = aggregateWords(host, name);
      if (values.length === 0) return `is in no aggregate with ${name}`;
      if (!values.some((value) => meets(value, requirement)))
        return `needs an aggregate with ${name} ${requirement}, its aggregates have ${values.join(', ')}`;
    }
    return undefined;
  },
};
