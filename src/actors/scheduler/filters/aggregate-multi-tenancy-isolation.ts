// A host in an aggregate with `filter_tenant_id` (or `filter_tenant_id` and any ending) is for those projects alone.
import type { HostView } from '../host-view.ts';
import type { Filter } from './filter.ts';

const KEY = 'filter_tenant_id';

export const aggregateMultiTenancyIsolationFilter: Filter = {
  name: 'AggregateMultiTenancyIsolation',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const projects = projectsOf(host);
    if (projects.length === 0 || projects.includes(spec.projectId)) return undefined;
    return `its aggregates are for the projects ${projects.slice(0, 3).join(', ')}`;
  },
};

function projectsOf(host: HostView): readonly string[] {
  return host.aggregates.flatMap(({ metadata }) =>
    Object.entries(metadata)
      .filter(([key]) => key.startsWith(KEY))
      .flatMap(([, value]) => value.split(',').map((word) => word.trim())),
  );
}
