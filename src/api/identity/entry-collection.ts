// A collection whose records are entries of one kind: where they are kept, and the commands that change them.
import type {
  EntryKind,
  EntryRecord,
  EntryOf,
  Entry,
} from '#actors/services/identity/entries/schemas.ts';
import { findEntry, listEntries } from '#actors/services/identity/entries/tables.ts';
import type { IdentityCommand } from '#actors/services/identity/protocol.ts';
import type { Collection } from './collection.ts';

type Kept = 'all' | 'find' | 'commands';

export function entryCollection<K extends EntryKind>(
  kind: K,
  spec: Omit<Collection<EntryRecord<K>>, Kept>,
): Collection<EntryRecord<K>> {
  return {
    ...spec,
    all: (state) => listEntries(state, kind),
    find: (state, id) => findEntry(state, kind, id),
    commands: {
      create: (record) => addEntry(kind, record),
      update: ({ id }, changes) => ({ type: 'identity.change-entry', kind, id, changes }),
      remove: ({ id }) => removeEntry(kind, id),
    },
  };
}

export function addEntry<K extends EntryKind>(kind: K, record: EntryRecord<K>): IdentityCommand {
  const entry: EntryOf<K> = { kind, record };
  return { type: 'identity.add-entries', entries: [entry as EntryOf<EntryKind> as Entry] };
}

export function removeEntry(kind: EntryKind, id: string): IdentityCommand {
  return { type: 'identity.remove-entry', kind, id };
}
