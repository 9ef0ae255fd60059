// V8 under the launcher's flags keeps its heap small, at the cost of half its speed under load: right for an idle cloud,
// wrong for a busy one. This switches between the two by how busy the event loop is. It changes nothing but speed and
// memory: docs/operating.md, "Overload".
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

const LOOK_EVERY_MS = 500;
/** Parts of the time that the event loop was busy; apart, so that the mode does not flutter. */
const BUSY = 0.5;
const QUIET = 0.1;
/** Quiet looks in a row until the heap may shrink again. */
const QUIET_LOOKS = 20;

/** Which mode comes after a look at the event loop. Pure. */
export function nextMode(
  { isFast, quietLooks }: { readonly isFast: boolean; readonly quietLooks: number },
  busyPart: number,
): { readonly isFast: boolean; readonly quietLooks: number } {
  if (busyPart >= BUSY) return { isFast: true, quietLooks: 0 };
  if (!isFast || busyPart > QUIET) return { isFast, quietLooks: 0 };
  const looks = quietLooks + 1;
  return looks < QUIET_LOOKS
    ? { isFast: true, quietLooks: looks }
    : { isFast: false, quietLooks: 0 };
}

/** For as long as the process lives; only if it was started to keep its heap small. */
export function followLoad(execArgv: readonly string[] = process.execArgv): void {
  if (!execArgv.includes('--optimize-for-size')) return;
  let mode = { isFast: false, quietLooks: 0 };
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const next = nextMode(mode, performance.eventLoopUtilization(now, before).utilization);
    if (next.isFast !== mode.isFast)
      setFlagsFromString(next.isFast ? '--no-optimize-for-size' : '--optimize-for-size');
    [mode, before] = [next, now];
  }, LOOK_EVERY_MS).unref();
}
