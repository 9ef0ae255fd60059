// Hosts that don't tell the metrics which the weigher needs are left out.
import type { Filter } from './filter.ts';

export const metricsFilter: Filter = {
  name: 'MetricsFilter',
  holdsWhenForced: false,
  refuse: (host, _spec, { settings }) => {
    const missing = Object.keys(settings.metricWeights).filter(
      (name) => host.metrics[name] === undefined,
    );
    return missing.length > 0 ? `tells no metrics ${missing.join(', ')}` : undefined;
  },
};
