// What can be read from every adapter: streams, keys, pages for recovery, snapshots, and what compaction leaves.
import { describe, expect, it } from 'vitest';

import type { EntityKey, JournalEntry } from '#runtime/journal/port.ts';

import { event, request, type Subject } from './journal-harness.ts';

export function describeReads(subject: Subject): void {
  describe('read', () => {
    it('gives entries after a version, oldest first, and none of an unknown stream', async () => {
      await subject.fill('thing/1', 5);
      expect((await subject.journal.read('thing/1', 2)).map((entry) => entry.version)).toEqual([
        3, 4, 5,
      ]);
      expect(await subject.journal.read('thing/1', 5)).toEqual([]);
      expect(await subject.journal.read('thing/2', 0)).toEqual([]);
    });

    it('a long stream comes back whole, whichever way it is read', async () => {
      const data = 'y'.repeat(2_000);
      const pending = Array.from({ length: 3_000 }, (_, version) =>
        subject.journal.append(request('thing/1', version, { events: [event({ version, data })] })),
      );
      await Promise.all(pending);
      const expected = pending.map((_, version) => ({ version, data }));
      const dataOf = (entries: readonly JournalEntry[]) =>
        entries.map((entry) => entry.events[0]?.data);
      const [loaded] = await subject.journal.load(['thing/1']);
      expect(dataOf(await subject.journal.read('thing/1', 0))).toEqual(expected);
      expect(dataOf(loaded?.entries ?? [])).toEqual(expected);
      expect(dataOf(await subject.journal.entriesAfter(0, 10_000))).toEqual(expected);
      expect(dataOf(await subject.journal.entriesAfter(0, 1_234))).toEqual(
        expected.slice(0, 1_234),
      );
    });

    it('a page of large entities comes back whole', async () => {
      const keys = Array.from({ length: 20 }, (_, index): EntityKey => `thing/${index}`);
      const events = [event('z'.repeat(400_000))];
      await Promise.all(keys.map((key) => subject.journal.append(request(key, 0, { events }))));
      await subject.journal.saveSnapshot({
        key: 'thing/3',
        version: 1,
        schema: 1,
        state: events,
        position: 4,
      });
      const loaded = await subject.journal.load(keys);
      expect(loaded.map(({ key }) => key)).toEqual(keys);
      expect(loaded.map(({ entries }) => entries.length)).toEqual(
        keys.map((_, index) => (index === 3 ? 0 : 1)),
      );
      expect(loaded[3]?.snapshot?.state).toEqual(events);
      expect(loaded[19]?.entries[0]?.events).toEqual(events);
    });

    it('keys come in pages, in byte order, of one kind only', async () => {
      const ids = ['a', 'b', 'ab', 'Z', '10', '9', 'é', '世', '\u{1F30D}', '\uFFFD', '-', 'a/b'];
      for (const id of ids) await subject.fill(`thing/${id}`, 1);
      for (const key of ['thin/x', 'things/x', 'thing-a/x', 'thing0/x'] as const)
        await subject.fill(key, 1);
      await subject.fill('thing/b', 0);
      const sorted = ids
        .map((id) => Buffer.from(`thing/${id}`))
        .sort((a, b) => Buffer.compare(a, b))
        .map((key) => ({ key: key.toString(), version: 1 }));
      const pages: unknown[] = [];
      let after: EntityKey | undefined;
      for (let page = 0; page < 4; page += 1) {
        const rows = await subject.journal.keys('thing', after, 5);
        pages.push(...rows);
        after = rows.at(-1)?.key;
        if (rows.length < 5) break;
      }
      expect(pages).toEqual(sorted);
      expect(await subject.journal.keys('nothing', undefined, 5)).toEqual([]);
    });

    it('entries of all streams come in pages, in the order of their commits', async () => {
      const keys: EntityKey[] = ['thing/1', 'thing/2', 'other/1'];
      for (let version = 0; version < 4; version += 1) {
        for (const key of keys) await subject.journal.append(request(key, version));
      }
      const first = await subject.journal.entriesAfter(0, 5);
      const rest = await subject.journal.entriesAfter(first.at(-1)?.position ?? 0, 100);
      const all = [...first, ...rest];
      expect(first).toHaveLength(5);
      expect(all.map(({ key, version }) => `${key}@${version}`)).toEqual(
        [1, 2, 3, 4].flatMap((version) => keys.map((key) => `${key}@${version}`)),
      );
      expect(await subject.journal.entriesAfter(subject.journal.head(), 5)).toEqual([]);
    });

    it('a page for recovery holds each snapshot and what came after it, in the order asked', async () => {
      await subject.fill('thing/1', 3);
      await subject.fill('thing/2', 2);
      const snapshot = {
        key: 'thing/1',
        version: 2,
        schema: 1,
        state: { n: 2 },
        position: 2,
      } as const;
      await subject.journal.saveSnapshot(snapshot);
      const [second, unknown, first] = await subject.journal.load([
        'thing/2',
        'thing/9',
        'thing/1',
      ]);
      expect(second).toEqual({
        key: 'thing/2',
        snapshot: undefined,
        entries: await subject.journal.read('thing/2', 0),
      });
      expect(unknown).toEqual({ key: 'thing/9', snapshot: undefined, entries: [] });
      expect(first).toEqual({
        key: 'thing/1',
        snapshot,
        entries: await subject.journal.read('thing/1', 2),
      });
    });
  });
}

export function describeSnapshots(subject: Subject): void {
  describe('snapshots', () => {
    const snapshot = (version: number) =>
      ({
        key: 'thing/1',
        version,
        schema: 3,
        state: { version },
        position: version,
      }) as const;

    it('a newer one replaces an older one, an older one is ignored', async () => {
      await subject.fill('thing/1', 3);
      expect(await subject.journal.loadSnapshot('thing/1')).toBeUndefined();
      await subject.journal.saveSnapshot(snapshot(1));
      expect(await subject.journal.loadSnapshot('thing/1')).toStrictEqual(snapshot(1));
      await subject.journal.saveSnapshot(snapshot(3));
      await subject.journal.saveSnapshot(snapshot(2));
      expect(await subject.journal.loadSnapshot('thing/1')).toStrictEqual(snapshot(3));
    });

    it('one of the same version with another shape replaces it', async () => {
      await subject.fill('thing/1', 1);
      await subject.journal.saveSnapshot(snapshot(1));
      await subject.journal.saveSnapshot({ ...snapshot(1), schema: 4, state: 'new shape' });
      expect(await subject.journal.loadSnapshot('thing/1')).toMatchObject({
        schema: 4,
        state: 'new shape',
      });
    });

    it('one ahead of its stream is a bug of the caller and is not stored', async () => {
      await subject.fill('thing/1', 1);
      await expect(subject.journal.saveSnapshot(snapshot(2))).rejects.toThrow(
        /thing\/1 at 2 is ahead of its stream at 1/,
      );
      expect(await subject.journal.loadSnapshot('thing/1')).toBeUndefined();
    });

    it('compaction drops what the snapshot covers and nothing else', async () => {
      await subject.fill('thing/1', 5);
      await subject.fill('thing/2', 2);
      await subject.journal.compact('thing/1', 5);
      expect(await subject.journal.read('thing/1', 0)).toHaveLength(5);
      await subject.journal.saveSnapshot(snapshot(3));
      await subject.journal.compact('thing/1', 5);
      expect((await subject.journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([
        4, 5,
      ]);
      const [loaded] = await subject.journal.load(['thing/1']);
      expect(loaded?.snapshot).toStrictEqual(snapshot(3));
      expect(loaded?.entries.map((entry) => entry.version)).toEqual([4, 5]);
      const left = await subject.journal.entriesAfter(0, 100);
      expect(left.map(({ key, version }) => `${key}@${version}`)).toEqual([
        'thing/1@4',
        'thing/1@5',
        'thing/2@1',
        'thing/2@2',
      ]);
    });

    it('a compacted stream keeps its version, epoch, request ids and the head', async () => {
      await subject.journal.append(request('thing/1', 0, { epoch: 4, requestId: 'req-1' }));
      await subject.journal.saveSnapshot(snapshot(1));
      await subject.journal.compact('thing/1', 1);
      const head = subject.journal.head();
      await subject.reopen();
      expect(subject.journal.head()).toBe(head);
      expect(await subject.journal.keys('thing', undefined, 9)).toEqual([
        { key: 'thing/1', version: 1 },
      ]);
      expect(await subject.journal.append(request('thing/1', 1, { epoch: 3 }))).toMatchObject({
        reason: 'fenced',
      });
      expect(
        await subject.journal.append(request('thing/1', 1, { epoch: 4, requestId: 'req-1' })),
      ).toEqual({
        ok: false,
        reason: 'duplicate',
        version: 1,
      });
      expect(await subject.journal.append(request('thing/1', 1, { epoch: 4 }))).toMatchObject({
        ok: true,
        version: 2,
      });
      expect(subject.journal.head()).toBeGreaterThan(head);
      expect((await subject.journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([2]);
    });
  });
}
