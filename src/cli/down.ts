// `kilonova down`: stops the cloud. Guests keep running and are adopted by the next `up`; --purge ends them and removes
// all that the cloud made on this host.
import { rmSync } from 'node:fs';
import type { DownArguments } from './arguments.ts';
import { readMemberFile } from '../member-file.ts';
import { findRunning, hasEnded, removeRunFile } from './run-file.ts';
import { readSettings } from './settings.ts';

const STOP_WITHIN_MS = 30_000;

export async function down(options: DownArguments): Promise<void> {
  const config = await readSettings(options);
  refusePurge(config.data, options);
  const running = findRunning(config.data);
  if (running === undefined) say(`no cloud runs on ${config.data}`);
  else {
    process.kill(running.pid, 'SIGTERM');
    if (!(await hasEnded(running, STOP_WITHIN_MS))) {
      process.kill(running.pid, 'SIGKILL');
      say(
        `process ${running.pid} did not stop within ${STOP_WITHIN_MS / 1000} s and was killed; nothing acknowledged is lost`,
      );
    }
    removeRunFile(config.data);
    say(`stopped process ${running.pid}`);
  }
  if (options.purge !== true) {
    if (running?.hypervisor === 'libvirt')
      say(
        'guests keep running; ./kilonova up takes them over again, ./kilonova down --purge ends them',
      );
    return;
  }
  const { purge } = await import('./purge.ts');
  await purge(config, say);
  rmSync(config.data, { recursive: true, force: true });
  say(`removed ${config.data}`);
}

/** Before anything is stopped. */
function refusePurge(data: string, { purge }: DownArguments): void {
  const member = purge === true ? readMemberFile(data) : undefined;
  if (member !== undefined)
    throw new Error(
      `${data} is member ${member.name} of a cluster: let it leave first (./kilonova leave), so that the cluster does not count on it`,
    );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
