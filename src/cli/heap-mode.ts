// V8 under the launcher's flags keeps its heap small, at the cost of half its speed under load: right for an idle cloud,
// wrong for a busy one. This switches between the two by how busy the event loop is, and back before the process takes
// too much. It changes nothing but speed and memory: docs/operating.md, "Overload".
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

const LOOK_EVERY_MS = 500;
/** Parts of the time that the event loop was busy; apart, so that the mode does not flutter. */
const BUSY = 0.5;
const QUIET = 0.1;
/** Quiet looks in a row until the heap may shrink again. */
const QUIET_LOOKS = 20;
/** The process may take so much for speed, or so many times what it takes at rest. */
const ALLOWED_MIB = 340;
const ALLOWED_TIMES = 1.5;
/** Fast again below this part of what is allowed. */
const RELIEF = 0.85;
const MIB = 1_048_576;

export interface Look {
  readonly busyPart: number;
  /** Of the whole process. */
  readonly memoryMiB: number;
}

export interface HeapMode {
  readonly isFast: boolean;
  readonly quietLooks: number;
  /** What the process took when it last had little to do. */
  readonly restMiB: number;
}

export const atStart: HeapMode = { isFast: false, quietLooks: 0, restMiB: 0 };

/** Which mode comes after a look. Pure. */
export function nextMode(mode: HeapMode, { busyPart, memoryMiB }: Look): HeapMode {
  const { isFast, quietLooks } = mode;
  const isQuiet = busyPart <= QUIET;
  const restMiB = isQuiet && !isFast ? memoryMiB : mode.restMiB;
  const allowedMiB = Math.max(ALLOWED_MIB, ALLOWED_TIMES * restMiB);
  const isTooMuch = memoryMiB > (isFast ? allowedMiB : RELIEF * allowedMiB);
  if (isTooMuch) return { isFast: false, quietLooks: 0, restMiB };
  if (busyPart >= BUSY) return { isFast: true, quietLooks: 0, restMiB };
  if (!isFast || !isQuiet) return { isFast, quietLooks: 0, restMiB };
  const looks = quietLooks + 1;
  return { isFast: looks < QUIET_LOOKS, quietLooks: looks % QUIET_LOOKS, restMiB };
}

/** For as long as the process lives; only if it was started to keep its heap small. */
export function followLoad(execArgv: readonly string[] = process.execArgv): void {
  if (!execArgv.includes('--optimize-for-size')) return;
  let mode = atStart;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const next = nextMode(mode, {
      busyPart: performance.eventLoopUtilization(now, before).utilization,
      memoryMiB: process.memoryUsage.rss() / MIB,
    });
    if (next.isFast !== mode.isFast)
      setFlagsFromString(next.isFast ? '--no-optimize-for-size' : '--optimize-for-size');
    [mode, before] = [next, now];
  }, LOOK_EVERY_MS).unref();
}
