// A process of its own that appends to one stream of a journal in Redis, tells its parent of each acknowledged version, and
// ends. Run by store-away.test.ts.
import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const [url, count] = process.argv.slice(2);
if (url === undefined || count === undefined)
  throw new Error('usage: redis-writer.ts <url> <count>');
const journal = await openRedisJournal({ env: realEnv(silentLog), url });
const epoch = await journal.nextEpoch('writer');
for (let expectedVersion = 0; expectedVersion < Number(count); expectedVersion += 1) {
  const events = [{ type: 'thing.happened', version: 1, data: { after: expectedVersion } }];
  const request = { key: 'thing/1', requestId: undefined, events, atMs: 0 } as const;
  const result = await journal.append({ ...request, expectedVersion, epoch });
  if (!result.ok) throw new Error(`append ${expectedVersion}: ${result.reason}`);
  process.send?.(result.position);
}
await journal.close();
process.disconnect?.();
