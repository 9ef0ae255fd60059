// Durable appends through the journal's port at 64 in flight, against a bare loop over ioredis that calls an equivalent
// compare-and-append on the same Redis, AOF always: rounds of both in turn, so that the disk's moods hit both.
import { Redis } from 'ioredis';

import { realEnv } from '#runtime/env/real.ts';
import type { EntityKey } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

import { PrivateRedis } from '../support/private-redis.ts';
import { ms, quantile, type Row } from './table.ts';

const IN_FLIGHT = 64;
const ROUNDS = 16;
const ROUND_MS = 700;
/** Of what a bare loop reaches, at least this. */
const BAR = 0.8;

/**
 * What any journal of this contract must do in one step: owner's counter, epoch, request id and version are checked; the
 * events go to one log, their place to the entity's list, the request id is remembered.
 */
const bareLibrary = `#!lua name=bare
redis.register_function('bare_append', function(keys, args)
  local newest = redis.call('HGET', keys[5], args[5])
  if newest and tonumber(args[2]) < tonumber(newest) then return { 2, tonumber(newest) } end
  local meta = redis.call('HMGET', keys[1], 'v', 'e')
  local version, epoch = tonumber(meta[1] or 0), tonumber(meta[2] or 0)
  if tonumber(args[2]) < epoch then return { 2, epoch } end
  local done = redis.call('HGET', keys[3], args[3])
  if done then return { 3, tonumber(done) } end
  if tonumber(args[1]) ~= version then return { 4, version } end
  local id = redis.call('XADD', keys[2], '*', 'key', keys[1], 'events', args[4])
  redis.call('HSET', keys[1], 'v', version + 1, 'e', args[2])
  redis.call('RPUSH', keys[4], id)
  redis.call('HSET', keys[3], args[3], version + 1)
  return { 1, version + 1, id }
end)`;

const data = { host: 'host-17', task: 'spawning', note: 'x'.repeat(200) };

export async function journalSpeed(): Promise<readonly Row[]> {
  const redis = await PrivateRedis.start();
  const journal = await openRedisJournal({ env: realEnv(silentLog), url: redis.url });
  const bare = new Redis({ path: redis.socket });
  try {
    await bare.function('LOAD', bareLibrary);
    const appendBare = async (key: EntityKey, version: number): Promise<void> => {
      const own = [`{bare}:${key}`, '{bare}:log', `{bare}:${key}:requests`, `{bare}:${key}:places`];
      const text = JSON.stringify([['instance.moved', 1, data]]);
      const args = [version, 1, `req-${version}`, text, 'shard/1'];
      const keys = [...own, '{bare}:epochs'];
      const [outcome] = (await bare.fcall('bare_append', 5, ...keys, ...args)) as [number];
      if (outcome !== 1) throw new Error(`the bare append was answered ${outcome}`);
    };
    const appendOurs = async (key: EntityKey, expectedVersion: number): Promise<void> => {
      const events = [{ type: 'instance.moved', version: 1, data }];
      const requestId = `req-${expectedVersion}`;
      const request = { key, expectedVersion, epoch: 1, requestId, events, atMs: 1_000 };
      const result = await journal.append(request);
      if (!result.ok) throw new Error(`the append was answered ${result.reason}`);
    };
    const ratios: number[] = [];
    const rates: number[] = [];
    const times: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      // Either one goes first every other time.
      const isOursFirst = round % 2 === 1;
      const early = await run(isOursFirst ? appendOurs : appendBare, round);
      const late = await run(isOursFirst ? appendBare : appendOurs, round);
      const [ours, floor] = isOursFirst ? [early, late] : [late, early];
      // The first one warms both up.
      if (round === 0) continue;
      rates.push(ours.perSecond);
      ratios.push(ours.perSecond / floor.perSecond);
      times.push(...ours.times);
    }
    const ratio = quantile(ratios, 0.5);
    return [
      {
        what: `durable appends on Redis, ${IN_FLIGHT} in flight (p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))})`,
        figure: `${quantile(rates, 0.5).toFixed(0)}/s, ${(100 * ratio).toFixed(0)} % of a bare loop`,
        bar: `≥ ${100 * BAR} %`,
        isMet: ratio >= BAR,
      },
    ];
  } finally {
    bare.disconnect();
    await journal.close();
    await redis.remove();
  }
}

interface Round {
  readonly perSecond: number;
  readonly times: readonly number[];
}

/** Each of the writers appends to a stream of its own, one after the other, for as long as a round lasts. */
async function run(
  append: (key: EntityKey, version: number) => Promise<void>,
  round: number,
): Promise<Round> {
  const times: number[] = [];
  const startMs = performance.now();
  const write = async (writer: number): Promise<void> => {
    for (let version = 0; performance.now() - startMs < ROUND_MS; version += 1) {
      const askedMs = performance.now();
      await append(`instance/${round}-${writer}`, version);
      times.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, writer) => write(writer)));
  return { perSecond: (times.length * 1_000) / (performance.now() - startMs), times };
}
