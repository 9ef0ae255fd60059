// A small durable actor for tests of the shell: it counts, and wants a light to be on while the count is odd.
import { Type } from 'typebox';
import { accept, type EntityDefinition } from '#runtime/entity/definition.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';
import { unreachable } from '#runtime/assert.ts';
import { refuse } from '#runtime/message/refusal.ts';

const commands = {
  'counter.add': command(
    1,
    Type.Object({ by: Type.Integer() }),
    Type.Object({ total: Type.Integer() }),
  ),
  'counter.break': command(1, Type.Object({}), Type.Null()),
  'counter.lit': command(1, Type.Object({ round: Type.Integer() }), Type.Object({})),
} as const;
const events = {
  'counter.added': event(1, Type.Object({ by: Type.Integer() })),
  'counter.lit': event(1, Type.Object({ round: Type.Integer() })),
} as const;

export interface CounterState {
  readonly total: number;
  readonly adds: number;
  readonly lit: readonly number[];
}

export const counters = entityKind('counter', commands);

export const counterDefinition: EntityDefinition<CounterState, typeof commands, typeof events> = {
  kind: 'counter',
  commands,
  events,
  schema: 1,
  snapshotEvery: 5,
  initial: () => ({ total: 0, adds: 0, lit: [] }),
  decide(state, asked: CommandOf<typeof commands>) {
    switch (asked.type) {
      case 'counter.add':
        if (asked.by === 0) return refuse('nothing-to-add', { total: state.total });
        return accept([{ type: 'counter.added', by: asked.by }], { total: state.total + asked.by });
      case 'counter.break':
        throw new Error('broken on purpose');
      case 'counter.lit':
        if (state.lit.includes(asked.round)) return accept<EventOf<typeof events>, unknown>([], {});
        return accept([{ type: 'counter.lit', round: asked.round }], {});
      default:
        return unreachable(asked);
    }
  },
  evolve(state, happened: EventOf<typeof events>) {
    switch (happened.type) {
      case 'counter.added':
        return { ...state, total: state.total + happened.by, adds: state.adds + 1 };
      case 'counter.lit':
        return { ...state, lit: [...state.lit, happened.round] };
      default:
        return unreachable(happened);
    }
  },
  todo: (state) =>
    state.total % 2 === 1 && !state.lit.includes(state.adds)
      ? [{ id: `light/${state.adds}`, kind: 'light' }]
      : [],
  invariants: (state) => (state.total > 1_000 ? [`total ${state.total} is over 1000`] : []),
};
