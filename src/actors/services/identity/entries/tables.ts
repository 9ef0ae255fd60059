// The tables of entries, and what belongs to whom: an entry goes when an owner of it goes, however it went. Pure.
import type { IdentityState } from '../state.ts';
import { lookUp, put, remove, type Table, valuesOf } from '../table.ts';
import type { Entry, EntryKind, EntryOf, EntryRecord } from './schemas.ts';

export type EntryTables = { readonly [K in EntryKind]?: Table<EntryRecord<K>> };

type OwnerKind =
  | 'limited-service'
  | 'user'
  | 'project'
  | 'domain'
  | 'service'
  | 'region'
  | 'endpoint'
  | EntryKind;
/** Key of what others belong to. */
type OwnerKey = `${OwnerKind}:${string}`;

export function findEntry<K extends EntryKind>(
  state: IdentityState,
  kind: K,
  id: string,
): EntryRecord<K> | undefined {
  const table: Table<EntryRecord<K>> | undefined = state.entries[kind];
  return table === undefined ? undefined : lookUp(table, id);
}

export function listEntries<K extends EntryKind>(
  state: IdentityState,
  kind: K,
): readonly EntryRecord<K>[] {
  const table: Table<EntryRecord<K>> | undefined = state.entries[kind];
  return table === undefined ? [] : valuesOf(table);
}

/** Entries of a kind that belong to an owner, without a look at all others. */
export function entriesOwnedBy<K extends EntryKind>(
  state: IdentityState,
  owner: OwnerKey,
  kind: K,
): readonly EntryRecord<K>[] {
  return (lookUp(state.owned, owner) ?? []).flatMap((key) => {
    const at = key.indexOf(':');
    return key.slice(0, at) === kind ? (findEntry(state, kind, key.slice(at + 1)) ?? []) : [];
  });
}

/** Fields that name whose end is the entry's end, and what those are. */
const ownerFields: {
  readonly [K in EntryKind]: { readonly [F in keyof EntryRecord<K>]?: OwnerKind };
} = {
  credential: { userId: 'user', projectId: 'project' },
  policy: {},
  'policy-association': {
    policyId: 'policy',
    endpointId: 'endpoint',
    serviceId: 'service',
    regionId: 'region',
  },
  'endpoint-group': {},
  'project-endpoint': { projectId: 'project', endpointId: 'endpoint' },
  'project-endpoint-group': { projectId: 'project', endpointGroupId: 'endpoint-group' },
  trust: {
    trustorUserId: 'user',
    trusteeUserId: 'user',
    projectId: 'project',
    redelegatedTrustId: 'trust',
  },
  // Limits outlive the service that they are for, as Keystone's do.
  'registered-limit': { serviceId: 'limited-service' },
  limit: { serviceId: 'limited-service', projectId: 'project', domainId: 'domain' },
  consumer: {},
  'request-token': { consumerId: 'consumer', projectId: 'project', authorizingUserId: 'user' },
  'access-token': { consumerId: 'consumer', projectId: 'project', authorizingUserId: 'user' },
  'domain-config': { id: 'domain' },
  'identity-provider': { domainId: 'domain' },
  'service-provider': {},
};

function ownersOf({ kind, record }: Entry): readonly OwnerKey[] {
  const fields = Object.entries(record);
  const kindOf: Readonly<Record<string, OwnerKind | undefined>> = ownerFields[kind];
  const owners = fields.flatMap(([field, id]): OwnerKey[] => {
    const owner = kindOf[field];
    return owner === undefined || typeof id !== 'string' ? [] : [`${owner}:${id}`];
  });
  return [...new Set(owners)];
}

export function withEntry(state: IdentityState, entry: Entry): IdentityState {
  const { kind, record } = entry;
  const before = findEntry(state, kind, record.id);
  const rest =
    before === undefined ? state : withoutEntry(state, { kind, record: before } as Entry);
  const table = (rest.entries[kind] ?? { size: 0, root: { entries: [] } }) as Table<typeof record>;
  const owned = ownersOf(entry).reduce((index, owner) => {
    const mine = lookUp(index, owner) ?? [];
    return put(index, owner, [...mine, `${kind}:${record.id}`]);
  }, rest.owned);
  return {
    ...rest,
    entries: { ...rest.entries, [kind]: put(table, record.id, record) },
    owned,
  };
}

/** The entry alone, out of its table and out of its owners' lists. */
function withoutEntry(state: IdentityState, entry: Entry): IdentityState {
  const { kind, record } = entry;
  const table = state.entries[kind] as Table<typeof record> | undefined;
  if (table === undefined) return state;
  const owned = ownersOf(entry).reduce((index, owner) => {
    const mine = (lookUp(index, owner) ?? []).filter((key) => key !== `${kind}:${record.id}`);
    return mine.length === 0 ? remove(index, owner) : put(index, owner, mine);
  }, state.owned);
  return { ...state, entries: { ...state.entries, [kind]: remove(table, record.id) }, owned };
}

/** The entry, and all that belongs to it. */
export function endEntry(state: IdentityState, kind: EntryKind, id: string): IdentityState {
  const record = findEntry(state, kind, id);
  if (record === undefined) return state;
  const entry = { kind, record } as EntryOf<EntryKind> as Entry;
  return withoutOwnedBy(withoutEntry(state, entry), `${kind}:${id}`);
}

/** All that belonged to what is gone. */
export function withoutOwnedBy(state: IdentityState, owner: OwnerKey): IdentityState {
  return (lookUp(state.owned, owner) ?? []).reduce((rest, key) => {
    const at = key.indexOf(':');
    return endEntry(rest, key.slice(0, at) as EntryKind, key.slice(at + 1));
  }, state);
}
