// What controllers say to each other about entities and shards. Answers to commands carry the journal's position, so that
// who asked can wait until its own states show what it was told.
import type { ShardRow } from '../membership/store.ts';
import type { Message } from '../transport/port.ts';
import type { RuntimeFaultCode } from '../system/faults.ts';

export const ENTITY_ASK = 'entity.ask';
export const SHARD_ROWS = 'shard.rows';
const VERSION = 1;

export interface EntityAsk {
  readonly kind: string;
  readonly id: string;
  readonly command: { readonly type: string };
  readonly deadlineMs: number;
  /** The asker has no link to the owner: whoever has one may pass this on, once. */
  readonly mayPassOn: boolean;
}

export type EntityAnswer =
  | { readonly type: 'reply'; readonly reply: unknown; readonly position: number }
  /** Not here; the row says where, as far as is known. */
  | { readonly type: 'moved'; readonly row: ShardRow }
  | {
      readonly type: 'fault';
      readonly code: RuntimeFaultCode;
      readonly message: string;
      readonly retryable: boolean;
    };

export function entityAsk(body: EntityAsk, requestId: string): Message {
  return { type: ENTITY_ASK, version: VERSION, body, requestId };
}

export function shardRows(rows: readonly ShardRow[]): Message {
  return { type: SHARD_ROWS, version: VERSION, body: { rows } };
}
