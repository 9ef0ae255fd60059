// What all decisions of a provider have in common: their form, and the memory of what is over. Pure.
import { accept, type Accepted } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { bucketHas } from '../domain/bucket-map.ts';
import { evolveProvider } from './evolve.ts';
import type { ClosedClaims, ProviderCommand, ProviderEvent, ProviderState } from './protocol.ts';

export type Decision = Accepted<ProviderEvent, { readonly generation: number }> | Refusal;
export type CommandNamed<T extends ProviderCommand['type']> = Extract<ProviderCommand, { type: T }>;

/** Answered with the generation after the event. */
export function changed(state: ProviderState, event: ProviderEvent): Decision {
  return accept([event], { generation: evolveProvider(state, event).generation });
}

export function unchanged(state: ProviderState): Decision {
  return accept([], { generation: state.generation });
}

export function notFound(state: ProviderState): Refusal {
  return refuse('provider-not-found', { provider: state.id });
}

/** Undefined if the writer knows the provider as it is, or does not say. */
export function staleGeneration(
  state: ProviderState,
  expected: number | undefined,
): Refusal | undefined {
  if (expected === undefined || expected === state.generation) return undefined;
  return refuse('provider-generation-conflict', {
    provider: state.id,
    expected,
    actual: state.generation,
  });
}

export function hasClosed(closed: ClosedClaims, key: string): boolean {
  return bucketHas(closed.recent, key) || bucketHas(closed.older, key);
}
