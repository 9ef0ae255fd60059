// One user's key pairs, pure: names are unique, their number is limited.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { KeypairCommand, KeypairEvent, KeypairsState } from './protocol.ts';
import { receiptOf, withReceipt } from './receipts.ts';

type Decision = Accepted<KeypairEvent, Record<string, never>> | Refusal;

export function initialKeypairs(id: string): KeypairsState {
  return { id, byName: new Map(), lastNumber: 0, receipts: [] };
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
    return state.byName.has(command.name)
      ? undefined
      : refuse('keypair-not-found', { name: command.name, userId: state.id });
  const { keypair, limit } = command;
  if (limit >= 0 && state.byName.size >= limit)
    return refuse('keypair-quota', { limit, used: state.byName.size });
  return state.byName.has(keypair.name)
    ? refuse('keypair-exists', { name: keypair.name, userId: state.id })
    : undefined;
}

export function evolveKeypairs(state: KeypairsState, event: KeypairEvent): KeypairsState {
  const receipts = withReceipt(state.receipts, receipt(event));
  const byName = new Map(state.byName);
  switch (event.type) {
    case 'keypair.created': {
      const { keypair, number, atMs: createdAtMs } = event;
      byName.set(keypair.name, { ...keypair, number, createdAtMs });
      return { ...state, byName, lastNumber: number, receipts };
    }
    case 'keypair.deleted':
      byName.delete(event.name);
      return { ...state, byName, receipts };
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
  for (const [name, keypair] of state.byName) {
    if (keypair.name !== name) broken.push(`key pair ${keypair.name} is kept under ${name}`);
    if (keypair.number > state.lastNumber)
      broken.push(`key pair ${name} has number ${keypair.number} of ${state.lastNumber}`);
  }
  return broken;
}
