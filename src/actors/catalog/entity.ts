// Binds flavors and key pairs to the entity shell, and gives a new cloud its first flavors.
import type { Router } from '#runtime/directory/router.ts';
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { defaultFlavors } from './default-flavors.ts';
import { decideFlavors, evolveFlavors, flavorsInvariants, initialFlavors } from './flavors-core.ts';
import {
  decideKeypairs,
  evolveKeypairs,
  initialKeypairs,
  keypairsInvariants,
} from './keypairs-core.ts';
import {
  ALL_FLAVORS,
  flavorCommands,
  flavorEvents,
  flavors,
  type FlavorsState,
  keypairCommands,
  keypairEvents,
  keypairs,
  type KeypairsState,
} from './protocol.ts';

export const flavorsDefinition: EntityDefinition<
  FlavorsState,
  typeof flavorCommands,
  typeof flavorEvents
> = {
  kind: flavors.kind,
  commands: flavorCommands,
  events: flavorEvents,
  schema: 1,
  initial: initialFlavors,
  decide: decideFlavors,
  evolve: evolveFlavors,
  todo: () => [],
  invariants: flavorsInvariants,
};

export const keypairsDefinition: EntityDefinition<
  KeypairsState,
  typeof keypairCommands,
  typeof keypairEvents
> = {
  kind: keypairs.kind,
  commands: keypairCommands,
  events: keypairEvents,
  schema: 1,
  initial: initialKeypairs,
  decide: decideKeypairs,
  evolve: evolveKeypairs,
  todo: () => [],
  invariants: keypairsInvariants,
};

/** Makes the default flavors in a new cloud. Does nothing in any later call, also if some were deleted since. */
export async function seedFlavors(router: Router, requestId: string): Promise<void> {
  const answer = await router.ask(
    flavors.ref(ALL_FLAVORS),
    { type: 'flavor.seed', flavors: [...defaultFlavors] },
    { requestId },
  );
  if (isRefusal(answer)) throw new Error(`the default flavors were refused: ${answer.refused}`);
}
