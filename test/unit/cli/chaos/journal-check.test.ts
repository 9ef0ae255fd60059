// What must never be in a journal is found: gaps, epochs that go down, appends twice, run-epochs granted wrongly.
import { describe, expect, it } from 'vitest';
import { checkJournal } from '#cli/chaos/journal-check.ts';
import type { Journal, JournalEntry, StoredEvent } from '#runtime/journal/port.ts';

const event = (type: string, data: object = {}): StoredEvent => ({ type, version: 1, data });

/** Entries of one stream, one event each, unless it is said otherwise. */
function entries(...changes: Partial<JournalEntry>[]): readonly JournalEntry[] {
  return changes.map((change, index) => ({
    position: index + 1,
    key: 'instance/a',
    firstVersion: index,
    version: index + 1,
    epoch: 1,
    requestId: `append-${index}`,
    events: [event('instance.renamed')],
    atMs: 0,
    ...change,
  }));
}

/** Only what the check reads. */
function journalOf(all: readonly JournalEntry[], stored = all): Journal {
  return {
    entriesAfter: async (position: number, limit: number) =>
      all.slice(all.findLastIndex((entry) => entry.position <= position) + 1).slice(0, limit),
    load: async (keys: readonly string[]) =>
      keys.map((key) => ({
        key,
        snapshot: undefined,
        entries: stored.filter((entry) => entry.key === key),
      })),
  } as unknown as Journal;
}

const violationsOf = async (all: readonly JournalEntry[]): Promise<readonly string[]> =>
  (await checkJournal(journalOf(all))).violations;
const grant = (runEpoch: number, host: string): Partial<JournalEntry> => ({
  events: [event('instance.granted', { runEpoch, host })],
});
const release = (runEpoch: number): Partial<JournalEntry> => ({
  events: [event('instance.released-by-host', { runEpoch, host: 'one' })],
});

describe('a journal', () => {
  it('that is whole has nothing to find, and tells which requests are in it', async () => {
    const all = entries(
      { events: [event('instance.requested', { requestId: 'req-1' })] },
      grant(1, 'one'),
      release(1),
      { ...grant(2, 'two'), epoch: 2 },
    );
    expect(await checkJournal(journalOf(all))).toEqual({
      entries: 4,
      streams: 1,
      violations: [],
      requestIds: new Set(['req-1']),
    });
  });

  it.each<[string, readonly JournalEntry[], string]>([
    ['a gap', entries({}, { firstVersion: 2, version: 3 }), 'begins at version 2'],
    ['an entry of a wrong length', entries({ version: 2 }), 'holds 1 events for versions 0 to 2'],
    ['an epoch that goes down', entries({ epoch: 5 }, { epoch: 4 }), 'is of epoch 4, after one of'],
    ['an append stored twice', entries({}, { requestId: 'append-0' }), 'append-0 is stored twice'],
    [
      'a grant beside another one',
      entries(grant(1, 'one'), grant(2, 'two')),
      'run-epoch 2 is granted to two while one has one',
    ],
    [
      'a run-epoch granted again',
      entries(grant(1, 'one'), release(1), grant(1, 'two')),
      'run-epoch 1 is granted again, to two',
    ],
  ])('with %s is found out', async (_what, all, words) => {
    expect(await violationsOf(all)).toEqual([expect.stringContaining(words)]);
  });

  it('from which recovery would read less than was committed is found out', async () => {
    const all = entries({}, {}, {});
    const { violations } = await checkJournal(journalOf(all, all.slice(0, 2)));
    expect(violations).toEqual([
      'journal, instance/a: recovery reads up to version 2, the commits end at 3',
    ]);
  });

  it('whose beginning is neither told nor covered is found out', async () => {
    const all = entries({}, {}, {});
    const { violations } = await checkJournal(journalOf(all, all.slice(1)));
    expect(violations).toEqual(['journal, instance/a: nothing tells of versions 0 to 1']);
  });
});
