// A restarted Redis begins a new append-only file before anything is written to it. If a power cut has torn a transaction,
// Redis 7 cuts its file off behind the last whole command and leaves the MULTI open: at the next start it would take what
// was written since for the rest of that transaction, and run the torn half of it (test/integration/redis/torn-file.test.ts).
// A rewrite writes to a new file from its first moment, and drops the old one when it is done.
import type { Env } from '../env/env.ts';
import { JournalFault } from '../journal/port.ts';
import type { Connection } from './connection.ts';

const lookEveryMs = 20;
const startWithinMs = 10_000;

/** Resolves when everything that is written from now on goes to a new file. */
export async function beginNewFile(env: Env, connection: Connection): Promise<void> {
  if (!/^aof_enabled:1/m.test(await persistence(connection))) return;
  try {
    await connection.call('BGREWRITEAOF', []);
  } catch (error) {
    // One that is under way has begun after the restart, and serves as well.
    if (connection.isEnded || !String(error).includes('already in progress')) throw error;
  }
  // It may have to wait for a dump to end.
  for (let waitedMs = 0; waitedMs < startWithinMs; waitedMs += lookEveryMs) {
    if (/^aof_rewrite_scheduled:0/m.test(await persistence(connection))) return;
    await new Promise<void>((resolve) => void env.timers.after(lookEveryMs, resolve));
  }
  const message = `Redis ${connection.label} has not begun a new append-only file within ${startWithinMs} ms`;
  throw new JournalFault('unavailable', message);
}

async function persistence(connection: Connection): Promise<string> {
  return String(await connection.call('INFO', ['persistence']));
}
