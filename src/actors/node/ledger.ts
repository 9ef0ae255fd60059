// A node's own memory, on its own disk: which grants it has accepted and which are over (DESIGN §5, R1 and R2).
// Saved before a guest is started, read before anything is done to one. Lower run-epochs are refused for ever;
// tombstones of grants that are over are kept for 30 days. Pure. Refusal: stale-grant.
import { Type } from 'typebox';
import { accept, type Accepted, type EntityDefinition } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';
import {
  bucketDelete,
  bucketEntries,
  bucketGet,
  type BucketMap,
  bucketSet,
  emptyBuckets,
} from '../domain/bucket-map.ts';
import { unreachable } from '../domain/unreachable.ts';

const text = Type.String();
const grant = { serverId: text, runEpoch: Type.Integer({ minimum: 1 }) };

export const ledgerCommands = {
  /** The host may run the guest under this grant; refused if a newer one is known or this one is over. */
  'ledger.admit': command(1, Type.Object(grant), Type.Object({})),
  /** The grant is over: the guest does not run here and never will under it. */
  'ledger.close': command(1, Type.Object(grant), Type.Object({})),
  /** Forgets tombstones older than the tombstone age. */
  'ledger.prune': command(1, Type.Object({}), Type.Object({ pruned: Type.Integer() })),
} as const;

export const ledgerEvents = {
  'ledger.admitted': event(1, Type.Object(grant)),
  'ledger.closed': event(1, Type.Object({ ...grant, atMs: Type.Number() })),
  'ledger.pruned': event(1, Type.Object({ serverIds: Type.Array(text) })),
} as const;

type Command = CommandOf<typeof ledgerCommands>;
type LedgerEvent = EventOf<typeof ledgerEvents>;

export interface LedgerEntry {
  readonly runEpoch: number;
  /** Undefined while the grant is open. */
  readonly closedAtMs: number | undefined;
}

export interface LedgerState {
  /** The host's name. */
  readonly id: string;
  readonly entries: BucketMap<LedgerEntry>;
}

export const TOMBSTONE_MS = 30 * 24 * 3_600_000;

/** One per host, named by it. */
export const ledgers = entityKind('ledger', ledgerCommands);

/** The grant under which the host may run a server's guest now. */
export function openGrant(state: LedgerState | undefined, serverId: string): number | undefined {
  const entry = state === undefined ? undefined : bucketGet(state.entries, serverId);
  return entry?.closedAtMs === undefined ? entry?.runEpoch : undefined;
}

/** Whether this grant is over or superseded: nothing may be done under it any more. */
export function isOver(state: LedgerState, serverId: string, runEpoch: number): boolean {
  const entry = bucketGet(state.entries, serverId);
  if (entry === undefined || entry.runEpoch < runEpoch) return false;
  return entry.runEpoch > runEpoch || entry.closedAtMs !== undefined;
}

/** The newest run-epoch that the host knows of for a server; 0 for none. */
export function newestEpoch(state: LedgerState, serverId: string): number {
  return bucketGet(state.entries, serverId)?.runEpoch ?? 0;
}

/** Whether the host's last grant for this server is on record as over. */
export function isClosed(state: LedgerState, serverId: string): boolean {
  return bucketGet(state.entries, serverId)?.closedAtMs !== undefined;
}

function decide(
  state: LedgerState,
  command: Command,
  facts: { readonly nowMs: number },
): Accepted<LedgerEvent, unknown> | Refusal {
  switch (command.type) {
    case 'ledger.admit': {
      const { serverId, runEpoch } = command;
      const known = bucketGet(state.entries, serverId);
      if (known === undefined || known.runEpoch < runEpoch)
        return accept([{ type: 'ledger.admitted', serverId, runEpoch }], {});
      if (isOver(state, serverId, runEpoch))
        return refuse('stale-grant', { serverId, runEpoch, known: known.runEpoch });
      return accept<LedgerEvent, unknown>([], {});
    }
    case 'ledger.close': {
      const { serverId, runEpoch } = command;
      const closed = { type: 'ledger.closed', serverId, runEpoch, atMs: facts.nowMs } as const;
      return accept(isOver(state, serverId, runEpoch) ? [] : [closed], {});
    }
    case 'ledger.prune': {
      const serverIds = [...bucketEntries(state.entries)]
        .filter(
          ([, entry]) =>
            entry.closedAtMs !== undefined && entry.closedAtMs < facts.nowMs - TOMBSTONE_MS,
        )
        .map(([serverId]) => serverId);
      return accept(serverIds.length === 0 ? [] : [{ type: 'ledger.pruned', serverIds }], {
        pruned: serverIds.length,
      });
    }
    default:
      return unreachable(command);
  }
}

function evolve(state: LedgerState, event: LedgerEvent): LedgerState {
  switch (event.type) {
    case 'ledger.admitted':
      return withEntry(state, event.serverId, { runEpoch: event.runEpoch, closedAtMs: undefined });
    case 'ledger.closed':
      return withEntry(state, event.serverId, { runEpoch: event.runEpoch, closedAtMs: event.atMs });
    case 'ledger.pruned':
      return {
        ...state,
        entries: event.serverIds.reduce(
          (entries, serverId) => bucketDelete(entries, serverId),
          state.entries,
        ),
      };
    default:
      return unreachable(event);
  }
}

function withEntry(state: LedgerState, serverId: string, entry: LedgerEntry): LedgerState {
  return { ...state, entries: bucketSet(state.entries, serverId, entry) };
}

export const ledgerDefinition: EntityDefinition<
  LedgerState,
  typeof ledgerCommands,
  typeof ledgerEvents
> = {
  kind: 'ledger',
  commands: ledgerCommands,
  events: ledgerEvents,
  schema: 1,
  snapshotEvery: 1_000,
  dropsHistory: true,
  initial: (id) => ({ id, entries: emptyBuckets() }),
  decide,
  evolve,
  todo: () => [],
  invariants: () => [],
};
