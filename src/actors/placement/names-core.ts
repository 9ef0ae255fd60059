// The rules of made names, pure: each stands once, in the order in which it was made. Whether one is in use is asked
// before, by those who see the providers: a name that a provider has goes on existing as long as it has it.
import { accept, type Accepted } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import type {
  PlacementNameCommand,
  PlacementNameEvent,
  PlacementNamesState,
} from './names-protocol.ts';

export function initialNames(): PlacementNamesState {
  return { traits: [], classes: [] };
}

export function decideNames(
  state: PlacementNamesState,
  command: PlacementNameCommand,
): Accepted<PlacementNameEvent, unknown> | Refusal {
  const { list, name } = command;
  const isKnown = state[list].includes(name);
  switch (command.type) {
    case 'placement-names.add':
      if (isKnown && command.mustBeNew) return refuse('name-exists', { name });
      return accept(isKnown ? [] : [{ type: 'placement-names.added', list, name }], {
        isNew: !isKnown,
      });
    case 'placement-names.remove':
      if (!isKnown) return refuse('name-not-found', { name });
      return accept([{ type: 'placement-names.removed', list, name }], {});
    case 'placement-names.rename': {
      const { to } = command;
      if (!isKnown) return refuse('name-not-found', { name });
      if (state[list].includes(to)) return refuse('name-exists', { name: to });
      return accept(
        [
          { type: 'placement-names.removed', list, name },
          { type: 'placement-names.added', list, name: to },
        ],
        {},
      );
    }
    default:
      return unreachable(command);
  }
}

export function evolveNames(
  state: PlacementNamesState,
  event: PlacementNameEvent,
): PlacementNamesState {
  const { list, name } = event;
  const others = state[list].filter((known) => known !== name);
  return {
    ...state,
    [list]: event.type === 'placement-names.added' ? [...others, name] : others,
  };
}

export function namesInvariants(state: PlacementNamesState): readonly string[] {
  return (['traits', 'classes'] as const)
    .filter((list) => new Set(state[list]).size !== state[list].length)
    .map((list) => `a name stands twice among the ${list}`);
}
