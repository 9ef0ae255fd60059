// The traits and resource classes that administrators have made: one entity for the cloud. The standard ones, and those
// that some provider has, exist beside them (api/placement/catalogue.ts).
// Refusals: name-exists, name-not-found (detail: name).
import { Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const list = Type.Union([Type.Literal('traits'), Type.Literal('classes')]);
const named = Type.Object({ list, name: text });

export const placementNameCommands = {
  /** Known ones stay as they are, or are refused with `mustBeNew`. */
  'placement-names.add': command(
    1,
    Type.Object({ list, name: text, mustBeNew: Type.Boolean() }),
    Type.Object({ isNew: Type.Boolean() }),
  ),
  'placement-names.remove': command(1, named, Type.Object({})),
  'placement-names.rename': command(
    1,
    Type.Object({ list, name: text, to: text }),
    Type.Object({}),
  ),
} as const;

export const placementNameEvents = {
  'placement-names.added': event(1, named),
  'placement-names.removed': event(1, named),
} as const;

export type PlacementNameCommand = CommandOf<typeof placementNameCommands>;
export type PlacementNameEvent = EventOf<typeof placementNameEvents>;
export const placementNames = entityKind('placement-names', placementNameCommands);
/** The id of the one entity. */
export const ALL_NAMES = 'all';

/** In the order in which they were made. */
export interface PlacementNamesState {
  readonly traits: readonly string[];
  readonly classes: readonly string[];
}
