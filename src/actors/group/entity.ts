// Binds the server groups' rules to the entity shell.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { decideServerGroups, type ServerGroupEffect, todoServerGroups } from './core.ts';
import { evolveServerGroups, initialServerGroups, serverGroupsInvariants } from './evolve.ts';
import {
  serverGroupCommands,
  serverGroupEvents,
  serverGroups,
  type ServerGroupsState,
} from './protocol.ts';

export const serverGroupsDefinition: EntityDefinition<
  ServerGroupsState,
  typeof serverGroupCommands,
  typeof serverGroupEvents,
  ServerGroupEffect
> = {
  kind: serverGroups.kind,
  commands: serverGroupCommands,
  events: serverGroupEvents,
  schema: 1,
  initial: initialServerGroups,
  decide: decideServerGroups,
  evolve: evolveServerGroups,
  todo: todoServerGroups,
  invariants: serverGroupsInvariants,
};
