// The rules of placement writes, pure: a lock is held by one write at a time, a write that was built on what another has
// changed since does not begin, and one that every provider agreed to is never taken back.
import { accept, type Accepted } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { bucketGet, bucketSet, emptyBuckets } from '../domain/bucket-map.ts';
import { unreachable } from '../domain/unreachable.ts';
import type {
  PlacementCommand,
  PlacementEvent,
  PlacementState,
  PlacementWrite,
} from './protocol.ts';

type Decision = Accepted<PlacementEvent, Record<string, never>> | Refusal;
type Begin = Extract<PlacementCommand, { type: 'placement.begin' }>;

/** More are told to try again. */
export const MAX_WRITES = 256;
/** At least half as many locks are remembered, at most this many. */
export const MAX_LOCKS = 20_000;
const MAX_OUTCOMES = 512;

export function initialPlacement(): PlacementState {
  return {
    seq: 0,
    writes: {},
    recent: emptyBuckets(),
    older: emptyBuckets(),
    forgotten: 0,
    outcomes: [],
  };
}

export function decidePlacement(state: PlacementState, command: PlacementCommand): Decision {
  const { writeId } = command;
  const phase = state.writes[writeId]?.phase;
  switch (command.type) {
    case 'placement.begin':
      return decideBegin(state, command);
    case 'placement.prepared':
      return accept(phase === 'preparing' ? [{ type: 'placement.agreed', writeId }] : [], {});
    case 'placement.refuse': {
      const { refusal } = command;
      return accept(
        phase === 'preparing' ? [{ type: 'placement.refused', writeId, refusal }] : [],
        {},
      );
    }
    case 'placement.settle':
      return accept(phase === undefined ? [] : [{ type: 'placement.settled', writeId }], {});
    default:
      return unreachable(command);
  }
}

function decideBegin(state: PlacementState, { writeId, seen, locks, parts }: Begin): Decision {
  const isKnown =
    Object.hasOwn(state.writes, writeId) ||
    state.outcomes.some((outcome) => outcome.writeId === writeId);
  if (isKnown) return accept([], {});
  const underWay = Object.values(state.writes);
  const isOvertaken =
    underWay.length >= MAX_WRITES ||
    seen < state.forgotten ||
    locks.some((lock) => underWay.some((write) => write.locks.includes(lock))) ||
    locks.some((lock) => lastHeld(state, lock) > seen);
  if (isOvertaken) return refuse('write-overtaken', { writeId });
  return accept([{ type: 'placement.begun', writeId, locks, parts }], {});
}

function lastHeld({ recent, older }: PlacementState, lock: string): number {
  return bucketGet(recent, lock) ?? bucketGet(older, lock) ?? 0;
}

export function evolvePlacement(state: PlacementState, event: PlacementEvent): PlacementState {
  const { writeId } = event;
  switch (event.type) {
    case 'placement.begun': {
      const { locks, parts } = event;
      return withWrite(state, writeId, { locks, parts, phase: 'preparing', refusal: undefined });
    }
    case 'placement.agreed':
      return changedWrite(state, writeId, { phase: 'committing' });
    case 'placement.refused':
      return changedWrite(state, writeId, { phase: 'aborting', refusal: event.refusal });
    case 'placement.settled':
      return settled(state, writeId);
    default:
      return unreachable(event);
  }
}

function withWrite(state: PlacementState, writeId: string, write: PlacementWrite): PlacementState {
  return { ...state, writes: { ...state.writes, [writeId]: write } };
}

function changedWrite(
  state: PlacementState,
  writeId: string,
  change: Partial<PlacementWrite>,
): PlacementState {
  const write = state.writes[writeId];
  return write === undefined ? state : withWrite(state, writeId, { ...write, ...change });
}

function settled(state: PlacementState, writeId: string): PlacementState {
  const { [writeId]: write, ...writes } = state.writes;
  const seq = state.seq + 1;
  const isFull = state.recent.size >= MAX_LOCKS / 2;
  const older = isFull ? state.recent : state.older;
  let recent = isFull ? emptyBuckets<number>() : state.recent;
  for (const lock of write?.locks ?? []) recent = bucketSet(recent, lock, seq);
  const outcomes = [...state.outcomes, { writeId, refusal: write?.refusal }].slice(-MAX_OUTCOMES);
  // What `older` held until now is gone: all of it was let go before `recent` began to be filled.
  const forgotten = isFull && state.older.size > 0 ? firstOf(state.recent) - 1 : state.forgotten;
  return { seq, writes, recent, older, forgotten, outcomes };
}

/** The smallest number in it. */
function firstOf({ buckets }: PlacementState['recent']): number {
  return buckets.flat().reduce((first, [, seq]) => Math.min(first, seq), Number.MAX_SAFE_INTEGER);
}

export function placementInvariants({ writes }: PlacementState): readonly string[] {
  const locks = Object.values(writes).flatMap((write) => write.locks);
  return new Set(locks).size === locks.length ? [] : ['two writes under way hold the same lock'];
}
