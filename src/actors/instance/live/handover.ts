// What a live migration leaves in an instance's record beside the move itself: what its destination needs to go on, how far the
// copy is, and what is still to be done at hosts that did not answer. Pure.
import { type Static, Type } from 'typebox';

const text = Type.String();
const count = Type.Number({ minimum: 0 });

/** Kept before anything of it is used, so that it outlives whoever carried it. */
export const handoverSchema = Type.Object({
  cookie: text,
  /** Somebody had paused the guest before. */
  isPaused: Type.Boolean(),
  /** Targets of the disks that were copied; none on storage that both hosts share. */
  copiedDisks: Type.Array(text),
  destinationStorageId: text,
});
export type Handover = Static<typeof handoverSchema>;

export const progressSchema = Type.Object({
  memoryTotalBytes: count,
  memoryProcessedBytes: count,
  memoryRemainingBytes: count,
  diskTotalBytes: count,
  diskProcessedBytes: count,
  diskRemainingBytes: count,
});
export type CopyProgress = Static<typeof progressSchema>;

export const leftBehindKeySchema = Type.Object({
  host: text,
  runEpoch: Type.Integer(),
  /** Of the migration that left it; another one may meet the same host under the same run-epoch. */
  migrationId: text,
  /**
   * `keep`: its guest goes on, whose copy was given up; `decline`: it awaits no guest any more; `clean`: what it handed over
   * is taken away, and its claim given back.
   */
  work: Type.Union([Type.Literal('keep'), Type.Literal('decline'), Type.Literal('clean')]),
});

export const leftBehindSchema = Type.Object({
  ...leftBehindKeySchema.properties,
  availabilityZone: text,
  providerId: text,
  claimId: text,
  isPaused: Type.Boolean(),
  /** Files on this storage are the other end's. */
  spareStorage: Type.Optional(text),
});
export type LeftBehind = Static<typeof leftBehindSchema>;
type Key = Static<typeof leftBehindKeySchema>;

/** More hosts than one server meets between two audits of an operator; the oldest is forgotten. */
export const MAX_LEFT_BEHIND = 16;

/** Names it, for ever. */
export function leftBehindId({ work, host, runEpoch, migrationId }: Key): string {
  return `left/${work}/${host}/${runEpoch}/${migrationId}`;
}

export function isSameWork(one: Key, other: Key): boolean {
  return leftBehindId(one) === leftBehindId(other);
}

export function addLeftBehind(
  all: readonly LeftBehind[] | undefined,
  added: LeftBehind,
): readonly LeftBehind[] {
  const others = (all ?? []).filter((one) => !isSameWork(one, added));
  return [...others.slice(1 - MAX_LEFT_BEHIND), added];
}
