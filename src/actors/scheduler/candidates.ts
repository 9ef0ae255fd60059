// Which hosts may take a server: asks the filters host by host, and keeps for each refused host the filter and its
// figures, so that "no valid host" is never said bare. Pure.
import { allFilters } from './filters/all.ts';
import type { Filter, ServerPlaces } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import type { HostRefusal, RequestSpec } from './protocol.ts';

export interface Filtered {
  readonly hosts: readonly HostView[];
  readonly refusals: readonly HostRefusal[];
}

export function filterHosts(
  hosts: Iterable<HostView>,
  spec: RequestSpec,
  places: ServerPlaces,
): Filtered {
  const filters =
    spec.forced === true ? allFilters.filter((filter) => filter.holdsWhenForced) : allFilters;
  const passed: HostView[] = [];
  const refusals: HostRefusal[] = [];
  for (const host of hosts) {
    const refusal = firstRefusal(filters, host, { spec, places });
    if (refusal === undefined) passed.push(host);
    else refusals.push(refusal);
  }
  return { hosts: passed, refusals };
}

function firstRefusal(
  filters: readonly Filter[],
  host: HostView,
  { spec, places }: { readonly spec: RequestSpec; readonly places: ServerPlaces },
): HostRefusal | undefined {
  for (const filter of filters) {
    const reason = filter.refuse(host, spec, places);
    if (reason !== undefined) return { host: host.host, filter: filter.name, reason };
  }
  return undefined;
}
