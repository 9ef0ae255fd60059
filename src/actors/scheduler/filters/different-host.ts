// Hint `different_host`: none of the named servers may be on the host.
import type { Filter } from './filter.ts';

export const differentHostFilter: Filter = {
  name: 'DifferentHostFilter',
  holdsWhenForced: false,
  isPersonal: true,
  refuse: (host, spec, places) => {
    const there = (spec.hints['different_host'] ?? []).find(
      (id) => places.hostOf(id) === host.host,
    );
    return there === undefined
      ? undefined
      : `it holds server ${there}, which the hint different_host names`;
  },
};
