// Answers other controllers that ask for entities which live here. Of one that lives elsewhere they hear where, so that a
// wrong table costs one more message; only for an asker that can't reach the owner is the question passed on, once.
import type { EntityKey, Journal } from '../journal/port.ts';
import { isRuntimeFault } from '../system/faults.ts';
import { type Transport, TransportFault } from '../transport/port.ts';
import { type EntityAnswer, type EntityAsk, entityAsk } from './entity-messages.ts';
import type { EntityHost } from './host.ts';
import type { ShardOwner } from './shard-owner.ts';

export interface EntityServerOptions {
  readonly local: EntityHost;
  readonly shards: ShardOwner;
  readonly journal: Journal;
  readonly transport: Transport;
}

/** Never rejects but for a bug. */
export async function answerEntityAsk(
  options: EntityServerOptions,
  ask: EntityAsk,
  requestId: string,
): Promise<EntityAnswer> {
  const { local, shards, journal } = options;
  const { kind, id, command, deadlineMs } = ask;
  const key: EntityKey = `${kind}/${id}`;
  const shard = shards.shardOf(key);
  const moved = (): EntityAnswer => ({ type: 'moved', row: shards.rowOf(shard) });
  if (!shards.isServing(shard))
    return (ask.mayPassOn ? await passOn(options, ask, requestId) : undefined) ?? moved();
  try {
    const reply = await local.ask({ kind, id }, command, { requestId, deadlineMs });
    return { type: 'reply', reply, position: journal.head() };
  } catch (error) {
    if (!isRuntimeFault(error)) throw error;
    if (error.code === 'moved') return moved();
    const { code, message, retryable } = error;
    return { type: 'fault', code, message, retryable };
  }
}

/** Undefined when the owner can't be reached from here either: the asker looks again. */
async function passOn(
  { shards, transport }: EntityServerOptions,
  ask: EntityAsk,
  requestId: string,
): Promise<EntityAnswer | undefined> {
  const owner = shards.ownerOf(shards.shardOf(`${ask.kind}/${ask.id}`));
  if (owner === undefined || !transport.isConnected(owner)) return undefined;
  try {
    const message = entityAsk({ ...ask, mayPassOn: false }, requestId);
    return (await transport.ask(owner, message, { deadlineMs: ask.deadlineMs })) as EntityAnswer;
  } catch (error) {
    if (error instanceof TransportFault) return undefined;
    throw error;
  }
}
