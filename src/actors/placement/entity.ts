// Binds placement's names and writes to the entity shell.
import type { Effect, EntityDefinition } from '#runtime/entity/definition.ts';
import { decideNames, evolveNames, initialNames, namesInvariants } from './names-core.ts';
import {
  placementNameCommands,
  placementNameEvents,
  placementNames,
  type PlacementNamesState,
} from './names-protocol.ts';
import {
  placementCommands,
  placementEvents,
  type PlacementState,
  placementWrites,
} from './protocol.ts';
import {
  decidePlacement,
  evolvePlacement,
  initialPlacement,
  placementInvariants,
} from './writes-core.ts';

export const placementNamesDefinition: EntityDefinition<
  PlacementNamesState,
  typeof placementNameCommands,
  typeof placementNameEvents
> = {
  kind: placementNames.kind,
  commands: placementNameCommands,
  events: placementNameEvents,
  schema: 1,
  initial: initialNames,
  decide: decideNames,
  evolve: evolveNames,
  todo: () => [],
  invariants: namesInvariants,
};

/** One phase of one write. */
export interface WriteEffect extends Effect {
  readonly writeId: string;
}

export const placementDefinition: EntityDefinition<
  PlacementState,
  typeof placementCommands,
  typeof placementEvents,
  WriteEffect
> = {
  kind: placementWrites.kind,
  commands: placementCommands,
  events: placementEvents,
  schema: 1,
  snapshotEvery: 500,
  dropsHistory: true,
  initial: initialPlacement,
  decide: decidePlacement,
  evolve: evolvePlacement,
  todo: ({ writes }) =>
    Object.entries(writes).map(([writeId, { phase }]) => ({
      id: `${phase}-${writeId}`,
      kind: `placement-${phase}`,
      writeId,
    })),
  invariants: placementInvariants,
};
