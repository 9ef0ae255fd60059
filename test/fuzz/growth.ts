// Whether memory grew with the number of requests. What lives on by design (a deleted server's record, the id of a
// request that was answered) is small and bounded; a leak of requests, bodies or contexts is not. Pure.
import type { FuzzReport } from './run.ts';

/** Per request; a leaked body or request object is some kilobytes. */
const BYTES_PER_REQUEST = 200;
/** Caches that fill up, and compiled code. */
const SLACK_MIB = 12;
const BYTES_PER_MIB = 1_048_576;

/** In words; undefined if it did not grow. */
export function growthComplaint({
  requests,
  heapMiB: [early, late],
}: Pick<FuzzReport, 'requests' | 'heapMiB'>): string | undefined {
  const allowed = SLACK_MIB + ((requests * 2) / 3) * (BYTES_PER_REQUEST / BYTES_PER_MIB);
  if (late - early <= allowed) return undefined;
  return `memory grew from ${early.toFixed(1)} to ${late.toFixed(1)} MiB in ${Math.round((requests * 2) / 3)} requests; at most ${allowed.toFixed(1)} MiB more was expected`;
}
