// An administrator may ask for one host, by its name or its hypervisor's hostname.
import type { Filter } from './filter.ts';

export const requestedHostFilter: Filter = {
  name: 'RequestedHost',
  holdsWhenForced: true,
  isPersonal: true,
  refuse: (host, spec) => {
    const wanted = spec.requestedHost;
    if (wanted === undefined || wanted === host.host || wanted === host.hypervisor.hostname)
      return undefined;
    return `the request names host ${wanted}`;
  },
};
