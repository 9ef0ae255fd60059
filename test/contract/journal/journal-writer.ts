// A process that appends to four streams, two events at a time, and tells its parent of each acknowledged append,
// until it is killed. Run by sqlite.test.ts.
import { realEnv } from '#runtime/env/real.ts';
import type { EntityKey, Journal } from '#runtime/journal/port.ts';
import { openSqliteJournal } from '#runtime/journal/sqlite/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const pipelined = 3;

async function appendForEver(journal: Journal, key: EntityKey): Promise<never> {
  let version = (await journal.read(key, 0)).at(-1)?.version ?? 0;
  for (;;) {
    const firstVersion = version;
    version += 2 * pipelined;
    const appends = Array.from({ length: pipelined }, async (_, index) => {
      const expectedVersion = firstVersion + 2 * index;
      const data = 'x'.repeat(300);
      const events = [1, 2].map((part) => ({ type: 'part', version: 1, data: { part, data } }));
      const requestId = `${key}-${expectedVersion}`;
      const append = { key, expectedVersion, epoch: 1, requestId, events, atMs: 0 };
      const result = await journal.append(append);
      if (!result.ok) throw new Error(`${key} at ${expectedVersion}: ${result.reason}`);
      process.send?.([key, result.version]);
    });
    await Promise.all(appends);
  }
}

const path = process.argv[2];
if (path === undefined) throw new Error('usage: journal-writer.ts <path>');
const journal = await openSqliteJournal({ env: realEnv(silentLog), path });
await Promise.all(
  (['a/1', 'a/2', 'b/1', 'b/2'] as const).map((key) => appendForEver(journal, key)),
);
