// V8 keeps the memory that a start or a burst of work has left it with, since nothing is allocated any more that would
// make it collect. Here it is told to give it back, once after each busy while: docs/operating.md, "Overload".
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_EVERY_MS = 500;
/** Of the time, the part for which the event loop may be busy at rest. */
const QUIET = 0.1;
/** Quiet looks in a row until the memory is given back. */
const QUIET_LOOKS = 4;
/** Collecting more than that would hold up the event loop for too long; V8 does it bit by bit. */
const MOST_BYTES = 256 * 1024 ** 2;

export interface Rest {
  readonly quietLooks: number;
  /** Of the last busy while, or of the start. */
  readonly isHeapReleased: boolean;
}

export const atStart: Rest = { quietLooks: 0, isHeapReleased: false };

/** What follows a look at how busy the event loop was since the last one. Pure. */
export function nextRest({ quietLooks, isHeapReleased }: Rest, busyPart: number): Rest {
  if (busyPart > QUIET) return atStart;
  if (isHeapReleased) return { quietLooks, isHeapReleased };
  const looks = quietLooks + 1;
  return { quietLooks: looks, isHeapReleased: looks >= QUIET_LOOKS };
}

/** For as long as the process lives. The collection itself takes some ms per 10 MB that are in use. */
export function releaseIdleHeap(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  let rest = atStart;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    const next = nextRest(rest, utilization);
    const isDue = next.isHeapReleased && !rest.isHeapReleased;
    if (isDue && process.memoryUsage().heapUsed <= MOST_BYTES)
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    rest = next;
    before = performance.eventLoopUtilization();
  }, LOOK_EVERY_MS).unref();
}
