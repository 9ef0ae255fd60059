// Real time and quiet logs for drivers under test.

import { randomUUID } from 'node:crypto';
import type { HypervisorEnv } from '#hypervisor/port.ts';

export function realEnv(): HypervisorEnv {
  const quiet = (): void => undefined;
  return {
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    timers: {
      after: (delayMs, fn) => {
        const timer = setTimeout(fn, delayMs);
        return () => clearTimeout(timer);
      },
    },
    random: { float: () => Math.random(), uuid: () => randomUUID() },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  };
}
