// A machine without time: clock, timers, chance and the order of runnable tasks all come from one seed, so equal
// seeds give equal runs, and a failure is reproduced by its seed. Tasks run one at a time; promises settle between
// two tasks. Virtual time moves only when nothing is left to run at the present moment.
// `installGlobals` lends the same scheduler to libraries that use the global timers when called (nact does).
import type { Env, Log } from '#runtime/env/env.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

import { outsidePromises, settlePromises } from './drain.ts';
import { seededRandom, type SeededRandom } from './seeded-random.ts';
import { installGlobals } from './virtual-globals.ts';
import { createScheduler, type Owner, type Scheduler } from './virtual-scheduler.ts';

export interface VirtualEnvOptions {
  readonly seed: number | string;
  /** Wall time at the start, ms since 1970. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
  readonly log?: Log;
  /** More tasks than this in one call is taken for a loop without end. Default 1 000 000. */
  readonly maxTasks?: number;
}

/** A process of the simulated world: its timers and tasks vanish when it is killed. */
export interface VirtualMember {
  readonly env: Env;
  kill(): void;
  /** Stands still, as after SIGSTOP, while time goes on; what comes due meanwhile waits. */
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  /** Steps its own wall clock, not the monotonic one. */
  stepWallClock(byMs: number): void;
}

export interface VirtualEnv extends Env {
  readonly seed: number | string;
  readonly random: SeededRandom;
  /** Runs what can run now, without moving time. */
  settle(): Promise<void>;
  /** Moves time on by `ms`, stopping at each timer on the way. */
  advance(ms: number): Promise<void>;
  /** Runs until neither tasks nor timers are left, however late they are due. */
  runUntilIdle(): Promise<void>;
  /** Runs, moving time as needed, until `condition` holds; throws naming `what` if that takes over `withinMs`. */
  runUntil(condition: () => boolean, what: string, withinMs?: number): Promise<void>;
  /** Runs until `promise` settles and gives its outcome; throws naming `what` if that takes over `withinMs`. */
  complete<T>(promise: Promise<T>, what: string, withinMs?: number): Promise<T>;
  /** Steps the wall clock, not the monotonic one. */
  stepWallClock(byMs: number): void;
  member(name: string): VirtualMember;
  /** Replaces the global timers, Date and Math.random until the returned function is called. */
  installGlobals(): () => void;
  /** Mixes a line into the trace hash; every task run is in it already. */
  trace(line: string): void;
  /** Equal for equal runs. */
  traceHash(): string;
  /** Tasks and timers run so far. */
  tasksRun(): number;
}

export function createVirtualEnv(options: VirtualEnvOptions): VirtualEnv {
  const { seed, startMs = Date.UTC(2026, 0, 1), log = silentLog, maxTasks = 1_000_000 } = options;
  const random = seededRandom(seed);
  const order = random.fork('order');
  const scheduler = createScheduler(order);
  const traces = createTrace();
  let wallOffsetMs = startMs;
  const clock = {
    now: () => Math.floor(scheduler.nowMs()) + wallOffsetMs,
    monotonic: () => scheduler.nowMs(),
  };

  let tasksRun = 0;
  let running: Owner | undefined;
  const runOne = (): boolean => {
    const task = scheduler.take();
    if (task === undefined) return false;
    const { owner } = task;
    if (owner?.isDead === true) return true;
    if (owner?.isPaused === true) {
      owner.held.push(task);
      return true;
    }
    tasksRun += 1;
    traces.addNumber(task.seq);
    traces.addNumber(task.dueMs);
    running = owner;
    task.run();
    settlePromises();
    running = undefined;
    return true;
  };

  /** Runs until `done`, or until nothing is due by `untilMs`; says whether `done` came true. */
  const driveNow = (untilMs: number, done: () => boolean): boolean => {
    settlePromises();
    for (let count = 0; count < maxTasks; count += 1) {
      if (done()) return true;
      if (runOne()) continue;
      const nextMs = scheduler.nextDueMs();
      if (nextMs === undefined || nextMs > untilMs) return false;
      scheduler.moveTo(nextMs);
    }
    throw new Error(`still busy after ${maxTasks} tasks (seed ${seed})`);
  };
  const drive = (untilMs: number, done: () => boolean): Promise<boolean> =>
    outsidePromises(() => driveNow(untilMs, done));
  const never = (): boolean => false;

  const runUntil = async (
    condition: () => boolean,
    what: string,
    withinMs = 600_000,
  ): Promise<void> => {
    const startedMs = scheduler.nowMs();
    if (await drive(startedMs + withinMs, condition)) return;
    const spentMs = scheduler.nowMs() - startedMs;
    throw new Error(
      `waited ${spentMs} of ${withinMs} virtual ms in vain for: ${what} (seed ${seed})`,
    );
  };

  return {
    seed,
    clock,
    random,
    log,
    timers: scheduler.timersOf(undefined),
    settle: async () => void (await drive(scheduler.nowMs(), never)),
    advance: async (ms) => {
      const untilMs = scheduler.nowMs() + ms;
      await drive(untilMs, never);
      scheduler.moveTo(untilMs);
    },
    runUntilIdle: async () => void (await drive(Number.POSITIVE_INFINITY, never)),
    runUntil,
    complete: async (promise, what, withinMs) => {
      let settled = false;
      const mark = (): void => void (settled = true);
      promise.then(mark, mark);
      await runUntil(() => settled, what, withinMs);
      return promise;
    },
    stepWallClock: (byMs) => void (wallOffsetMs += byMs),
    member: (name) => createMember(scheduler, { clock, log, random: random.fork(name) }),
    installGlobals: () =>
      installGlobals({ clock, scheduler, random: random.fork('globals'), owner: () => running }),
    trace: (line) => traces.add(line),
    traceHash: () => traces.hash(),
    tasksRun: () => tasksRun,
  };
}

function createMember(
  scheduler: Scheduler,
  { clock, log, random }: Omit<Env, 'timers'>,
): VirtualMember {
  const owner: Owner = { isDead: false, isPaused: false, held: [] };
  let steppedMs = 0;
  return {
    env: {
      log,
      random,
      timers: scheduler.timersOf(owner),
      clock: { now: () => clock.now() + steppedMs, monotonic: () => clock.monotonic() },
    },
    kill: () => void (owner.isDead = true),
    pause: () => void (owner.isPaused = true),
    resume: () => {
      owner.isPaused = false;
      scheduler.release(owner.held.splice(0));
    },
    get isPaused() {
      return owner.isPaused;
    },
    stepWallClock: (byMs) => void (steppedMs += byMs),
  };
}

function createTrace() {
  let [high, low] = [0x811c9dc5, 0x1b873593];
  const mix = (code: number): void => {
    high = Math.imul(high ^ code, 0x01000193);
    low = (Math.imul(low ^ code, 0x85ebca6b) + high) | 0;
  };
  const parts = new Uint32Array(2);
  const number = new Float64Array(parts.buffer);
  return {
    add(line: string): void {
      for (let index = 0; index < line.length; index += 1) mix(line.charCodeAt(index));
      mix(0x10000);
    },
    addNumber(value: number): void {
      number[0] = value;
      mix(parts[0]!);
      mix(parts[1]!);
    },
    hash: () => [high, low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join(''),
  };
}
