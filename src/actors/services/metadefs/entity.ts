// The catalogue of metadata definitions as an entity: what it answers to commands. Pure. Who may ask is the API's matter.
import { unreachable } from '#runtime/assert.ts';
import {
  accept,
  type Accepted,
  type EntityDefinition,
  type Facts,
} from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import {
  type MetadefCommand,
  metadefCommands,
  type MetadefEvent,
  metadefEvents,
  type MetadefKind,
} from './protocol.ts';
import {
  evolveMetadefs,
  findItem,
  findNamespace,
  initialMetadefs,
  type MetadefNamespace,
  type MetadefsState,
} from './state.ts';

type Answer = Accepted<MetadefEvent, object> | Refusal;
type Ask<T extends keyof typeof metadefCommands> = CommandNamed<typeof metadefCommands, T>;

/** All of it is kept in memory. Glance's own collection of definitions has 70 namespaces, the largest with 60 items. */
export const metadefLimits = { namespaces: 1_000, items: 1_000 } as const;

export const metadefsDefinition: EntityDefinition<
  MetadefsState,
  typeof metadefCommands,
  typeof metadefEvents
> = {
  kind: 'metadefs',
  commands: metadefCommands,
  events: metadefEvents,
  schema: 1,
  initial: initialMetadefs,
  decide,
  evolve: evolveMetadefs,
  todo: () => [],
  invariants: ({ namespaces }) => {
    const names = new Set(namespaces.map(({ name }) => name));
    return names.size === namespaces.length ? [] : ['two namespaces have one name'];
  },
};

const one = (event: MetadefEvent): Answer => accept([event], {});

function decide(state: MetadefsState, command: MetadefCommand, facts: Facts): Answer {
  const { changeId } = command;
  if (state.recentChanges.includes(changeId)) return accept([], {});
  if (command.type === 'metadefs.create-namespace') return create(state, command, facts);
  const name = namespaceOf(command);
  const namespace = findNamespace(state, name);
  if (namespace === undefined) return refuse('metadef-namespace-missing', { namespace: name });
  const stamp = { changeId, atMs: facts.nowMs };
  switch (command.type) {
    case 'metadefs.change-namespace': {
      const to = command.namespace.name;
      if (to !== name && findNamespace(state, to) !== undefined)
        return refuse('metadef-namespace-exists', { namespace: to });
      return one({
        type: 'metadefs.namespace-changed',
        name,
        namespace: command.namespace,
        ...stamp,
      });
    }
    case 'metadefs.delete-namespace':
      if (namespace.protected) return refuse('metadef-namespace-protected', { namespace: name });
      return one({ type: 'metadefs.namespace-deleted', name, ...stamp });
    case 'metadefs.remove-items':
      return one({ type: 'metadefs.items-removed', namespace: name, kind: command.kind, ...stamp });
    case 'metadefs.set-tags':
      return setTags(namespace, command, facts);
    case 'metadefs.add-item':
    case 'metadefs.change-item':
    case 'metadefs.remove-item':
      return decideItem(namespace, command, facts);
    default:
      return unreachable(command);
  }
}

type OfNamespace = Ask<'metadefs.change-namespace'> | Ask<'metadefs.delete-namespace'>;
type Existing = Exclude<MetadefCommand, { type: 'metadefs.create-namespace' }>;

function isOfNamespace(command: Existing): command is OfNamespace {
  return (
    command.type === 'metadefs.change-namespace' || command.type === 'metadefs.delete-namespace'
  );
}

function namespaceOf(command: Existing): string {
  return isOfNamespace(command) ? command.name : command.namespace;
}

function create(
  state: MetadefsState,
  command: Ask<'metadefs.create-namespace'>,
  facts: Facts,
): Answer {
  const { namespace, items, changeId } = command;
  if (findNamespace(state, namespace.name) !== undefined)
    return refuse('metadef-namespace-exists', { namespace: namespace.name });
  if (state.namespaces.length >= metadefLimits.namespaces) return overLimit('namespaces');
  if (items.length > metadefLimits.items) return overLimit('items');
  const seen = new Set<string>();
  for (const { kind, item } of items) {
    const key = `${kind} ${kind === 'tag' ? item.name.toLowerCase() : item.name}`;
    if (seen.has(key)) return exists(namespace.name, kind, item.name);
    seen.add(key);
  }
  const atMs = facts.nowMs;
  return one({ type: 'metadefs.namespace-created', namespace, items, changeId, atMs });
}

type ItemAsk = Ask<'metadefs.add-item'> | Ask<'metadefs.change-item'> | Ask<'metadefs.remove-item'>;

function decideItem(namespace: MetadefNamespace, command: ItemAsk, facts: Facts): Answer {
  const { kind, changeId } = command;
  const stamp = { namespace: namespace.name, kind, changeId, atMs: facts.nowMs };
  if (command.type === 'metadefs.add-item') {
    const { item } = command;
    if (findItem(namespace, kind, item.name) !== undefined)
      return exists(namespace.name, kind, item.name);
    if (namespace.items[kind].length >= metadefLimits.items) return overLimit('items');
    return one({ type: 'metadefs.item-added', item, ...stamp });
  }
  const { name } = command;
  const found = findItem(namespace, kind, name);
  if (found === undefined)
    return refuse('metadef-item-missing', { namespace: namespace.name, kind, name });
  if (command.type === 'metadefs.remove-item')
    return one({ type: 'metadefs.item-removed', name, ...stamp });
  const other = findItem(namespace, kind, command.item.name);
  if (other !== undefined && other !== found)
    return exists(namespace.name, kind, command.item.name);
  return one({ type: 'metadefs.item-changed', name, item: command.item, ...stamp });
}

function setTags(
  namespace: MetadefNamespace,
  command: Ask<'metadefs.set-tags'>,
  facts: Facts,
): Answer {
  const { items, append, changeId } = command;
  const seen = new Set(append ? namespace.items.tag.map(({ name }) => name.toLowerCase()) : []);
  for (const { name } of items) {
    if (seen.has(name.toLowerCase())) return exists(namespace.name, 'tag', name);
    seen.add(name.toLowerCase());
  }
  if (seen.size > metadefLimits.items) return overLimit('items');
  const atMs = facts.nowMs;
  return one({
    type: 'metadefs.tags-set',
    namespace: namespace.name,
    items,
    append,
    changeId,
    atMs,
  });
}

function exists(namespace: string, kind: MetadefKind, name: string): Refusal {
  return refuse('metadef-item-exists', { namespace, kind, name });
}

function overLimit(what: keyof typeof metadefLimits): Refusal {
  return refuse('metadef-limit', { what, maximum: metadefLimits[what] });
}
