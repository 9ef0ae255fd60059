// A host that failed this operation already gets no second chance.
import type { Filter } from './filter.ts';

export const triedHostFilter: Filter = {
  name: 'RetryFilter',
  holdsWhenForced: true,
  isPersonal: true,
  refuse: (host, spec) =>
    spec.excludedHosts.includes(host.host) ? 'it was tried and failed' : undefined,
};
