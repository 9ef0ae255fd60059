// A host takes no more than so many servers.
import type { HostView } from '../host-view.ts';
import type { Filter } from './filter.ts';

export const numInstancesFilter: Filter = {
  name: 'NumInstancesFilter',
  holdsWhenForced: false,
  refuse: (host, _spec, { settings }) => tooMany(host, settings.maxInstancesPerHost),
};

export function tooMany(host: HostView, most: number): string | undefined {
  return host.instances < most ? undefined : `it has ${host.instances} servers, ${most} may be`;
}
