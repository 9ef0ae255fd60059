// Between events as the core sees them ({ type, …data }) and as the journal stores them (type, version, data).
// Old versions are brought up to date on the way in; what we don't know stops recovery rather than being guessed.
import type { EventCatalog } from '../message/protocol.ts';
import type { Journal, JournalEntry, StoredEntity, StoredEvent } from '../journal/port.ts';
import type { AnyEntityDefinition } from './definition.ts';

export interface DomainEvent {
  readonly type: string;
}

export function encodeEvent(catalog: EventCatalog, event: DomainEvent): StoredEvent {
  const shape = catalog[event.type];
  if (shape === undefined) throw new Error(`event type ${event.type} is in no catalogue`);
  const { type, ...data } = event;
  return { type, version: shape.version, data };
}

export function decodeEvent(catalog: EventCatalog, stored: StoredEvent): DomainEvent {
  const shape = catalog[stored.type];
  if (shape === undefined)
    throw new Error(
      `the journal holds an event of unknown type ${stored.type}: was it written by a newer release?`,
    );
  if (stored.version > shape.version) {
    throw new Error(
      `the journal holds ${stored.type} version ${stored.version}; this release reads up to ${shape.version}`,
    );
  }
  let data = stored.data;
  for (let version = stored.version; version < shape.version; version += 1) {
    const upcast = shape.upcasters[version];
    if (upcast === undefined)
      throw new Error(`${stored.type} has no upcaster from version ${version}`);
    data = upcast(data);
  }
  return { type: stored.type, ...(data as object) };
}

export interface Recovered {
  readonly state: unknown;
  readonly version: number;
  /** Wall time of the last entry, in milliseconds; 0 if only a snapshot was found. */
  readonly atMs: number;
}

/** The state that a stream stands for: its snapshot, if its shape is ours, and every event after it. */
export async function recoverEntity(
  journal: Pick<Journal, 'read'>,
  definition: AnyEntityDefinition,
  stored: StoredEntity,
): Promise<Recovered> {
  const id = stored.key.slice(definition.kind.length + 1);
  const { snapshot } = stored;
  if (snapshot === undefined)
    return fold(
      definition,
      stored.key,
      { state: definition.initial(id), version: 0, atMs: 0 },
      stored.entries,
    );
  if (snapshot.schema === definition.schema) {
    return fold(
      definition,
      stored.key,
      { state: snapshot.state, version: snapshot.version, atMs: 0 },
      stored.entries,
    );
  }
  const entries = await journal.read(stored.key, 0);
  return fold(
    definition,
    stored.key,
    { state: definition.initial(id), version: 0, atMs: 0 },
    entries,
  );
}

function fold(
  definition: AnyEntityDefinition,
  key: string,
  from: Recovered,
  entries: readonly JournalEntry[],
): Recovered {
  let { state, version, atMs } = from;
  for (const entry of entries) {
    if (entry.version <= version) continue;
    if (entry.firstVersion !== version) {
      throw new Error(
        `${key}: events ${version + 1} to ${entry.firstVersion} are missing from the journal, and no snapshot that this release reads covers them`,
      );
    }
    for (const event of entry.events)
      state = definition.evolve(state as never, decodeEvent(definition.events, event) as never);
    version = entry.version;
    atMs = entry.atMs;
  }
  return { state, version, atMs };
}
