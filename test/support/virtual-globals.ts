// Lends the virtual scheduler to libraries that call the global timers, Date or Math.random at run time (nact does).
// Only globals are replaced: what a library captured when it was imported stays real.
import type { Env } from '#runtime/env/env.ts';

import type { SeededRandom } from './seeded-random.ts';
import type { Owner, Scheduler, Task } from './virtual-scheduler.ts';

interface GlobalSources {
  readonly clock: Env['clock'];
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** The process whose task runs now: what it sets is its own. */
  readonly owner: () => Owner | undefined;
}

/** What the global timer functions hand out: enough of Node's Timeout for libraries that call its methods. */
interface Handle {
  task: Task;
  ref(): Handle;
  unref(): Handle;
  hasRef(): boolean;
  close(): Handle;
  [Symbol.dispose](): void;
}

function createHandle(task: Task): Handle {
  const handle: Handle = {
    task,
    ref: () => handle,
    unref: () => handle,
    hasRef: () => true,
    close: () => {
      handle.task.cancelled = true;
      return handle;
    },
    [Symbol.dispose]: () => void handle.close(),
  };
  return handle;
}

export function installGlobals({ clock, scheduler, random, owner }: GlobalSources): () => void {
  const realDate = globalThis.Date;
  type Fn = (...args: unknown[]) => void;
  const later = (fn: Fn, delayMs: number | undefined, args: unknown[]): Handle =>
    createHandle(scheduler.schedule(Math.max(1, delayMs ?? 1), () => fn(...args), owner()));
  const repeat = (fn: Fn, everyMs = 1, ...args: unknown[]): Handle => {
    const periodMs = Math.max(1, everyMs);
    const tick = (): void => {
      handle.task = scheduler.schedule(periodMs, tick, handle.task.owner);
      fn(...args);
    };
    const handle = createHandle(scheduler.schedule(periodMs, tick, owner()));
    return handle;
  };
  const clear = (handle: Handle | undefined): void => {
    if (handle !== undefined) handle.task.cancelled = true;
  };
  class VirtualDate extends realDate {
    constructor(...args: [] | [number]) {
      super(...(args.length === 0 ? ([clock.now()] as const) : args));
    }
    static override now(): number {
      return clock.now();
    }
  }
  const replacements = {
    setImmediate: (fn: Fn, ...args: unknown[]) =>
      createHandle(scheduler.schedule('soon', () => fn(...args), owner())),
    clearImmediate: clear,
    setTimeout: (fn: Fn, delayMs?: number, ...args: unknown[]) => later(fn, delayMs, args),
    clearTimeout: clear,
    setInterval: repeat,
    clearInterval: clear,
    Date: VirtualDate,
  };
  const saved = Object.keys(replacements).map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const,
  );
  const savedRandom = Math.random;
  for (const [name, value] of Object.entries(replacements)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  Math.random = () => random.float();
  return () => {
    for (const [name, descriptor] of saved) Object.defineProperty(globalThis, name, descriptor);
    Math.random = savedRandom;
  };
}
