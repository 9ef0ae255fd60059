// A server that asks for a zone gets a host of that zone.
import type { Filter } from './filter.ts';

export const availabilityZoneFilter: Filter = {
  name: 'AvailabilityZoneFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const zone = spec.availabilityZone;
    if (zone === undefined || zone === host.availabilityZone) return undefined;
    return `the server asks for zone ${zone}, the host is in ${host.availabilityZone}`;
  },
};
