// Says in one sentence why no host was found: each host with the filter and its figures, as far as there is room. Pure.
import type { HostRefusal } from './protocol.ts';

const SHOWN_HOSTS = 5;

/** `No valid host was found: h1 needs 2048 MiB, has 512 MiB free of 4096 MiB (RamFilter); …` */
export function explainNoHost(refusals: readonly HostRefusal[]): string {
  if (refusals.length === 0) return 'No valid host was found: there are no compute hosts.';
  const shown = refusals
    .slice(0, SHOWN_HOSTS)
    .map(({ host, filter, reason }) => `${host}: ${reason} (${filter})`);
  const others = refusals.slice(SHOWN_HOSTS);
  const counted = [...countByFilter(others)].map(([filter, count]) => `${count} by ${filter}`);
  const rest =
    others.length === 0 ? '' : `; and ${others.length} more refused: ${counted.join(', ')}`;
  return `No valid host was found. ${shown.join('; ')}${rest}.`;
}

function countByFilter(refusals: readonly HostRefusal[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { filter } of refusals) counts.set(filter, (counts.get(filter) ?? 0) + 1);
  return counts;
}
