// The task list of the virtual Env: runnable tasks picked by the seed, timers ordered by (due time, scheduling).
// It holds time but does not run anything itself; virtual-env.ts does.
import type { Cancel, Env } from '#runtime/env/env.ts';

import type { SeededRandom } from './seeded-random.ts';

/** A process of the simulated world, to which tasks belong. */
export interface Owner {
  isDead: boolean;
  isPaused: boolean;
  /** What came due while it stood still, in order. */
  held: Task[];
}

export interface Task {
  readonly seq: number;
  readonly dueMs: number;
  readonly run: () => void;
  /** Undefined: of the world around the processes. */
  readonly owner: Owner | undefined;
  cancelled: boolean;
}

export interface Scheduler {
  schedule(delayMs: number | 'soon', fn: () => void, owner: Owner | undefined): Task;
  timersOf(owner: Owner | undefined): Env['timers'];
  /** Tasks that are due already and were held back may run now. */
  release(tasks: readonly Task[]): void;
  /** The next task to run at the present moment: any pending one, or the first timer due. */
  take(): Task | undefined;
  nowMs(): number;
  nextDueMs(): number | undefined;
  moveTo(ms: number): void;
}

export function createScheduler(order: SeededRandom): Scheduler {
  const pending: Task[] = [];
  const waiting = createTimerHeap();
  let nowMs = 0;
  let seq = 0;

  const schedule = (delayMs: number | 'soon', fn: () => void, owner: Owner | undefined): Task => {
    seq += 1;
    const dueMs = delayMs === 'soon' ? nowMs : nowMs + Math.max(0, delayMs);
    const task: Task = { seq, dueMs, run: fn, owner, cancelled: false };
    if (delayMs === 'soon') pending.push(task);
    else waiting.add(task);
    return task;
  };
  const takePending = (): Task | undefined => {
    while (pending.length > 0) {
      const index = order.below(pending.length);
      const task = pending[index]!;
      const last = pending.pop()!;
      if (last !== task) pending[index] = last;
      if (!task.cancelled) return task;
    }
    return undefined;
  };
  const take = (): Task | undefined => {
    const first = waiting.first();
    const isDue = first !== undefined && first.dueMs <= nowMs;
    if (isDue && order.below(pending.length + 1) === 0) return waiting.takeFirst();
    return takePending() ?? (isDue ? waiting.takeFirst() : undefined);
  };
  const timersOf = (owner: Owner | undefined): Env['timers'] => {
    const cancellable = (delayMs: number | 'soon', fn: () => void): Cancel => {
      const task = schedule(delayMs, fn, owner);
      return () => void (task.cancelled = true);
    };
    return { after: cancellable, soon: (fn) => cancellable('soon', fn) };
  };
  return {
    schedule,
    timersOf,
    release: (tasks) => void pending.push(...tasks),
    take,
    nowMs: () => nowMs,
    nextDueMs: () => waiting.first()?.dueMs,
    moveTo: (ms) => void (nowMs = Math.max(nowMs, ms)),
  };
}

/** A binary heap by (due time, order of scheduling); cancelled timers leave it when they come to the top. */
function createTimerHeap() {
  const heap: Task[] = [];
  const isBefore = (a: Task, b: Task): boolean =>
    a.dueMs === b.dueMs ? a.seq < b.seq : a.dueMs < b.dueMs;
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  };
  const takeFirst = (): Task | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let smallest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[smallest]!)) smallest = child;
      }
      if (smallest === at) return first;
      swap(at, smallest);
      at = smallest;
    }
  };
  return {
    takeFirst,
    add(task: Task): void {
      heap.push(task);
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isBefore(heap[at]!, heap[parent]!)) return;
        swap(at, parent);
        at = parent;
      }
    },
    first(): Task | undefined {
      while (heap[0]?.cancelled) takeFirst();
      return heap[0];
    },
  };
}
