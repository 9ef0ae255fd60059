// The commits of a journal as a stream for those who watch: what happened to which entity, without what is in it (that may
// hold users' data). At the edge only: nothing that the cluster does depends on a watcher (DESIGN §4, actors).
import { filter, map, Observable } from 'rxjs';
import type { Journal, JournalEntry } from '../journal/port.ts';

export interface FeedLine {
  /** Wall clock. */
  readonly atMs: number;
  /** `kind/id`. */
  readonly entity: string;
  /** Events in the entity's stream by then. */
  readonly version: number;
  /** Of the owner that wrote it. */
  readonly epoch: number;
  /** Types of what happened, in order. */
  readonly events: readonly string[];
}

/** Every commit from now on, of all members; completes never. `kind`: only entities of that kind. */
export function feedOf(
  journal: Pick<Journal, 'subscribe'>,
  kind: string | undefined,
): Observable<FeedLine> {
  const commits = new Observable<JournalEntry>((watcher) =>
    journal.subscribe((entry) => watcher.next(entry)),
  );
  return commits.pipe(
    filter(({ key }) => kind === undefined || key.startsWith(`${kind}/`)),
    map(({ atMs, key, version, epoch, events }) => ({
      atMs,
      entity: key,
      version,
      epoch,
      events: events.map(({ type }) => type),
    })),
  );
}
