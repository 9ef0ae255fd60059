// Answers other controllers that ask for entities which live here. One that lives elsewhere is never asked on their
// behalf: they hear where it is, so that a wrong table costs one more message and no chain of them.
import type { EntityKey, Journal } from '../journal/port.ts';
import { isRuntimeFault } from '../system/faults.ts';
import type { EntityAnswer, EntityAsk } from './entity-messages.ts';
import type { EntityHost } from './host.ts';
import type { ShardOwner } from './shard-owner.ts';

export interface EntityServerOptions {
  readonly local: EntityHost;
  readonly shards: ShardOwner;
  readonly journal: Journal;
}

/** Never rejects but for a bug. */
export async function answerEntityAsk(
  { local, shards, journal }: EntityServerOptions,
  { kind, id, command, deadlineMs }: EntityAsk,
  requestId: string,
): Promise<EntityAnswer> {
  const key: EntityKey = `${kind}/${id}`;
  const shard = shards.shardOf(key);
  const moved = (): EntityAnswer => ({ type: 'moved', row: shards.rowOf(shard) });
  if (!shards.isServing(shard)) return moved();
  try {
    const reply = await local.ask({ kind, id }, command as never, { requestId, deadlineMs });
    return { type: 'reply', reply, position: journal.head() };
  } catch (error) {
    if (!isRuntimeFault(error)) throw error;
    if (error.code === 'moved') return moved();
    const { code, message, retryable } = error;
    return { type: 'fault', code, message, retryable };
  }
}
