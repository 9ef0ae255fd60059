// Binds the provider's rules to the entity shell. It has no effects: whoever claims also releases, and whoever prepares a
// write settles it.
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
  schema: 2,
  snapshotEvery: 1000,
  initial: initialProvider,
  decide: decideProvider,
  evolve: evolveProvider,
  todo: () => [],
  invariants: providerInvariants,
};
