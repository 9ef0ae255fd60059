// A node's own memory, on its own disk: which grants it has accepted and which are over (DESIGN §5, R1 and R2).
// Saved before a guest is started, read before anything is done to one. Lower run-epochs are refused for ever, and so are
// orders of an owner whose successor has given one; tombstones of grants that are over are kept for 30 days. Pure.
// Refusals: stale-grant, stale-owner.
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
const ownerEpoch = Type.Integer({ minimum: 0 });

export const ledgerCommands = {
  /** The host may run the guest under this grant; refused if a newer one is known or this one is over. */
  'ledger.admit': command(
    2,
    Type.Object({ ...grant, ownerEpoch: Type.Optional(ownerEpoch) }),
    Type.Object({}),
  ),
  /** An order of this owner is about to be carried out; refused if a later owner is known. */
  'ledger.heed': command(1, Type.Object({ serverId: text, ownerEpoch }), Type.Object({})),
  /** The grant is over: the guest does not run here and never will under it. */
  'ledger.close': command(
    2,
    Type.Object({ ...grant, keepsFiles: Type.Optional(Type.Boolean()) }),
    Type.Object({}),
  ),
  /** Forgets tombstones older than the tombstone age. */
  'ledger.prune': command(1, Type.Object({}), Type.Object({ pruned: Type.Integer() })),
} as const;

export const ledgerEvents = {
  'ledger.admitted': event(2, Type.Object({ ...grant, ownerEpoch: Type.Optional(ownerEpoch) }), {
    1: (data) => data,
  }),
  'ledger.owner-heeded': event(1, Type.Object({ serverId: text, ownerEpoch })),
  'ledger.closed': event(
    2,
    Type.Object({ ...grant, keepsFiles: Type.Optional(Type.Boolean()), atMs: Type.Number() }),
    { 1: (data) => data },
  ),
  'ledger.pruned': event(1, Type.Object({ serverIds: Type.Array(text) })),
} as const;

type Command = CommandOf<typeof ledgerCommands>;
type LedgerEvent = EventOf<typeof ledgerEvents>;

export interface LedgerEntry {
  readonly runEpoch: number;
  /** Undefined while the grant is open. */
  readonly closedAtMs: number | undefined;
  /** The highest that an order for the server came with; undefined if none had one. */
  readonly ownerEpoch?: number;
  /** The guest's files stay here although the grant is over: a move may come back, or another host uses them. */
  readonly keepsFiles?: true;
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

/** Whether a later owner of the server than this one has given orders. */
export function isStaleOwner(
  state: LedgerState,
  serverId: string,
  ownerEpoch: number | undefined,
): boolean {
  return ownerEpoch !== undefined && ownerEpoch < knownOwner(state, serverId);
}

function knownOwner(state: LedgerState, serverId: string): number {
  return bucketGet(state.entries, serverId)?.ownerEpoch ?? 0;
}

/** Whether the host's last grant for this server is on record as over, and its files are not wanted any more. */
export function isClosed(state: LedgerState, serverId: string): boolean {
  const entry = bucketGet(state.entries, serverId);
  return entry?.closedAtMs !== undefined && entry.keepsFiles !== true;
}

function decide(
  state: LedgerState,
  command: Command,
  facts: { readonly nowMs: number },
): Accepted<LedgerEvent, unknown> | Refusal {
  switch (command.type) {
    case 'ledger.admit':
      return admit(state, command);
    case 'ledger.heed': {
      const { serverId, ownerEpoch } = command;
      if (isStaleOwner(state, serverId, ownerEpoch)) return staleOwner(state, command);
      const isNews =
        bucketGet(state.entries, serverId) !== undefined &&
        ownerEpoch > knownOwner(state, serverId);
      const heeded = { type: 'ledger.owner-heeded', serverId, ownerEpoch } as const;
      return accept<LedgerEvent, unknown>(isNews ? [heeded] : [], {});
    }
    case 'ledger.close': {
      const { type: _type, ...about } = command;
      const closed = { type: 'ledger.closed', ...about, atMs: facts.nowMs } as const;
      return accept(isAsClosed(state, command) ? [] : [closed], {});
    }
    case 'ledger.prune': {
      const serverIds = [...bucketEntries(state.entries)]
        .filter(
          ([, entry]) =>
            entry.closedAtMs !== undefined &&
            entry.keepsFiles !== true &&
            entry.closedAtMs < facts.nowMs - TOMBSTONE_MS,
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

type Named<T extends Command['type']> = Extract<Command, { readonly type: T }>;

/** Nothing is to be written: it is over, and what is said of its files is what is known. */
function isAsClosed(state: LedgerState, command: Named<'ledger.close'>): boolean {
  const { serverId, runEpoch, keepsFiles = false } = command;
  if (!isOver(state, serverId, runEpoch)) return false;
  const entry = bucketGet(state.entries, serverId);
  return entry?.runEpoch !== runEpoch || (entry.keepsFiles ?? false) === keepsFiles;
}

function admit(
  state: LedgerState,
  command: Named<'ledger.admit'>,
): Accepted<LedgerEvent, unknown> | Refusal {
  const { serverId, runEpoch, ownerEpoch } = command;
  if (isStaleOwner(state, serverId, ownerEpoch)) return staleOwner(state, command);
  const known = bucketGet(state.entries, serverId);
  if (isOver(state, serverId, runEpoch))
    return refuse('stale-grant', { serverId, runEpoch, known: known?.runEpoch });
  const isKnown =
    known?.runEpoch === runEpoch &&
    (ownerEpoch === undefined || ownerEpoch === knownOwner(state, serverId));
  if (isKnown) return accept<LedgerEvent, unknown>([], {});
  const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
  return accept([{ type: 'ledger.admitted', serverId, runEpoch, ...owner }], {});
}

function staleOwner(
  state: LedgerState,
  { serverId, ownerEpoch }: { readonly serverId: string; readonly ownerEpoch?: number },
): Refusal {
  return refuse('stale-owner', { serverId, ownerEpoch, known: knownOwner(state, serverId) });
}

function evolve(state: LedgerState, event: LedgerEvent): LedgerState {
  switch (event.type) {
    case 'ledger.admitted':
      return withEntry(state, event, { closedAtMs: undefined });
    case 'ledger.closed':
      return withEntry(state, event, {
        closedAtMs: event.atMs,
        ...(event.keepsFiles === true ? { keepsFiles: true } : {}),
      });
    case 'ledger.owner-heeded': {
      const known = bucketGet(state.entries, event.serverId);
      if (known === undefined) return state;
      const entry = { ...known, ownerEpoch: event.ownerEpoch };
      return { ...state, entries: bucketSet(state.entries, event.serverId, entry) };
    }
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

function withEntry(
  state: LedgerState,
  grant: { readonly serverId: string; readonly runEpoch: number; readonly ownerEpoch?: number },
  about: Pick<LedgerEntry, 'closedAtMs' | 'keepsFiles'>,
): LedgerState {
  const { serverId, runEpoch } = grant;
  const ownerEpoch = grant.ownerEpoch ?? bucketGet(state.entries, serverId)?.ownerEpoch;
  const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
  return {
    ...state,
    entries: bucketSet(state.entries, serverId, { runEpoch, ...about, ...owner }),
  };
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
