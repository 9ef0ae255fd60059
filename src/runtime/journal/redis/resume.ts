// Takes up a new session with the store where the last one ended: what was committed meanwhile is heard, and what the
// store has lost of that which was heard is given back to it, each entry in its place if its stream has not gone on
// without it.
import type { Log } from '../../env/env.ts';
import { goneBack, type Session } from '../../redis/handshake.ts';
import { functionName } from '../../redis/library.ts';
import type { Argument, Reply } from '../../redis/connection.ts';
import type { Hearing } from './hearing.ts';
import type { KeptEntry } from './recent-entries.ts';
import { checksumOf, rowsOf, type StoredRow } from './rows.ts';

export interface Resuming {
  readonly session: Session;
  readonly hearing: Hearing;
  readonly log: Log;
  readonly acceptsRollback: boolean;
}

/** More than this is not told one by one: listeners look again, which is quicker. */
const mostToCatchUp = 50_000;
const pageEntries = 500;
/** Entries under way to the store at a time. */
const restoredAtOnce = 200;

/** Rejects with a JournalFault when the store has lost more than can be given back. */
export async function resume(resuming: Resuming): Promise<void> {
  const { session, hearing } = resuming;
  if (session.loss === 'accepted') return hearing.gap(session.head);
  if (session.loss === 'reparable') await giveBack(resuming);
  await catchUp(resuming);
}

async function catchUp({ session, hearing }: Resuming): Promise<void> {
  const target = Number(await call(session, 'latest'));
  if (target - hearing.head > mostToCatchUp) return hearing.gap(target);
  while (hearing.head < target) {
    const rows = await logAfter(session, hearing.head);
    if (rows.length === 0) return hearing.gap(target);
    hearing.others(rows);
  }
}

async function giveBack(resuming: Resuming): Promise<void> {
  const { session, hearing, log } = resuming;
  const { recent, head } = hearing;
  const stored = await chainsAfter(session, recent.after);
  const isLost = ({ position, chain }: KeptEntry): boolean =>
    position > session.head || (stored.has(position) && stored.get(position) !== chain);
  const kept = recent.all();
  const lost = kept.filter(isLost);
  const reachesFurther = lost[0] === kept[0] && recent.after > 0 && session.head >= head;
  if (reachesFurther) {
    if (resuming.acceptsRollback) return hearing.gap(Number(await call(session, 'latest')));
    throw goneBack(session.connection.label, session.head, head);
  }
  const outcomes = await restoreAll(session, lost);
  const count = (wanted: number): number => outcomes.filter((outcome) => outcome === wanted).length;
  const [inPlace, moved, present, unfit] = [count(1), count(2), count(3), count(4)];
  log.warn(
    { recovered: inPlace + moved, inPlace, moved, present, from: lost[0]?.position },
    `the store had gone back in time; recovered ${inPlace + moved} events`,
  );
  if (unfit > 0) {
    const keys = [
      ...new Set(lost.filter((_, index) => outcomes[index] === 4).map(({ key }) => key)),
    ];
    log.error(
      { unfit, keys: keys.slice(0, 20) },
      'some streams have gone on without what was lost',
    );
  }
  if (moved + unfit > 0) hearing.gap(Number(await call(session, 'latest')));
}

async function restoreAll(
  session: Session,
  lost: readonly KeptEntry[],
): Promise<readonly number[]> {
  const outcomes: number[] = [];
  for (let at = 0; at < lost.length; at += restoredAtOnce) {
    const batch = lost.slice(at, at + restoredAtOnce);
    outcomes.push(...(await Promise.all(batch.map((entry) => restore(session, entry)))));
  }
  return outcomes;
}

async function restore(session: Session, entry: KeptEntry): Promise<number> {
  const { position, key, firstVersion, version, epoch, requestId, about, text, chain } = entry;
  const request = requestId === undefined ? '' : `+${requestId}`;
  const checksum = checksumOf(about, text);
  const place = [position, key, firstVersion, version, epoch, request] as const;
  // The day of its own is not known any more; remembered for a day from now is long enough.
  const day = Number.MAX_SAFE_INTEGER;
  return Number(await call(session, 'restore', ...place, about, text, checksum, chain, day));
}

/** Chains by position, of all that the store has after a position. */
async function chainsAfter(session: Session, after: number): Promise<ReadonlyMap<number, number>> {
  const chains = new Map<number, number>();
  for (let from = after; ; ) {
    const rows = await logAfter(session, from);
    for (const { position, header } of rows) chains.set(position, Number(header.split(' ', 2)[1]));
    const last = rows.at(-1);
    if (last === undefined) return chains;
    from = last.position;
  }
}

async function logAfter(session: Session, position: number): Promise<readonly StoredRow[]> {
  const page = await call(session, 'log_after', position, pageEntries);
  return rowsOf(page as readonly Reply[]);
}

function call(session: Session, name: string, ...args: readonly Argument[]): Promise<Reply> {
  return session.connection.call('FCALL', [functionName(name), 1, session.root, ...args]);
}
