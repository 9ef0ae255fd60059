// Like IoOpsFilter, with the limit of the host's aggregates (`max_io_ops_per_host`) where they have one.
import { aggregateNumber } from '../aggregate-values.ts';
import type { Filter } from './filter.ts';
import { tooBusy } from './io-ops.ts';

export const aggregateIoOpsFilter: Filter = {
  name: 'AggregateIoOpsFilter',
  holdsWhenForced: false,
  refuse: (host, _spec, { settings }) =>
    tooBusy(host, aggregateNumber(host, 'max_io_ops_per_host', settings.maxIoOpsPerHost)),
};
