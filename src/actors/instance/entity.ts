// Binds the pure parts of an instance together for the shell.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import { instanceCommands, instanceEvents } from './protocol.ts';
import { initialInstance, instanceInvariants, type InstanceState } from './state.ts';
import { type InstanceEffect, todo } from './todo.ts';

export const instanceDefinition: EntityDefinition<
  InstanceState,
  typeof instanceCommands,
  typeof instanceEvents,
  InstanceEffect
> = {
  kind: 'instance',
  commands: instanceCommands,
  events: instanceEvents,
  schema: 1,
  initial: initialInstance,
  decide,
  evolve,
  todo,
  invariants: instanceInvariants,
  describe: (state) =>
    `${state.vmState}/${state.taskState ?? '-'}${state.operation?.failure === undefined ? '' : ' (undoing)'}`,
};
