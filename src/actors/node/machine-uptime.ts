// What `uptime` says on this machine, as administrators know it from Nova. For hosts that live where this process does.
import { execFile } from 'node:child_process';

const PATIENCE_MS = 2_000;

/** ` 10:47:30 up 1 day,  1:16,  0 users,  load average: …`; undefined where the command is missing or silent. */
export function machineUptime(command = 'uptime'): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, { timeout: PATIENCE_MS, env: { LC_ALL: 'C' } }, (error, words) => {
      const text = words.trimEnd();
      resolve(error !== null || text === '' ? undefined : text);
    });
  });
}
