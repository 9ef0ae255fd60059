// The libvirt daemon that `up` started, if none ran: remembered in the data directory, so that --purge can end it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { startTicksOf } from './run-file.ts';

interface Started {
  readonly pid: number;
  readonly startTicks: string;
}

const SYSTEM_URI = 'qemu:///system';
const STOP_WITHIN_MS = 5_000;
const LOOK_MS = 20;

/** For the system's daemon only: one that is reached in another way is its owner's matter. */
export async function startLibvirtDaemon(options: {
  readonly uri: string;
  readonly data: string;
  readonly say: (line: string) => void;
}): Promise<void> {
  if (options.uri !== SYSTEM_URI) return;
  const { ensureLibvirtDaemon } = await import('#hypervisor/libvirt/daemon.ts');
  const { pids } = await ensureLibvirtDaemon({ env: realEnv(silentLog) });
  if (pids.length === 0) return;
  options.say('started libvirtd, since none ran');
  const started = pids.map((pid): Started => ({ pid, startTicks: startTicksOf(pid) ?? '' }));
  writeFileSync(fileOf(options.data), JSON.stringify(started));
}

/** Ends what startLibvirtDaemon started for this cloud. */
export async function stopLibvirtDaemon(data: string): Promise<void> {
  let started: readonly Started[];
  try {
    started = JSON.parse(readFileSync(fileOf(data), 'utf8')) as Started[];
  } catch {
    return;
  }
  const living = (): readonly Started[] =>
    started.filter(({ pid, startTicks }) => startTicksOf(pid) === startTicks);
  for (const { pid } of living()) process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + STOP_WITHIN_MS;
  while (living().length > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  for (const { pid } of living()) process.kill(pid, 'SIGKILL');
  rmSync(fileOf(data), { force: true });
}

function fileOf(data: string): string {
  return join(data, 'libvirt-daemon.json');
}
