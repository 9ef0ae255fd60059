// Opens the store of a cluster: the journal and the table of members and shards, on one Redis.
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { openRedisClusterStore } from '#runtime/membership/redis/store.ts';
import type { ClusterStore } from '#runtime/membership/store.ts';
import type { RedisStoreOptions } from '#runtime/redis/settings.ts';
import type { Endings } from './endings.ts';

export interface OpenStore {
  readonly journal: Journal;
  readonly store: ClusterStore;
}

/** Rejects in words when Redis is not reached, or may forget what it acknowledges. */
export async function openStore(env: Env, config: Config, endings: Endings): Promise<OpenStore> {
  const { redis: url, profile, replicas, cell, acceptRollback } = config.cluster;
  if (url === undefined) throw new Error('a controller of a cluster needs --redis URL');
  const options: RedisStoreOptions = {
    env,
    url,
    cell,
    profile,
    acceptRollback,
    ...(replicas === undefined ? {} : { replicas }),
    memoryPath: join(config.data, 'store.json'),
  };
  const journal = await openRedisJournal(options);
  endings.add(() => journal.close());
  const store = await openRedisClusterStore(options);
  endings.add(() => store.close());
  return { journal, store };
}
