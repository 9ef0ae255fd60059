// What every Journal adapter promises (src/runtime/journal/port.ts). The adapters' own files say how to open one
// and add what only they can do; the model test is in journal-model.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type {
  AppendRequest,
  EntityKey,
  Journal,
  JournalEntry,
  StoredEvent,
} from '#runtime/journal/port.ts';

import { checkAgainstModel } from './journal-model.ts';

/** One storage that can be opened again after its journal was closed. */
export interface JournalHarness {
  open(): Promise<Journal>;
  /** Damages the stored entry that holds event number `version`; the journal is closed meanwhile. */
  damage(key: EntityKey, version: number): Promise<void>;
  dispose(): Promise<void>;
}

export interface JournalContractOptions {
  readonly modelRuns: number;
}

export function event(data: unknown, type = 'thing.happened'): StoredEvent {
  return { type, version: 1, data };
}

export function request(
  key: EntityKey,
  expectedVersion: number,
  rest: Partial<AppendRequest> = {},
): AppendRequest {
  const events = [event({ after: expectedVersion })];
  return { key, expectedVersion, epoch: 1, requestId: undefined, events, atMs: 1_000, ...rest };
}

export function describeJournal(
  name: string,
  createHarness: () => Promise<JournalHarness>,
  options: JournalContractOptions,
): void {
  let harness: JournalHarness;
  let journal: Journal;

  /** Appends single events up to `count`; answers nothing but checks that each was accepted. */
  const fill = async (key: EntityKey, count: number): Promise<void> => {
    for (let version = 0; version < count; version += 1) {
      expect(await journal.append(request(key, version))).toMatchObject({ ok: true });
    }
  };
  const reopen = async (): Promise<void> => {
    await journal.close();
    journal = await harness.open();
  };

  describe(`journal: ${name}`, () => {
    beforeEach(async () => {
      harness = await createHarness();
      journal = await harness.open();
    });
    afterEach(async () => {
      await journal.close();
      await harness.dispose();
    });

    describe('append', () => {
      it('stores what it was given and says where', async () => {
        const events = [event({ name: 'a' }, 'thing.named'), event({ size: 2 }, 'thing.sized')];
        const asked = request('thing/1', 0, { epoch: 7, requestId: 'req-1', events, atMs: 42 });
        const result = await journal.append(asked);
        const position = journal.head();
        expect(result).toEqual({ ok: true, version: 2, position });
        expect(await journal.read('thing/1', 0)).toEqual([
          {
            position,
            key: 'thing/1',
            firstVersion: 0,
            version: 2,
            epoch: 7,
            requestId: 'req-1',
            events,
            atMs: 42,
          },
        ]);
      });

      it('plain values come back as they went in, but for fields that are undefined', async () => {
        const data = {
          nothing: null,
          list: [1, -2.5, 1e300, 2 ** 53 - 1, -(2 ** 31), true, false, ''],
          text: 'Grüße, 世界 🌍 \u0000 "quoted" \\ <xml/> \ud800',
          deep: { a: { b: { c: [[], {}, [{}]] } } },
          long: 'x'.repeat(100_000),
          ...(JSON.parse('{"__proto__": "a name like any other", "constructor": 1}') as object),
        };
        const events = [event({ ...data, missing: undefined })];
        await journal.append(request('thing/1', 0, { events }));
        const [entry] = await journal.read('thing/1', 0);
        expect(entry?.events).toStrictEqual([event(data)]);
      });

      it.each([
        ['NaN', Number.NaN],
        ['Infinity', Number.POSITIVE_INFINITY],
        ['Date', new Date(0)],
        ['Map', new Map()],
        ['Uint8Array', new Uint8Array(1)],
        ['bigint', 1n],
        ['undefined', [undefined]],
      ])('%s is no plain value: the append is refused and stores nothing', async (kind, value) => {
        const events = [event('fine'), event({ size: value }, 'thing.sized')];
        await expect(journal.append(request('thing/1', 0, { events }))).rejects.toThrow(
          `the journal stores plain JSON values, and 'size' holds ${kind}`,
        );
        expect(await journal.read('thing/1', 0)).toEqual([]);
        await expect(
          journal.saveSnapshot({
            key: 'thing/1',
            version: 0,
            schema: 1,
            state: value,
            position: 0,
          }),
        ).rejects.toThrow(/plain JSON values/);
      });

      it('later changes of the caller’s objects change nothing stored', async () => {
        const data = { list: [1] };
        const events = [event(data)];
        const pending = journal.append(request('thing/1', 0, { events }));
        data.list.push(2);
        events.push(event('more'));
        await pending;
        const [entry] = await journal.read('thing/1', 0);
        expect(entry?.events).toEqual([event({ list: [1] })]);
      });

      it('another expected version is a conflict and stores nothing', async () => {
        await fill('thing/1', 2);
        const conflict = { ok: false, reason: 'conflict', version: 2 };
        expect(await journal.append(request('thing/1', 1))).toEqual(conflict);
        expect(await journal.append(request('thing/1', 3))).toEqual(conflict);
        expect(await journal.append(request('thing/2', 1))).toEqual({ ...conflict, version: 0 });
        expect((await journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([1, 2]);
        expect(await journal.read('thing/2', 0)).toEqual([]);
      });

      it('a stale owner’s append is fenced', async () => {
        expect(await journal.append(request('thing/1', 0, { epoch: 5 }))).toMatchObject({
          ok: true,
        });
        expect(await journal.append(request('thing/1', 1, { epoch: 4 }))).toEqual({
          ok: false,
          reason: 'fenced',
          epoch: 5,
        });
        expect(await journal.append(request('thing/1', 1, { epoch: 5 }))).toMatchObject({
          ok: true,
        });
        expect(await journal.append(request('thing/2', 0, { epoch: 4 }))).toMatchObject({
          ok: true,
        });
      });

      it('a refused append does not raise the epoch', async () => {
        await fill('thing/1', 1);
        expect(await journal.append(request('thing/1', 9, { epoch: 9 }))).toMatchObject({
          ok: false,
        });
        expect(await journal.append(request('thing/1', 1, { epoch: 1 }))).toMatchObject({
          ok: true,
        });
      });

      it('a repeated request id is a duplicate with the version of its first append', async () => {
        await journal.append(request('thing/1', 0, { requestId: 'req-1' }));
        await journal.append(request('thing/1', 1, { requestId: 'req-2' }));
        const duplicate = { ok: false, reason: 'duplicate', version: 1 };
        expect(await journal.append(request('thing/1', 0, { requestId: 'req-1' }))).toEqual(
          duplicate,
        );
        expect(await journal.append(request('thing/1', 2, { requestId: 'req-1' }))).toEqual(
          duplicate,
        );
        expect(journal.head()).toBe((await journal.read('thing/1', 1))[0]?.position);
      });

      it('request ids count per stream, and appends without one never repeat', async () => {
        await journal.append(request('thing/1', 0, { requestId: 'req-1' }));
        expect(await journal.append(request('thing/2', 0, { requestId: 'req-1' }))).toMatchObject({
          ok: true,
        });
        expect(await journal.append(request('thing/2', 1))).toMatchObject({ ok: true });
        expect(await journal.append(request('thing/2', 2))).toMatchObject({ ok: true });
      });

      it('fenced comes before duplicate, and duplicate before conflict', async () => {
        await journal.append(request('thing/1', 0, { epoch: 2, requestId: 'req-1' }));
        const repeat = request('thing/1', 0, { epoch: 2, requestId: 'req-1' });
        expect(await journal.append({ ...repeat, epoch: 1 })).toMatchObject({ reason: 'fenced' });
        expect(await journal.append(repeat)).toMatchObject({ reason: 'duplicate' });
        expect(await journal.append({ ...repeat, requestId: 'req-2' })).toMatchObject({
          reason: 'conflict',
        });
      });

      it('appends to one key take effect in the order of the calls, without waiting in between', async () => {
        const keys: EntityKey[] = ['thing/1', 'thing/2', 'thing/3'];
        const pending = Array.from({ length: 300 }, (_, index) =>
          journal.append(request(keys[index % 3]!, Math.floor(index / 3))),
        );
        const results = await Promise.all(pending);
        const head = journal.head();
        expect(results).toEqual(
          results.map((_, index) => ({
            ok: true,
            version: Math.floor(index / 3) + 1,
            position: head - 299 + index,
          })),
        );
      });

      it('no events, or a key without kind or id, is a bug of the caller', async () => {
        await expect(journal.append(request('thing/1', 0, { events: [] }))).rejects.toThrow(
          /needs an event/,
        );
        for (const key of ['thing/', '/1', 'thing']) {
          await expect(journal.append(request(key as EntityKey, 0))).rejects.toThrow(/kind\/id/);
        }
        expect(journal.head()).toBe(0);
      });
    });

    describe('read', () => {
      it('gives entries after a version, oldest first, and none of an unknown stream', async () => {
        await fill('thing/1', 5);
        expect((await journal.read('thing/1', 2)).map((entry) => entry.version)).toEqual([3, 4, 5]);
        expect(await journal.read('thing/1', 5)).toEqual([]);
        expect(await journal.read('thing/2', 0)).toEqual([]);
      });

      it('a long stream comes back whole, whichever way it is read', async () => {
        const data = 'y'.repeat(2_000);
        const pending = Array.from({ length: 3_000 }, (_, version) =>
          journal.append(request('thing/1', version, { events: [event({ version, data })] })),
        );
        await Promise.all(pending);
        const expected = pending.map((_, version) => ({ version, data }));
        const dataOf = (entries: readonly JournalEntry[]) =>
          entries.map((entry) => entry.events[0]?.data);
        const [loaded] = await journal.load(['thing/1']);
        expect(dataOf(await journal.read('thing/1', 0))).toEqual(expected);
        expect(dataOf(loaded?.entries ?? [])).toEqual(expected);
        expect(dataOf(await journal.entriesAfter(0, 10_000))).toEqual(expected);
        expect(dataOf(await journal.entriesAfter(0, 1_234))).toEqual(expected.slice(0, 1_234));
      });

      it('a page of large entities comes back whole', async () => {
        const keys = Array.from({ length: 20 }, (_, index): EntityKey => `thing/${index}`);
        const events = [event('z'.repeat(400_000))];
        await Promise.all(keys.map((key) => journal.append(request(key, 0, { events }))));
        await journal.saveSnapshot({
          key: 'thing/3',
          version: 1,
          schema: 1,
          state: events,
          position: 4,
        });
        const loaded = await journal.load(keys);
        expect(loaded.map(({ key }) => key)).toEqual(keys);
        expect(loaded.map(({ entries }) => entries.length)).toEqual(
          keys.map((_, index) => (index === 3 ? 0 : 1)),
        );
        expect(loaded[3]?.snapshot?.state).toEqual(events);
        expect(loaded[19]?.entries[0]?.events).toEqual(events);
      });

      it('keys come in pages, in byte order, of one kind only', async () => {
        const ids = ['a', 'b', 'ab', 'Z', '10', '9', 'é', '世', '\u{1F30D}', '\uFFFD', '-', 'a/b'];
        for (const id of ids) await fill(`thing/${id}`, 1);
        for (const key of ['thin/x', 'things/x', 'thing-a/x', 'thing0/x'] as const)
          await fill(key, 1);
        await fill('thing/b', 0);
        const sorted = ids
          .map((id) => Buffer.from(`thing/${id}`))
          .sort((a, b) => Buffer.compare(a, b))
          .map((key) => ({ key: key.toString(), version: 1 }));
        const pages: unknown[] = [];
        let after: EntityKey | undefined;
        for (let page = 0; page < 4; page += 1) {
          const rows = await journal.keys('thing', after, 5);
          pages.push(...rows);
          after = rows.at(-1)?.key;
          if (rows.length < 5) break;
        }
        expect(pages).toEqual(sorted);
        expect(await journal.keys('nothing', undefined, 5)).toEqual([]);
      });

      it('entries of all streams come in pages, in the order of their commits', async () => {
        const keys: EntityKey[] = ['thing/1', 'thing/2', 'other/1'];
        for (let version = 0; version < 4; version += 1) {
          for (const key of keys) await journal.append(request(key, version));
        }
        const first = await journal.entriesAfter(0, 5);
        const rest = await journal.entriesAfter(first.at(-1)?.position ?? 0, 100);
        const all = [...first, ...rest];
        expect(first).toHaveLength(5);
        expect(all.map(({ key, version }) => `${key}@${version}`)).toEqual(
          [1, 2, 3, 4].flatMap((version) => keys.map((key) => `${key}@${version}`)),
        );
        expect(await journal.entriesAfter(journal.head(), 5)).toEqual([]);
      });

      it('a page for recovery holds each snapshot and what came after it, in the order asked', async () => {
        await fill('thing/1', 3);
        await fill('thing/2', 2);
        const snapshot = {
          key: 'thing/1',
          version: 2,
          schema: 1,
          state: { n: 2 },
          position: 2,
        } as const;
        await journal.saveSnapshot(snapshot);
        const [second, unknown, first] = await journal.load(['thing/2', 'thing/9', 'thing/1']);
        expect(second).toEqual({
          key: 'thing/2',
          snapshot: undefined,
          entries: await journal.read('thing/2', 0),
        });
        expect(unknown).toEqual({ key: 'thing/9', snapshot: undefined, entries: [] });
        expect(first).toEqual({
          key: 'thing/1',
          snapshot,
          entries: await journal.read('thing/1', 2),
        });
      });
    });

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
        await fill('thing/1', 3);
        expect(await journal.loadSnapshot('thing/1')).toBeUndefined();
        await journal.saveSnapshot(snapshot(1));
        expect(await journal.loadSnapshot('thing/1')).toStrictEqual(snapshot(1));
        await journal.saveSnapshot(snapshot(3));
        await journal.saveSnapshot(snapshot(2));
        expect(await journal.loadSnapshot('thing/1')).toStrictEqual(snapshot(3));
      });

      it('one of the same version with another shape replaces it', async () => {
        await fill('thing/1', 1);
        await journal.saveSnapshot(snapshot(1));
        await journal.saveSnapshot({ ...snapshot(1), schema: 4, state: 'new shape' });
        expect(await journal.loadSnapshot('thing/1')).toMatchObject({
          schema: 4,
          state: 'new shape',
        });
      });

      it('one ahead of its stream is a bug of the caller and is not stored', async () => {
        await fill('thing/1', 1);
        await expect(journal.saveSnapshot(snapshot(2))).rejects.toThrow(
          /thing\/1 at 2 is ahead of its stream at 1/,
        );
        expect(await journal.loadSnapshot('thing/1')).toBeUndefined();
      });

      it('compaction drops what the snapshot covers and nothing else', async () => {
        await fill('thing/1', 5);
        await fill('thing/2', 2);
        await journal.compact('thing/1', 5);
        expect(await journal.read('thing/1', 0)).toHaveLength(5);
        await journal.saveSnapshot(snapshot(3));
        await journal.compact('thing/1', 5);
        expect((await journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([4, 5]);
        const [loaded] = await journal.load(['thing/1']);
        expect(loaded?.snapshot).toStrictEqual(snapshot(3));
        expect(loaded?.entries.map((entry) => entry.version)).toEqual([4, 5]);
        const left = await journal.entriesAfter(0, 100);
        expect(left.map(({ key, version }) => `${key}@${version}`)).toEqual([
          'thing/1@4',
          'thing/1@5',
          'thing/2@1',
          'thing/2@2',
        ]);
      });

      it('a compacted stream keeps its version, epoch, request ids and the head', async () => {
        await journal.append(request('thing/1', 0, { epoch: 4, requestId: 'req-1' }));
        await journal.saveSnapshot(snapshot(1));
        await journal.compact('thing/1', 1);
        const head = journal.head();
        await reopen();
        expect(journal.head()).toBe(head);
        expect(await journal.keys('thing', undefined, 9)).toEqual([{ key: 'thing/1', version: 1 }]);
        expect(await journal.append(request('thing/1', 1, { epoch: 3 }))).toMatchObject({
          reason: 'fenced',
        });
        expect(
          await journal.append(request('thing/1', 1, { epoch: 4, requestId: 'req-1' })),
        ).toEqual({
          ok: false,
          reason: 'duplicate',
          version: 1,
        });
        expect(await journal.append(request('thing/1', 1, { epoch: 4 }))).toMatchObject({
          ok: true,
          version: 2,
        });
        expect(journal.head()).toBeGreaterThan(head);
        expect((await journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([2]);
      });
    });

    describe('subscribe', () => {
      it('every commit is heard in position order, before its append resolves', async () => {
        const heard: JournalEntry[] = [];
        const heardAtReply: boolean[] = [];
        journal.subscribe((entry) => heard.push(entry));
        const pending = Array.from({ length: 50 }, async (_, index) => {
          const result = await journal.append(request(`thing/${index % 7}`, Math.floor(index / 7)));
          heardAtReply.push(result.ok && heard.some((entry) => entry.position === result.position));
        });
        await Promise.all(pending);
        expect(heardAtReply).toEqual(pending.map(() => true));
        expect(heard).toEqual(await journal.entriesAfter(0, 100));
      });

      it('refused appends are not heard, nor anything after leaving', async () => {
        const heard: string[] = [];
        const leave = journal.subscribe((entry) => heard.push(`${entry.key}@${entry.version}`));
        await journal.append(request('thing/1', 0, { requestId: 'req-1' }));
        await journal.append(request('thing/1', 1, { requestId: 'req-1' }));
        await journal.append(request('thing/1', 5));
        leave();
        await journal.append(request('thing/1', 1));
        expect(heard).toEqual(['thing/1@1']);
      });

      it('a listener that fails takes nothing from the others or from the caller', async () => {
        const heard: number[] = [];
        journal.subscribe(() => {
          throw new Error('broken listener');
        });
        journal.subscribe((entry) => heard.push(entry.version));
        expect(await journal.append(request('thing/1', 0))).toMatchObject({ ok: true });
        expect(heard).toEqual([1]);
      });

      it('the head is that of the entry when its listeners hear it', async () => {
        const heads: boolean[] = [];
        journal.subscribe((entry) => heads.push(journal.head() === entry.position));
        await Promise.all([0, 1, 2].map((version) => journal.append(request('thing/1', version))));
        expect(heads).toEqual([true, true, true]);
      });
    });

    describe('epochs', () => {
      it('a counter never repeats, and each name has its own', async () => {
        expect(await journal.nextEpoch('shard-1')).toBe(1);
        expect(await Promise.all([1, 2].map(() => journal.nextEpoch('shard-1')))).toEqual([2, 3]);
        expect(await journal.nextEpoch('shard-2')).toBe(1);
        await reopen();
        expect(await journal.nextEpoch('shard-1')).toBe(4);
        expect(await journal.nextEpoch('shard-2')).toBe(2);
      });
    });

    describe('closing and opening again', () => {
      it('everything acknowledged is found again', async () => {
        await fill('thing/1', 3);
        await journal.append(request('thing/2', 0, { epoch: 8, requestId: 'req-1' }));
        await journal.saveSnapshot({
          key: 'thing/1',
          version: 2,
          schema: 1,
          state: [1, 2],
          position: 2,
        });
        const before = {
          head: journal.head(),
          entries: await journal.entriesAfter(0, 100),
          loaded: await journal.load(['thing/1', 'thing/2']),
        };
        await reopen();
        const after = {
          head: journal.head(),
          entries: await journal.entriesAfter(0, 100),
          loaded: await journal.load(['thing/1', 'thing/2']),
        };
        expect(after).toEqual(before);
        expect(
          await journal.append(request('thing/2', 0, { epoch: 8, requestId: 'req-1' })),
        ).toMatchObject({
          reason: 'duplicate',
        });
        expect(await journal.append(request('thing/2', 1, { epoch: 7 }))).toMatchObject({
          reason: 'fenced',
        });
      });

      it('close finishes what was asked before, and later calls are refused', async () => {
        const pending = [0, 1, 2].map((version) => journal.append(request('thing/1', version)));
        const reading = journal.read('thing/9', 0);
        await journal.close();
        expect(await Promise.all(pending)).toMatchObject([
          { ok: true },
          { ok: true },
          { ok: true },
        ]);
        expect(await reading).toEqual([]);
        const closed = { name: 'JournalFault', code: 'closed', retryable: false };
        await expect(journal.append(request('thing/1', 3))).rejects.toMatchObject(closed);
        await expect(journal.read('thing/1', 0)).rejects.toMatchObject(closed);
        await expect(journal.close()).resolves.toBeUndefined();
      });
    });

    describe('damage', () => {
      it('a damaged entry is found when it is read, and only its stream is affected', async () => {
        await fill('thing/1', 4);
        await fill('thing/2', 2);
        await journal.close();
        await harness.damage('thing/1', 3);
        journal = await harness.open();
        const corrupt = { name: 'JournalFault', code: 'corrupt', retryable: false };
        const names = /thing\/1.*\b3\b/;
        await expect(journal.read('thing/1', 0)).rejects.toMatchObject(corrupt);
        await expect(journal.read('thing/1', 0)).rejects.toThrow(names);
        await expect(journal.load(['thing/2', 'thing/1'])).rejects.toThrow(names);
        await expect(journal.entriesAfter(0, 100)).rejects.toThrow(names);
        expect(await journal.read('thing/2', 0)).toHaveLength(2);
      });
    });

    it('behaves as the model does, whatever is asked in whatever order', async () => {
      const failure = await checkAgainstModel(createHarness, options.modelRuns);
      expect(failure).toBeUndefined();
    });
  });
}
