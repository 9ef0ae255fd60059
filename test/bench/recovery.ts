// A controller that starts on a large journal: 100 000 servers on a Redis with full sync, read into memory by a process of
// its own, which says how long that took and what each idle server costs it.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realEnv } from '#runtime/env/real.ts';
import type { EntityKey, JournalEntry } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';
import { SimulatedCloud } from '#test/support/simulated-cloud.ts';
import type { Row } from './table.ts';

const SERVERS = 100_000;
const AT_ONCE = 500;
const MODEL = 'aaaa0001-0000-4000-8000-000000000000';

export interface Recovery {
  readonly entities: number;
  readonly tookMs: number;
  readonly bytesPerServer: number;
}

export async function recovery(): Promise<readonly Row[]> {
  const redis = await PrivateRedis.start();
  try {
    await fill(redis.url, await modelEntries());
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', join(import.meta.dirname, 'recovery-process.ts'), redis.url],
      { maxBuffer: 1024 * 1024 },
    );
    const { entities, tookMs, bytesPerServer } = JSON.parse(stdout) as Recovery;
    if (entities < SERVERS) throw new Error(`only ${entities} of ${SERVERS} servers were read`);
    return [
      {
        what: '100 000 servers recovered from Redis by one controller',
        figure: `${(tookMs / 1000).toFixed(1)} s`,
        bar: '≤ 20 s',
        isMet: tookMs <= 20_000,
      },
      {
        what: 'memory of an idle server’s actor',
        figure: `${(bytesPerServer / 1024).toFixed(2)} KiB`,
        bar: '≤ 4 KB',
        isMet: bytesPerServer <= 4_000,
      },
    ];
  } finally {
    await redis.stop();
  }
}

/** What the journal holds of a server that was created and is active. */
async function modelEntries(): Promise<readonly JournalEntry[]> {
  const cloud = new SimulatedCloud({ seed: 1 });
  try {
    const { journal } = await cloud.boot();
    await cloud.create(MODEL);
    await cloud.rest();
    return journal.disk.read(`instance/${MODEL}`, 0);
  } finally {
    cloud.dispose();
  }
}

async function fill(url: string, entries: readonly JournalEntry[]): Promise<void> {
  const journal = await openRedisJournal({ env: realEnv(silentLog), url });
  const text = JSON.stringify(entries);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < SERVERS) {
      const id = `${(next++).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
      const key: EntityKey = `instance/${id}`;
      for (const entry of JSON.parse(text.replaceAll(MODEL, id)) as readonly JournalEntry[]) {
        const { firstVersion: expectedVersion, epoch, requestId, events, atMs } = entry;
        const done = await journal.append({ key, expectedVersion, epoch, requestId, events, atMs });
        if (!done.ok) throw new Error(`${key}: ${done.reason}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await journal.close();
}
