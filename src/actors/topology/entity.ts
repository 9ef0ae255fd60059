// Binds the host's rules to the entity shell. It has no effects: nodes register themselves.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { decideHost, evolveHost, hostInvariants, initialHost } from './core.ts';
import { hostCommands, hostEvents, hosts, type HostState } from './protocol.ts';

export const hostDefinition: EntityDefinition<HostState, typeof hostCommands, typeof hostEvents> = {
  kind: hosts.kind,
  commands: hostCommands,
  events: hostEvents,
  schema: 1,
  initial: initialHost,
  decide: decideHost,
  evolve: evolveHost,
  todo: () => [],
  invariants: hostInvariants,
};
