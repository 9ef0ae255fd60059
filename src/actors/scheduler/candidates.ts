// Which hosts may take a server: asks the filters host by host, and keeps for each refused host the filter and its
// figures, so that "no valid host" is never said bare. Pure.
import { filtersInForce } from './filters/all.ts';
import type { Filter, FilterContext } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import type { HostRefusal, RequestSpec } from './protocol.ts';
import type { SchedulerSettings } from './settings.ts';

export interface Filtered {
  readonly hosts: readonly HostView[];
  readonly refusals: readonly HostRefusal[];
}

/** A forced host is asked only what can't be otherwise. */
export function filtersFor(
  spec: Pick<RequestSpec, 'forced'>,
  settings: Pick<SchedulerSettings, 'filters'>,
): readonly Filter[] {
  const all = filtersInForce(settings);
  return spec.forced === true ? all.filter((filter) => filter.holdsWhenForced) : all;
}

export function filterHosts(
  hosts: Iterable<HostView>,
  spec: RequestSpec,
  context: FilterContext,
): Filtered {
  const filters = filtersFor(spec, context.settings);
  const passed: HostView[] = [];
  const refusals: HostRefusal[] = [];
  for (const host of hosts) {
    const refusal = firstRefusal(filters, host, { spec, context });
    if (refusal === undefined) passed.push(host);
    else refusals.push(refusal);
  }
  return { hosts: passed, refusals };
}

export function firstRefusal(
  filters: readonly Filter[],
  host: HostView,
  { spec, context }: { readonly spec: RequestSpec; readonly context: FilterContext },
): HostRefusal | undefined {
  for (const filter of filters) {
    const reason = filter.refuse(host, spec, context);
    if (reason !== undefined) return { host: host.host, filter: filter.name, reason };
  }
  return undefined;
}
