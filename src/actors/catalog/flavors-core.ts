// The flavors of the cloud, pure: ids and names are unique, private ones are shared with projects one by one.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { Flavor } from '../domain/server.ts';
import { flavorOf } from './lookup.ts';
import type { FlavorCommand, FlavorEvent, FlavorRecord, FlavorsState } from './protocol.ts';
import { receiptOf, withReceipt } from '../domain/receipts.ts';

type Decision = Accepted<FlavorEvent, Record<string, never>> | Refusal;
type Change = Exclude<FlavorEvent, { type: 'flavor.seeded' | 'flavor.created' }>;

export function initialFlavors(): FlavorsState {
  return { records: [], seeded: false, receipts: [] };
}

export function decideFlavors(state: FlavorsState, command: FlavorCommand, facts: Facts): Decision {
  const event = eventOf(state, command, facts);
  if (state.receipts.includes(receipt(event))) return accept([], {});
  const refusal = refusalOf(state, event);
  if (refusal !== undefined) return refusal;
  return accept(event.type === 'flavor.seeded' && state.seeded ? [] : [event], {});
}

/** The event that the command asks for, allowed or not. */
function eventOf(state: FlavorsState, command: FlavorCommand, facts: Facts): FlavorEvent {
  const { requestId, nowMs: atMs } = facts;
  switch (command.type) {
    case 'flavor.seed': {
      const flavors = command.flavors.filter((flavor) => takenBy(state, flavor) === undefined);
      return { type: 'flavor.seeded', flavors, requestId, atMs };
    }
    case 'flavor.create':
      return { type: 'flavor.created', flavor: command.flavor, requestId, atMs };
    case 'flavor.describe': {
      const { flavorId, description } = command;
      return { type: 'flavor.described', flavorId, description, requestId, atMs };
    }
    case 'flavor.delete':
      return { type: 'flavor.deleted', flavorId: command.flavorId, requestId };
    case 'flavor.set-specs': {
      const { flavorId, specs } = command;
      return { type: 'flavor.specs-set', flavorId, specs, requestId };
    }
    case 'flavor.remove-spec': {
      const { flavorId, key } = command;
      return { type: 'flavor.spec-removed', flavorId, key, requestId };
    }
    case 'flavor.add-access': {
      const { flavorId, projectId } = command;
      return { type: 'flavor.access-added', flavorId, projectId, requestId };
    }
    case 'flavor.remove-access': {
      const { flavorId, projectId } = command;
      return { type: 'flavor.access-removed', flavorId, projectId, requestId };
    }
    default:
      return unreachable(command);
  }
}

function refusalOf(state: FlavorsState, event: FlavorEvent): Refusal | undefined {
  if (event.type === 'flavor.seeded') return undefined;
  if (event.type === 'flavor.created') {
    const field = takenBy(state, event.flavor);
    if (field === undefined) return undefined;
    const value = field === 'id' ? event.flavor.id : event.flavor.name;
    return refuse('flavor-exists', { field, value });
  }
  const record = flavorOf(state, event.flavorId);
  if (record === undefined) return refuse('flavor-not-found', { flavorId: event.flavorId });
  return refusedChange(record, event);
}

function refusedChange(record: FlavorRecord, event: Change): Refusal | undefined {
  const { flavorId } = event;
  switch (event.type) {
    case 'flavor.spec-removed':
      return Object.hasOwn(record.flavor.extraSpecs, event.key)
        ? undefined
        : refuse('extra-spec-not-found', { flavorId, key: event.key });
    case 'flavor.access-added':
      return record.access.includes(event.projectId)
        ? refuse('flavor-access-exists', { flavorId, projectId: event.projectId })
        : undefined;
    case 'flavor.access-removed':
      return record.access.includes(event.projectId)
        ? undefined
        : refuse('flavor-access-not-found', { flavorId, projectId: event.projectId });
    case 'flavor.described':
    case 'flavor.deleted':
    case 'flavor.specs-set':
      return undefined;
    default:
      return unreachable(event);
  }
}

function takenBy(state: FlavorsState, flavor: Flavor): 'id' | 'name' | undefined {
  if (flavorOf(state, flavor.id) !== undefined) return 'id';
  return state.records.some((record) => record.flavor.name === flavor.name) ? 'name' : undefined;
}

export function evolveFlavors(state: FlavorsState, event: FlavorEvent): FlavorsState {
  const receipts = withReceipt(state.receipts, receipt(event));
  if (event.type === 'flavor.seeded') {
    const seeds = event.flavors.map((flavor) => newRecord(flavor, event.atMs));
    return { records: [...state.records, ...seeds], seeded: true, receipts };
  }
  if (event.type === 'flavor.created') {
    const records = [...state.records, newRecord(event.flavor, event.atMs)];
    return { ...state, records, receipts };
  }
  const records = state.records.flatMap((record) =>
    record.flavor.id === event.flavorId ? (evolveRecord(record, event) ?? []) : [record],
  );
  return { ...state, records, receipts };
}

/** Undefined when the flavor is gone. */
function evolveRecord(record: FlavorRecord, event: Change): FlavorRecord | undefined {
  const { flavor, access } = record;
  switch (event.type) {
    case 'flavor.described': {
      const { description: _, ...rest } = flavor;
      const { description, atMs: updatedAtMs } = event;
      const described = description === null ? rest : { ...rest, description };
      return { ...record, flavor: described, updatedAtMs };
    }
    case 'flavor.deleted':
      return undefined;
    case 'flavor.specs-set': {
      const extraSpecs = { ...flavor.extraSpecs, ...event.specs };
      return { ...record, flavor: { ...flavor, extraSpecs } };
    }
    case 'flavor.spec-removed': {
      const { [event.key]: _, ...extraSpecs } = flavor.extraSpecs;
      return { ...record, flavor: { ...flavor, extraSpecs } };
    }
    case 'flavor.access-added':
      return { ...record, access: [...access, event.projectId] };
    case 'flavor.access-removed':
      return { ...record, access: access.filter((id) => id !== event.projectId) };
    default:
      return unreachable(event);
  }
}

function newRecord(flavor: Flavor, createdAtMs: number): FlavorRecord {
  return { flavor, access: [], createdAtMs, updatedAtMs: undefined };
}

function receipt(event: FlavorEvent): string {
  return receiptOf(
    event.type === 'flavor.created' ? { ...event, flavorId: event.flavor.id } : event,
  );
}

export function flavorsInvariants(state: FlavorsState): readonly string[] {
  const broken: string[] = [];
  const [ids, names] = [new Set<string>(), new Set<string>()];
  for (const { flavor } of state.records) {
    if (ids.has(flavor.id)) broken.push(`two flavors have the id ${flavor.id}`);
    if (names.has(flavor.name)) broken.push(`two flavors are named ${flavor.name}`);
    ids.add(flavor.id);
    names.add(flavor.name);
  }
  return broken;
}
