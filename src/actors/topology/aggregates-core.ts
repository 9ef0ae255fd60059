// The rules of aggregates, pure: names are unique, a host is in at most one availability zone, and an aggregate goes
// only when it is empty. Whether a host exists, and whether servers run on it, is for the asker to know.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { receiptOf, withReceipt } from '../domain/receipts.ts';
import { unreachable } from '../domain/unreachable.ts';
import { aggregateOf } from './aggregates-lookup.ts';
import {
  type Aggregate,
  type AggregateCommand,
  type AggregateEvent,
  type AggregatesState,
  ZONE_KEY,
} from './aggregates-protocol.ts';

type Decision =
  | Accepted<AggregateEvent, Record<string, never> | { readonly number: number }>
  | Refusal;
type Create = Extract<AggregateCommand, { type: 'aggregate.create' }>;
type Change = Exclude<AggregateCommand, Create>;
/** What an administrator was doing when a rule was broken. */
type Action = 'add' | 'update' | 'update-metadata' | 'delete';

export function initialAggregates(): AggregatesState {
  return { aggregates: [], lastNumber: 0, receipts: [] };
}

export function decideAggregates(
  state: AggregatesState,
  command: AggregateCommand,
  facts: Facts,
): Decision {
  if (command.type === 'aggregate.create') return decideCreate(state, command, facts);
  const { number } = command;
  if (state.receipts.includes(receiptOfChange(command, facts.requestId))) return accept([], {});
  const aggregate = aggregateOf(state, number);
  if (aggregate === undefined) return refuse('aggregate-not-found', { aggregateId: number });
  const refusal = refusalOf(state, aggregate, command);
  return refusal ?? accept([eventOf(aggregate, command, facts)], {});
}

/** A repeat is known by the UUID, which the asker made. */
function decideCreate(state: AggregatesState, command: Create, facts: Facts): Decision {
  const { uuid, name, metadata } = command;
  const known = state.aggregates.find((aggregate) => aggregate.uuid === uuid);
  if (known !== undefined) return accept([], { number: known.number });
  if (isTaken(state, name)) return refuse('aggregate-exists', { name });
  const number = state.lastNumber + 1;
  const { requestId, nowMs: atMs } = facts;
  return accept([{ type: 'aggregate.created', number, uuid, name, metadata, requestId, atMs }], {
    number,
  });
}

function isTaken(state: AggregatesState, name: string, but?: number): boolean {
  return state.aggregates.some((aggregate) => aggregate.name === name && aggregate.number !== but);
}

function refusalOf(
  state: AggregatesState,
  aggregate: Aggregate,
  command: Change,
): Refusal | undefined {
  const { number: aggregateId } = aggregate;
  switch (command.type) {
    case 'aggregate.rename':
      return isTaken(state, command.name, aggregateId)
        ? refuse('aggregate-exists', { name: command.name })
        : undefined;
    case 'aggregate.set-metadata':
      return refusedZone(state, aggregate, command);
    case 'aggregate.add-host': {
      const { host } = command;
      if (aggregate.hosts.includes(host))
        return refuse('aggregate-host-exists', { aggregateId, host });
      return zoneConflict(state, aggregate, {
        zone: aggregate.metadata[ZONE_KEY],
        hosts: [host],
        action: 'add',
      });
    }
    case 'aggregate.remove-host': {
      const { host } = command;
      return aggregate.hosts.includes(host)
        ? undefined
        : refuse('aggregate-host-not-found', { aggregateId, host });
    }
    case 'aggregate.delete':
      return aggregate.hosts.length === 0
        ? undefined
        : refusedAs('delete', aggregateId, 'Host aggregate is not empty');
    default:
      return unreachable(command);
  }
}

function refusedZone(
  state: AggregatesState,
  aggregate: Aggregate,
  { metadata, action }: Extract<Change, { type: 'aggregate.set-metadata' }>,
): Refusal | undefined {
  if (!Object.hasOwn(metadata, ZONE_KEY)) return undefined;
  const zone = metadata[ZONE_KEY] ?? '';
  if (zone === '')
    return refusedAs(
      action,
      aggregate.number,
      `Aggregate ${aggregate.name} does not support empty named availability zone`,
    );
  return zoneConflict(state, aggregate, { zone, hosts: aggregate.hosts, action });
}

function zoneConflict(
  state: AggregatesState,
  aggregate: Aggregate,
  wanted: {
    readonly zone: string | undefined;
    readonly hosts: readonly string[];
    readonly action: Action;
  },
): Refusal | undefined {
  const { zone, hosts, action } = wanted;
  if (zone === undefined) return undefined;
  const others = state.aggregates.filter(
    (other) =>
      other.number !== aggregate.number && hosts.some((host) => other.hosts.includes(host)),
  );
  const zones = others.flatMap(({ metadata }) => metadata[ZONE_KEY] ?? []);
  const conflicting = zones.filter((other) => other !== zone);
  if (conflicting.length === 0) return undefined;
  const names = conflicting.map((name) => `'${name}'`).join(', ');
  return refusedAs(
    action,
    aggregate.number,
    `One or more hosts already in availability zone(s) [${names}]`,
  );
}

function refusedAs(action: Action, aggregateId: number, reason: string): Refusal {
  return refuse('aggregate-refused', { action, aggregateId, reason });
}

function eventOf(
  aggregate: Aggregate,
  command: Change,
  { requestId, nowMs: atMs }: Facts,
): AggregateEvent {
  const { number } = aggregate;
  switch (command.type) {
    case 'aggregate.rename':
      return { type: 'aggregate.renamed', number, name: command.name, requestId, atMs };
    case 'aggregate.set-metadata': {
      const merged = { ...aggregate.metadata, ...command.metadata };
      const kept = Object.entries(merged).flatMap(([key, value]) =>
        value === null ? [] : [[key, value] as const],
      );
      const metadata = Object.fromEntries(kept);
      return { type: 'aggregate.metadata-set', number, metadata, requestId, atMs };
    }
    case 'aggregate.add-host':
      return { type: 'aggregate.host-added', number, host: command.host, requestId, atMs };
    case 'aggregate.remove-host':
      return { type: 'aggregate.host-removed', number, host: command.host, requestId, atMs };
    case 'aggregate.delete':
      return { type: 'aggregate.deleted', number, requestId, atMs };
    default:
      return unreachable(command);
  }
}

export function evolveAggregates(state: AggregatesState, event: AggregateEvent): AggregatesState {
  if (event.type === 'aggregate.created') {
    const { number, uuid, name, metadata, atMs: createdAtMs } = event;
    const made: Aggregate = { number, uuid, name, hosts: [], metadata, createdAtMs };
    return { ...state, aggregates: [...state.aggregates, made], lastNumber: number };
  }
  const aggregates = state.aggregates.flatMap((aggregate) =>
    aggregate.number === event.number ? (evolveOne(aggregate, event) ?? []) : [aggregate],
  );
  return { ...state, aggregates, receipts: withReceipt(state.receipts, receiptOfEvent(event)) };
}

/** Undefined when the aggregate is gone. */
function evolveOne(
  aggregate: Aggregate,
  event: Exclude<AggregateEvent, { type: 'aggregate.created' }>,
): Aggregate | undefined {
  const { atMs: updatedAtMs } = event;
  switch (event.type) {
    case 'aggregate.renamed':
      return { ...aggregate, name: event.name, updatedAtMs };
    case 'aggregate.metadata-set':
      return { ...aggregate, metadata: event.metadata, updatedAtMs };
    case 'aggregate.host-added':
      return { ...aggregate, hosts: [...aggregate.hosts, event.host], updatedAtMs };
    case 'aggregate.host-removed': {
      const hosts = aggregate.hosts.filter((host) => host !== event.host);
      return { ...aggregate, hosts, updatedAtMs };
    }
    case 'aggregate.deleted':
      return undefined;
    default:
      return unreachable(event);
  }
}

const eventNames = {
  'aggregate.rename': 'aggregate.renamed',
  'aggregate.set-metadata': 'aggregate.metadata-set',
  'aggregate.add-host': 'aggregate.host-added',
  'aggregate.remove-host': 'aggregate.host-removed',
  'aggregate.delete': 'aggregate.deleted',
} as const satisfies Record<Change['type'], AggregateEvent['type']>;

function receiptOfChange(command: Change, requestId: string): string {
  const host = 'host' in command ? command.host : undefined;
  return receipt({ type: eventNames[command.type], requestId, number: command.number, host });
}

function receiptOfEvent(event: Exclude<AggregateEvent, { type: 'aggregate.created' }>): string {
  const host = 'host' in event ? event.host : undefined;
  return receipt({ type: event.type, requestId: event.requestId, number: event.number, host });
}

function receipt(done: {
  readonly type: string;
  readonly requestId: string;
  readonly number: number;
  readonly host: string | undefined;
}): string {
  const { type, requestId, number, host } = done;
  return receiptOf({ type, requestId, key: String(number), ...(host && { name: host }) });
}

export function aggregatesInvariants(state: AggregatesState): readonly string[] {
  const broken: string[] = [];
  const names = new Set<string>();
  const zones = new Map<string, string>();
  for (const { name, number, hosts, metadata } of state.aggregates) {
    if (names.has(name)) broken.push(`two aggregates are named ${name}`);
    if (number > state.lastNumber) broken.push(`aggregate ${number} of ${state.lastNumber}`);
    names.add(name);
    const zone = metadata[ZONE_KEY];
    if (zone === undefined) continue;
    for (const host of hosts) {
      const other: string = zones.get(host) ?? zone;
      if (other !== zone) broken.push(`host ${host} is in zones ${other} and ${zone}`);
      zones.set(host, zone);
    }
  }
  return broken;
}
