// The network as an entity. It has no effects: hosts' bridges follow from the ports that are plugged there.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { networkInvariants } from './audit.ts';
import { decideNetwork } from './decide.ts';
import { evolveNetwork } from './evolve.ts';
import { networkCommands, networkEvents } from './protocol.ts';
import { initialNetwork, type NetworkState } from './state.ts';

export const networkDefinition: EntityDefinition<
  NetworkState,
  typeof networkCommands,
  typeof networkEvents
> = {
  kind: 'network',
  commands: networkCommands,
  events: networkEvents,
  schema: 1,
  initial: initialNetwork,
  decide: decideNetwork,
  evolve: evolveNetwork,
  todo: () => [],
  invariants: networkInvariants,
  // A network may hold thousands of ports, all of them in each snapshot: to write one holds up everything else.
  snapshotEvery: 5_000,
};
