// Avoids hosts where the last builds failed; a build that succeeds sets the count back.
import type { Weigher } from './weigher.ts';

export const buildFailureWeigher: Weigher = {
  name: 'BuildFailureWeigher',
  multiplier: 'buildFailure',
  aggregateKey: 'build_failure_weight_multiplier',
  weigh: (host) => (host.failedBuilds === 0 ? 0 : -host.failedBuilds),
};
