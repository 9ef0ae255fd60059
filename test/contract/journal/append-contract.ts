// What an append promises on every adapter: its checks, their order, what is stored and what is refused.
import { describe, expect, it } from 'vitest';

import type { EntityKey } from '#runtime/journal/port.ts';

import { event, request, type Subject } from './journal-harness.ts';

export function describeAppends(subject: Subject): void {
  describe('append', () => {
    it('stores what it was given and says where', async () => {
      const events = [event({ name: 'a' }, 'thing.named'), event({ size: 2 }, 'thing.sized')];
      const asked = request('thing/1', 0, { epoch: 7, requestId: 'req-1', events, atMs: 42 });
      const result = await subject.journal.append(asked);
      const position = subject.journal.head();
      expect(result).toEqual({ ok: true, version: 2, position });
      expect(await subject.journal.read('thing/1', 0)).toEqual([
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
      await subject.journal.append(request('thing/1', 0, { events }));
      const [entry] = await subject.journal.read('thing/1', 0);
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
      await expect(subject.journal.append(request('thing/1', 0, { events }))).rejects.toThrow(
        `the journal stores plain JSON values, and 'size' holds ${kind}`,
      );
      expect(await subject.journal.read('thing/1', 0)).toEqual([]);
      await expect(
        subject.journal.saveSnapshot({
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
      const pending = subject.journal.append(request('thing/1', 0, { events }));
      data.list.push(2);
      events.push(event('more'));
      await pending;
      const [entry] = await subject.journal.read('thing/1', 0);
      expect(entry?.events).toEqual([event({ list: [1] })]);
    });

    it('another expected version is a conflict and stores nothing', async () => {
      await subject.fill('thing/1', 2);
      const conflict = { ok: false, reason: 'conflict', version: 2 };
      expect(await subject.journal.append(request('thing/1', 1))).toEqual(conflict);
      expect(await subject.journal.append(request('thing/1', 3))).toEqual(conflict);
      expect(await subject.journal.append(request('thing/2', 1))).toEqual({
        ...conflict,
        version: 0,
      });
      expect((await subject.journal.read('thing/1', 0)).map((entry) => entry.version)).toEqual([
        1, 2,
      ]);
      expect(await subject.journal.read('thing/2', 0)).toEqual([]);
    });

    it('a stale owner’s append is fenced', async () => {
      expect(await subject.journal.append(request('thing/1', 0, { epoch: 5 }))).toMatchObject({
        ok: true,
      });
      expect(await subject.journal.append(request('thing/1', 1, { epoch: 4 }))).toEqual({
        ok: false,
        reason: 'fenced',
        epoch: 5,
      });
      expect(await subject.journal.append(request('thing/1', 1, { epoch: 5 }))).toMatchObject({
        ok: true,
      });
      expect(await subject.journal.append(request('thing/2', 0, { epoch: 4 }))).toMatchObject({
        ok: true,
      });
    });

    it('a higher number taken from the counter fences even a stream that it has not touched', async () => {
      const first = await subject.journal.nextEpoch('shard/1');
      const old = { epoch: first, fence: 'shard/1' };
      expect(await subject.journal.append(request('thing/1', 0, old))).toMatchObject({ ok: true });
      const second = await subject.journal.nextEpoch('shard/1');
      const fenced = { ok: false, reason: 'fenced', epoch: second };
      expect(await subject.journal.append(request('thing/1', 1, old))).toEqual(fenced);
      expect(await subject.journal.append(request('thing/2', 0, old))).toEqual(fenced);
      expect(await subject.journal.read('thing/2', 0)).toEqual([]);
      const now = { epoch: second, fence: 'shard/1' };
      expect(await subject.journal.append(request('thing/2', 0, now))).toMatchObject({ ok: true });
    });

    it('a counter fences only the appends that name it', async () => {
      await subject.journal.nextEpoch('shard/1');
      await subject.journal.nextEpoch('shard/1');
      const taken = await subject.journal.nextEpoch('shard/2');
      const append = (version: number, fence: string | undefined) =>
        subject.journal.append(
          request(
            'thing/1',
            version,
            fence === undefined ? { epoch: taken } : { epoch: taken, fence },
          ),
        );
      expect(await append(0, 'shard/2')).toMatchObject({ ok: true });
      expect(await append(1, undefined)).toMatchObject({ ok: true });
      expect(await append(2, 'shard/3')).toMatchObject({ ok: true });
      expect(await append(3, 'shard/1')).toMatchObject({ reason: 'fenced' });
    });

    it('the counter’s fence comes before duplicate and conflict', async () => {
      const epoch = await subject.journal.nextEpoch('shard/1');
      const named = { epoch, fence: 'shard/1', requestId: 'req-1' };
      await subject.journal.append(request('thing/1', 0, named));
      await subject.journal.nextEpoch('shard/1');
      for (const version of [0, 1, 9]) {
        expect(await subject.journal.append(request('thing/1', version, named))).toMatchObject({
          reason: 'fenced',
        });
      }
    });

    it('an append asked before the counter is raised is not fenced by it', async () => {
      const epoch = await subject.journal.nextEpoch('shard/1');
      const before = subject.journal.append(request('thing/1', 0, { epoch, fence: 'shard/1' }));
      const raised = subject.journal.nextEpoch('shard/1');
      const after = subject.journal.append(request('thing/1', 1, { epoch, fence: 'shard/1' }));
      expect(await before).toMatchObject({ ok: true });
      expect(await after).toMatchObject({ reason: 'fenced', epoch: await raised });
    });

    it('a refused append does not raise the epoch', async () => {
      await subject.fill('thing/1', 1);
      expect(await subject.journal.append(request('thing/1', 9, { epoch: 9 }))).toMatchObject({
        ok: false,
      });
      expect(await subject.journal.append(request('thing/1', 1, { epoch: 1 }))).toMatchObject({
        ok: true,
      });
    });

    it('a repeated request id is a duplicate with the version of its first append', async () => {
      await subject.journal.append(request('thing/1', 0, { requestId: 'req-1' }));
      await subject.journal.append(request('thing/1', 1, { requestId: 'req-2' }));
      const duplicate = { ok: false, reason: 'duplicate', version: 1 };
      expect(await subject.journal.append(request('thing/1', 0, { requestId: 'req-1' }))).toEqual(
        duplicate,
      );
      expect(await subject.journal.append(request('thing/1', 2, { requestId: 'req-1' }))).toEqual(
        duplicate,
      );
      expect(subject.journal.head()).toBe((await subject.journal.read('thing/1', 1))[0]?.position);
    });

    it('request ids count per stream, and appends without one never repeat', async () => {
      await subject.journal.append(request('thing/1', 0, { requestId: 'req-1' }));
      expect(
        await subject.journal.append(request('thing/2', 0, { requestId: 'req-1' })),
      ).toMatchObject({
        ok: true,
      });
      expect(await subject.journal.append(request('thing/2', 1))).toMatchObject({ ok: true });
      expect(await subject.journal.append(request('thing/2', 2))).toMatchObject({ ok: true });
    });

    it('fenced comes before duplicate, and duplicate before conflict', async () => {
      await subject.journal.append(request('thing/1', 0, { epoch: 2, requestId: 'req-1' }));
      const repeat = request('thing/1', 0, { epoch: 2, requestId: 'req-1' });
      expect(await subject.journal.append({ ...repeat, epoch: 1 })).toMatchObject({
        reason: 'fenced',
      });
      expect(await subject.journal.append(repeat)).toMatchObject({ reason: 'duplicate' });
      expect(await subject.journal.append({ ...repeat, requestId: 'req-2' })).toMatchObject({
        reason: 'conflict',
      });
    });

    it('appends to one key take effect in the order of the calls, without waiting in between', async () => {
      const keys: EntityKey[] = ['thing/1', 'thing/2', 'thing/3'];
      const pending = Array.from({ length: 300 }, (_, index) =>
        subject.journal.append(request(keys[index % 3]!, Math.floor(index / 3))),
      );
      const results = await Promise.all(pending);
      const head = subject.journal.head();
      expect(results).toEqual(
        results.map((_, index) => ({
          ok: true,
          version: Math.floor(index / 3) + 1,
          position: head - 299 + index,
        })),
      );
    });

    it('no events, or a key without kind or id, is a bug of the caller', async () => {
      await expect(subject.journal.append(request('thing/1', 0, { events: [] }))).rejects.toThrow(
        /needs an event/,
      );
      for (const key of ['thing/', '/1', 'thing']) {
        await expect(subject.journal.append(request(key as EntityKey, 0))).rejects.toThrow(
          /kind\/id/,
        );
      }
      expect(subject.journal.head()).toBe(0);
    });
  });
}
