// A host in an aggregate with `instance_type` takes only the flavors named there.
import { aggregateWords } from '../aggregate-values.ts';
import type { Filter } from './filter.ts';

export const aggregateTypeAffinityFilter: Filter = {
  name: 'AggregateTypeAffinityFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const flavors = aggregateWords(host, 'instance_type');
    if (flavors.length === 0 || flavors.includes(spec.flavor.name)) return undefined;
    return `its aggregates take the flavors ${flavors.join(', ')}, this one is ${spec.flavor.name}`;
  },
};
