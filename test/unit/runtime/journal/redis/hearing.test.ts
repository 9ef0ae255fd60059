// Entries come by two ways, and are heard once and in order; what can't be heard any more is a gap.
import { describe, expect, it } from 'vitest';

import { Hearing } from '#runtime/journal/redis/hearing.ts';
import { aboutOf, checksumOf, parseRow, type StoredRow } from '#runtime/journal/redis/rows.ts';
import { JournalFault } from '#runtime/journal/port.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

function row(position: number): StoredRow {
  const request = { key: 'thing/1', epoch: 1, requestId: undefined, events: [], atMs: 0 } as const;
  const about = aboutOf({ ...request, expectedVersion: position - 1 }, position);
  const text = `[["thing.happened",1,${position}]]`;
  return { position, header: `0 ${checksumOf(about, text)} ${about}`, text };
}

function createHearing() {
  const heard: (number | string)[] = [];
  const heads: number[] = [];
  const hearing = new Hearing(
    silentLog,
    (position) => heads.push(position),
    () => heard.push('ahead'),
  );
  hearing.subscribe(
    ({ position }) => heard.push(position),
    () => heard.push('gap'),
  );
  const own = (position: number): void => {
    const { before: _before, ...kept } = parseRow(row(position));
    const { key, firstVersion, version, epoch, requestId, atMs } = kept;
    hearing.own({
      entry: { position, key, firstVersion, version, epoch, requestId, events: [], atMs },
      kept,
      heard: () => heard.push(`answer ${position}`),
      lost: ({ code }) => heard.push(`${code} ${position}`),
    });
  };
  const others = (...positions: number[]): void => hearing.others(positions.map(row));
  return { hearing, heard, heads, own, others };
}

describe('hearing', () => {
  it('an answer that is next is heard at once, and the tail does not repeat it', () => {
    const { heard, own, others } = createHearing();
    own(1);
    others(1, 2);
    own(2);
    expect(heard).toEqual([1, 'answer 1', 2, 'answer 2']);
  });

  it('an answer that is ahead waits for the tail', () => {
    const { heard, own, others } = createHearing();
    own(4);
    own(3);
    others(1);
    expect(heard).toEqual(['ahead', 'ahead', 1]);
    others(2);
    expect(heard.slice(2)).toEqual([1, 2, 3, 'answer 3', 4, 'answer 4']);
    others(2, 3, 4, 5);
    expect(heard.at(-1)).toBe(5);
  });

  it('a hole in the log is a gap, once, and hearing goes on behind it', () => {
    const { hearing, heard, heads, own, others } = createHearing();
    own(3);
    others(1, 5, 6);
    expect(heard).toEqual(['ahead', 1, 'answer 3', 'gap', 5, 6]);
    expect(hearing.head).toBe(6);
    expect(heads).toEqual([1, 4, 5, 6]);
    expect(hearing.recent.after).toBe(4);
  });

  it('a damaged entry is a gap, and those behind it are heard', () => {
    const { hearing, heard } = createHearing();
    hearing.others([row(1), { ...row(2), text: '[]' }, row(3)]);
    expect(heard).toEqual([1, 'gap', 3]);
  });

  it('what still waits when the session ends is told so, and not answered later', () => {
    const { hearing, heard, own, others } = createHearing();
    own(2);
    hearing.lost(new JournalFault('unavailable', 'away'));
    others(1, 2);
    expect(heard).toEqual(['ahead', 'unavailable 2', 1, 2]);
  });

  it('a listener that fails, on an entry or a gap, takes nothing from the others', () => {
    const { hearing, heard } = createHearing();
    const fail = (): never => {
      throw new Error('broken listener');
    };
    hearing.subscribe(fail, fail);
    const later: number[] = [];
    hearing.subscribe(({ position }) => later.push(position));
    hearing.others([row(1), row(3)]);
    expect(heard).toEqual([1, 'gap', 3]);
    expect(later).toEqual([1, 3]);
  });

  it('the latest entries are kept, and how far back they reach is known', () => {
    const { hearing } = createHearing();
    hearing.startAt(7);
    hearing.others(Array.from({ length: 10_500 }, (_, index) => row(8 + index)));
    const kept = hearing.recent.all();
    expect(kept).toHaveLength(10_000);
    expect(kept[0]?.position).toBe(hearing.recent.after + 1);
    expect(kept.at(-1)?.position).toBe(10_507);
  });
});
