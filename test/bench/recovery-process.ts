// The process that `recovery` measures: a controller's assembly on the journal of the Redis whose address it is given.
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { Assembly } from '../../src/assembly.ts';
import type { Recovery } from './recovery.ts';

const env = realEnv(silentLog);
const journal = await openRedisJournal({ env, url: process.argv[2] ?? '' });
const assembly = new Assembly({
  env,
  name: 'recovery',
  journal,
  authority: soleAuthority({ epoch: await journal.nextEpoch('process') }, () => undefined),
  quotas: defaultQuotaLimits,
});
const before = usedBytes();
const startMs = performance.now();
const { entities } = await assembly.recover();
const tookMs = performance.now() - startMs;
const bytesPerServer = (usedBytes() - before) / entities;
const outcome: Recovery = { entities, tookMs, bytesPerServer };
process.stdout.write(JSON.stringify(outcome));
await assembly.stop();
await journal.close();

function usedBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
