// Like NumInstancesFilter, with the limit of the host's aggregates (`max_instances_per_host`) where they have one.
import { aggregateNumber } from '../aggregate-values.ts';
import type { Filter } from './filter.ts';
import { tooMany } from './num-instances.ts';

export const aggregateNumInstancesFilter: Filter = {
  name: 'AggregateNumInstancesFilter',
  holdsWhenForced: false,
  refuse: (host, _spec, { settings }) =>
    tooMany(host, aggregateNumber(host, 'max_instances_per_host', settings.maxInstancesPerHost)),
};
