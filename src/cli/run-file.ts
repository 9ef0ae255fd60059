// The note that a running cloud leaves in its data directory: who it is and where it answers. A note whose process
// is gone, or is another program by now, counts as none.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunFile {
  readonly pid: number;
  /** When the process started, in clock ticks since boot: tells it from a later one with the same pid. */
  readonly startTicks: string;
  /** `http://127.0.0.1:8774`. */
  readonly url: string;
  readonly hypervisor: string;
}

const fileName = 'run.json';

export function writeRunFile(data: string, run: Omit<RunFile, 'startTicks' | 'pid'>): void {
  const file: RunFile = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? '', ...run };
  const path = join(data, fileName);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o644 });
  renameSync(`${path}.tmp`, path);
}

export function removeRunFile(data: string): void {
  rmSync(join(data, fileName), { force: true });
}

/** The cloud that runs on this data directory now; undefined if none does. */
export function findRunning(data: string): RunFile | undefined {
  let file: Partial<RunFile> | null;
  try {
    file = JSON.parse(readFileSync(join(data, fileName), 'utf8')) as Partial<RunFile> | null;
  } catch {
    return undefined;
  }
  const { pid, startTicks } = file ?? {};
  if (typeof pid !== 'number' || startTicks === undefined) return undefined;
  return startTicksOf(pid) === startTicks ? (file as RunFile) : undefined;
}

const LOOK_MS = 20;

/** Whether the process ends within the time. */
export async function hasEnded(run: RunFile, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (startTicksOf(run.pid) === run.startTicks) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return true;
}

/** Field 22 of /proc/PID/stat (proc(5)); undefined if there is no such process. */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
