// Adds up the metrics of a host that the settings name, each times its ratio. A host that does not tell one of them has
// the figure that the settings give for that; where metrics are required, MetricsFilter leaves such hosts out before.
import type { Weigher } from './weigher.ts';

export const metricsWeigher: Weigher = {
  name: 'MetricsWeigher',
  multiplier: 'metrics',
  aggregateKey: 'metrics_weight_multiplier',
  weigh: (host, _spec, { settings }) => {
    let sum = 0;
    for (const [name, ratio] of Object.entries(settings.metricWeights)) {
      const value = host.metrics[name];
      if (value === undefined && ratio !== 0) return settings.weightOfUnavailableMetrics;
      sum += (value ?? 0) * ratio;
    }
    return sum;
  },
};
