// Binds the rules of hosts and aggregates to the entity shell. They have no effects: nodes register themselves.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import {
  aggregatesInvariants,
  decideAggregates,
  evolveAggregates,
  initialAggregates,
} from './aggregates-core.ts';
import {
  aggregateCommands,
  aggregateEvents,
  aggregates,
  type AggregatesState,
} from './aggregates-protocol.ts';
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

export const aggregatesDefinition: EntityDefinition<
  AggregatesState,
  typeof aggregateCommands,
  typeof aggregateEvents
> = {
  kind: aggregates.kind,
  commands: aggregateCommands,
  events: aggregateEvents,
  schema: 1,
  initial: initialAggregates,
  decide: decideAggregates,
  evolve: evolveAggregates,
  todo: () => [],
  invariants: aggregatesInvariants,
};
