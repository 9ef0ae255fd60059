// Hint `same_host`: at least one of the named servers must be on the host.
import type { Filter } from './filter.ts';

export const sameHostFilter: Filter = {
  name: 'SameHostFilter',
  holdsWhenForced: false,
  isPersonal: true,
  refuse: (host, spec, places) => {
    const wanted = spec.hints['same_host'] ?? [];
    if (wanted.length === 0 || wanted.some((id) => places.hostOf(id) === host.host))
      return undefined;
    return `it holds none of the servers that the hint same_host names: ${wanted.slice(0, 5).join(', ')}`;
  },
};
