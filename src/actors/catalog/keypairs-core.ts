// One user's key pairs, pure: names are unique, their number is limited.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import { keypairOf } from './lookup.ts';
import type { KeypairCommand, KeypairEvent, KeypairsState } from './protocol.ts';
import { receiptOf, withReceipt } from '../domain/receipts.ts';

type Decision = Accepted<KeypairEvent, Record<string, never>> | Refusal;

export function initialKeypairs(id: string): KeypairsState {
  return { id, keypairs: [], lastNumber: 0, receipts: [] };
}

export function decideKeypairs(
  state: KeypairsState,
  command: KeypairCommand,
  facts: Facts,
): Decision {
  const event = eventOf(state, command, facts);
  if (state.receipts.includes(receipt(event))) return accept([], {});
  return refusalOf(state, command) ?? accept([event], {});
}

function eventOf(state: KeypairsState, command: KeypairCommand, facts: Facts): KeypairEvent {
  const { requestId, nowMs: atMs } = facts;
  switch (command.type) {
    case 'keypair.create': {
      const { keypair } = command;
      return { type: 'keypair.created', keypair, number: state.lastNumber + 1, requestId, atMs };
    }
    case 'keypair.delete':
      return { type: 'keypair.deleted', name: command.name, requestId };
    default:
      return unreachable(command);
  }
}

function refusalOf(state: KeypairsState, command: KeypairCommand): Refusal | undefined {
  if (command.type === 'keypair.delete')
    return keypairOf(state, command.name) !== undefined
      ? undefined
      : refuse('keypair-not-found', { name: command.name, userId: state.id });
  const { keypair, limit } = command;
  if (limit >= 0 && state.keypairs.length >= limit)
    return refuse('keypair-quota', { limit, used: state.keypairs.length });
  return keypairOf(state, keypair.name) !== undefined
    ? refuse('keypair-exists', { name: keypair.name, userId: state.id })
    : undefined;
}

export function evolveKeypairs(state: KeypairsState, event: KeypairEvent): KeypairsState {
  const receipts = withReceipt(state.receipts, receipt(event));
  switch (event.type) {
    case 'keypair.created': {
      const { keypair, number, atMs: createdAtMs } = event;
      const keypairs = [...state.keypairs, { ...keypair, number, createdAtMs }];
      return { ...state, keypairs, lastNumber: number, receipts };
    }
    case 'keypair.deleted': {
      const keypairs = state.keypairs.filter(({ name }) => name !== event.name);
      return { ...state, keypairs, receipts };
    }
    default:
      return unreachable(event);
  }
}

function receipt(event: KeypairEvent): string {
  return receiptOf(
    event.type === 'keypair.created' ? { ...event, name: event.keypair.name } : event,
  );
}

export function keypairsInvariants(state: KeypairsState): readonly string[] {
  const broken: string[] = [];
  const names = new Set<string>();
  for (const { name, number } of state.keypairs) {
    if (names.has(name)) broken.push(`two key pairs are named ${name}`);
    if (number > state.lastNumber)
      broken.push(`key pair ${name} has number ${number} of ${state.lastNumber}`);
    names.add(name);
  }
  return broken;
}
