// Binds the provider's arithmetic to the entity shell. It has no effects: whoever claims also releases.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { decideProvider } from './core.ts';
import { evolveProvider, initialProvider, providerInvariants } from './evolve.ts';
import { providerCommands, providerEvents, providers, type ProviderState } from './protocol.ts';

export const providerDefinition: EntityDefinition<
  ProviderState,
  typeof providerCommands,
  typeof providerEvents
> = {
  kind: providers.kind,
  commands: providerCommands,
  events: providerEvents,
  schema: 1,
  snapshotEvery: 1000,
  initial: initialProvider,
  decide: decideProvider,
  evolve: evolveProvider,
  todo: () => [],
  invariants: providerInvariants,
};
