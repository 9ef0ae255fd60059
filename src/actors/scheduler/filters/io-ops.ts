// A host that is busy building, resizing, rebuilding or taking snapshots gets no more while it has too many of them.
import type { HostView } from '../host-view.ts';
import type { Filter } from './filter.ts';

export const ioOpsFilter: Filter = {
  name: 'IoOpsFilter',
  holdsWhenForced: false,
  refuse: (host, _spec, { settings }) => tooBusy(host, settings.maxIoOpsPerHost),
};

export function tooBusy(host: HostView, most: number): string | undefined {
  if (host.ioOps < most) return undefined;
  return `${host.ioOps} of its servers are being built or changed, ${most} may be`;
}
