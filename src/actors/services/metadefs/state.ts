// What the catalogue of metadata definitions holds, as its events tell. Pure.
import { unreachable } from '#runtime/assert.ts';
import type {
  KindedMetadefItem,
  MetadefEvent,
  MetadefItemRecord,
  MetadefKind,
  MetadefNamespaceRecord,
} from './protocol.ts';

interface Stamps {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface MetadefItem extends MetadefItemRecord, Stamps {}

export interface MetadefNamespace extends MetadefNamespaceRecord, Stamps {
  readonly items: Readonly<Record<MetadefKind, readonly MetadefItem[]>>;
}

export interface MetadefsState {
  readonly namespaces: readonly MetadefNamespace[];
  /** Resource types that were ever named by a namespace: they stay known. */
  readonly resourceTypes: readonly { readonly name: string; readonly createdAtMs: number }[];
  readonly recentChanges: readonly string[];
}

/** A repeat comes within a few commands, or not at all. */
const REMEMBERED_CHANGES = 64;

export function initialMetadefs(): MetadefsState {
  return { namespaces: [], resourceTypes: [], recentChanges: [] };
}

export function findNamespace(state: MetadefsState, name: string): MetadefNamespace | undefined {
  return state.namespaces.find((namespace) => namespace.name === name);
}

export function findItem(
  namespace: MetadefNamespace,
  kind: MetadefKind,
  name: string,
): MetadefItem | undefined {
  return namespace.items[kind].find((item) => isSameName(kind, item.name, name));
}

/** Tags differ by more than case. */
function isSameName(kind: MetadefKind, left: string, right: string): boolean {
  return kind === 'tag' ? left.toLowerCase() === right.toLowerCase() : left === right;
}

export function evolveMetadefs(state: MetadefsState, event: MetadefEvent): MetadefsState {
  const recentChanges = [...state.recentChanges, event.changeId].slice(-REMEMBERED_CHANGES);
  return { ...apply(state, event), recentChanges };
}

function apply(state: MetadefsState, event: MetadefEvent): MetadefsState {
  const { atMs } = event;
  switch (event.type) {
    case 'metadefs.namespace-created': {
      const stamps = { createdAtMs: atMs, updatedAtMs: atMs };
      const namespace = { ...event.namespace, ...stamps, items: itemsOf(event.items, atMs) };
      const named = namesOfTypes(event.items);
      return withTypes({ ...state, namespaces: [...state.namespaces, namespace] }, named, atMs);
    }
    case 'metadefs.namespace-changed':
      return changeNamespace(state, event.name, (namespace) => ({
        ...event.namespace,
        createdAtMs: namespace.createdAtMs,
        updatedAtMs: atMs,
        items: namespace.items,
      }));
    case 'metadefs.namespace-deleted': {
      const namespaces = state.namespaces.filter(({ name }) => name !== event.name);
      return { ...state, namespaces };
    }
    default:
      return applyToItems(state, event);
  }
}

type ItemEvent = Exclude<MetadefEvent, { type: `metadefs.namespace-${string}` }>;

function applyToItems(state: MetadefsState, event: ItemEvent): MetadefsState {
  const { atMs } = event;
  switch (event.type) {
    case 'metadefs.item-added': {
      const { kind, item } = event;
      const next = changeItems(state, event, (items) => [...items, stamped(item, atMs)]);
      return withTypes(next, kind === 'resource-type' ? [item.name] : [], atMs);
    }
    case 'metadefs.item-changed': {
      const { kind, name, item } = event;
      return changeItems(state, event, (items) =>
        items.map((old) =>
          isSameName(kind, old.name, name) ? { ...old, ...item, updatedAtMs: atMs } : old,
        ),
      );
    }
    case 'metadefs.item-removed': {
      const { kind, name } = event;
      return changeItems(state, event, (items) =>
        items.filter((item) => !isSameName(kind, item.name, name)),
      );
    }
    case 'metadefs.items-removed':
      return changeItems(state, event, () => []);
    case 'metadefs.tags-set': {
      const { namespace, append } = event;
      const added = event.items.map((item) => stamped(item, atMs));
      return changeItems(state, { namespace, kind: 'tag' }, (items) =>
        append ? [...items, ...added] : added,
      );
    }
    default:
      return unreachable(event);
  }
}

function stamped(item: MetadefItemRecord, atMs: number): MetadefItem {
  return { ...item, createdAtMs: atMs, updatedAtMs: atMs };
}

function itemsOf(items: readonly KindedMetadefItem[], atMs: number): MetadefNamespace['items'] {
  const ofKind = (wanted: MetadefKind): readonly MetadefItem[] =>
    items.filter(({ kind }) => kind === wanted).map(({ item }) => stamped(item, atMs));
  return {
    object: ofKind('object'),
    property: ofKind('property'),
    tag: ofKind('tag'),
    'resource-type': ofKind('resource-type'),
  };
}

function namesOfTypes(items: readonly KindedMetadefItem[]): readonly string[] {
  return items.filter(({ kind }) => kind === 'resource-type').map(({ item }) => item.name);
}

function withTypes(state: MetadefsState, names: readonly string[], atMs: number): MetadefsState {
  const known = new Set(state.resourceTypes.map(({ name }) => name));
  const added = [...new Set(names)].filter((name) => !known.has(name));
  if (added.length === 0) return state;
  const types = added.map((name) => ({ name, createdAtMs: atMs }));
  return { ...state, resourceTypes: [...state.resourceTypes, ...types] };
}

function changeNamespace(
  state: MetadefsState,
  name: string,
  change: (namespace: MetadefNamespace) => MetadefNamespace,
): MetadefsState {
  const namespaces = state.namespaces.map((namespace) =>
    namespace.name === name ? change(namespace) : namespace,
  );
  return { ...state, namespaces };
}

function changeItems(
  state: MetadefsState,
  where: { readonly namespace: string; readonly kind: MetadefKind },
  change: (items: readonly MetadefItem[]) => readonly MetadefItem[],
): MetadefsState {
  const { kind } = where;
  return changeNamespace(state, where.namespace, (namespace) => ({
    ...namespace,
    items: { ...namespace.items, [kind]: change(namespace.items[kind]) },
  }));
}
