// A host must answer, and its compute service must be enabled.
import type { Filter } from './filter.ts';

export const computeFilter: Filter = {
  name: 'ComputeFilter',
  holdsWhenForced: false,
  refuse: (host) => {
    if (host.enabled) return undefined;
    const reason = host.disabledReason;
    return `its compute service is disabled${reason === undefined ? '' : ` (${reason})`}`;
  },
};

export const DOES_NOT_ANSWER = 'it does not answer';

/** A choice that can't be carried out is no choice, forced or not. */
export const upFilter: Filter = {
  name: 'ComputeFilter',
  holdsWhenForced: true,
  refuse: (host) => {
    if (host.forcedDown) return 'an administrator has forced it down';
    return host.isUp ? undefined : DOES_NOT_ANSWER;
  },
};
