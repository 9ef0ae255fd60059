// A HypervisorEnv whose time stands still until a test moves it.

import type { HypervisorEnv } from '#hypervisor/port.ts';

export interface VirtualEnv extends HypervisorEnv {
  /** Moves time and calls what falls due, in order. */
  advance(ms: number): void;
  /** Delays of the timers that are set, in order. */
  pendingDelays(): number[];
  readonly warnings: string[];
}

export function virtualEnv(): VirtualEnv {
  let now = 0;
  let timers: { readonly at: number; readonly fn: () => void }[] = [];
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const warn = (_fields: object, message: string): void => void warnings.push(message);
  return {
    clock: { now: () => now, monotonic: () => now },
    timers: {
      after: (delayMs, fn) => {
        const timer = { at: now + delayMs, fn };
        timers.push(timer);
        return () => {
          timers = timers.filter((other) => other !== timer);
        };
      },
    },
    random: { float: () => 1, uuid: () => '00000000-0000-4000-8000-000000000000' },
    log: { debug: quiet, info: quiet, warn, error: warn },
    warnings,
    pendingDelays: () => timers.map((timer) => timer.at - now).sort((a, b) => a - b),
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        now = due.at;
        due.fn();
      }
      now = end;
    },
  };
}
