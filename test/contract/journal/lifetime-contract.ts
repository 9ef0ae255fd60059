// What every adapter tells its listeners, keeps over a close, and finds damaged.
import { describe, expect, it } from 'vitest';

import type { JournalEntry } from '#runtime/journal/port.ts';

import { request, type Subject } from './journal-harness.ts';

export function describeSubscriptions(subject: Subject): void {
  describe('subscribe', () => {
    it('every commit is heard in position order, before its append resolves', async () => {
      const heard: JournalEntry[] = [];
      const heardAtReply: boolean[] = [];
      subject.journal.subscribe((entry) => heard.push(entry));
      const pending = Array.from({ length: 50 }, async (_, index) => {
        const result = await subject.journal.append(
          request(`thing/${index % 7}`, Math.floor(index / 7)),
        );
        heardAtReply.push(result.ok && heard.some((entry) => entry.position === result.position));
      });
      await Promise.all(pending);
      expect(heardAtReply).toEqual(pending.map(() => true));
      expect(heard).toEqual(await subject.journal.entriesAfter(0, 100));
    });

    it('refused appends are not heard, nor anything after leaving', async () => {
      const heard: string[] = [];
      const leave = subject.journal.subscribe((entry) =>
        heard.push(`${entry.key}@${entry.version}`),
      );
      await subject.journal.append(request('thing/1', 0, { requestId: 'req-1' }));
      await subject.journal.append(request('thing/1', 1, { requestId: 'req-1' }));
      await subject.journal.append(request('thing/1', 5));
      leave();
      await subject.journal.append(request('thing/1', 1));
      expect(heard).toEqual(['thing/1@1']);
    });

    it('a listener that fails takes nothing from the others or from the caller', async () => {
      const heard: number[] = [];
      subject.journal.subscribe(() => {
        throw new Error('broken listener');
      });
      subject.journal.subscribe((entry) => heard.push(entry.version));
      expect(await subject.journal.append(request('thing/1', 0))).toMatchObject({ ok: true });
      expect(heard).toEqual([1]);
    });

    it('the head is that of the entry when its listeners hear it', async () => {
      const heads: boolean[] = [];
      subject.journal.subscribe((entry) => heads.push(subject.journal.head() === entry.position));
      await Promise.all(
        [0, 1, 2].map((version) => subject.journal.append(request('thing/1', version))),
      );
      expect(heads).toEqual([true, true, true]);
    });
  });
}

export function describeLatest(subject: Subject): void {
  describe('latest', () => {
    it('is never below an acknowledged append, and what it names has been heard', async () => {
      expect(await subject.journal.latest()).toBe(0);
      await subject.fill('thing/1', 3);
      expect(await subject.journal.latest()).toBe(subject.journal.head());
      const result = await subject.journal.append(request('thing/2', 0));
      const { journal } = subject;
      const all = await Promise.all([journal.latest(), journal.latest(), journal.latest()]);
      expect(all).toEqual([1, 2, 3].map(() => (result.ok ? result.position : 'refused')));
    });

    it('refused appends do not move it, compaction does not take it back', async () => {
      await subject.fill('thing/1', 2);
      const before = await subject.journal.latest();
      await subject.journal.append(request('thing/1', 0));
      await subject.journal.saveSnapshot({
        key: 'thing/1',
        version: 2,
        schema: 1,
        state: null,
        position: before,
      });
      await subject.journal.compact('thing/1', 2);
      expect(await subject.journal.latest()).toBe(before);
      await subject.reopen();
      expect(await subject.journal.latest()).toBe(before);
      expect(subject.journal.head()).toBe(before);
    });

    it('a closed journal has none', async () => {
      await subject.journal.close();
      await expect(subject.journal.latest()).rejects.toMatchObject({ code: 'closed' });
    });
  });
}

export function describeLifetime(subject: Subject): void {
  describe('epochs', () => {
    it('a counter never repeats, and each name has its own', async () => {
      expect(await subject.journal.nextEpoch('shard-1')).toBe(1);
      expect(await Promise.all([1, 2].map(() => subject.journal.nextEpoch('shard-1')))).toEqual([
        2, 3,
      ]);
      expect(await subject.journal.nextEpoch('shard-2')).toBe(1);
      await subject.reopen();
      expect(await subject.journal.nextEpoch('shard-1')).toBe(4);
      expect(await subject.journal.nextEpoch('shard-2')).toBe(2);
    });
  });

  describe('closing and opening again', () => {
    it('everything acknowledged is found again', async () => {
      await subject.fill('thing/1', 3);
      await subject.journal.append(request('thing/2', 0, { epoch: 8, requestId: 'req-1' }));
      await subject.journal.saveSnapshot({
        key: 'thing/1',
        version: 2,
        schema: 1,
        state: [1, 2],
        position: 2,
      });
      const before = {
        head: subject.journal.head(),
        entries: await subject.journal.entriesAfter(0, 100),
        loaded: await subject.journal.load(['thing/1', 'thing/2']),
      };
      await subject.reopen();
      const after = {
        head: subject.journal.head(),
        entries: await subject.journal.entriesAfter(0, 100),
        loaded: await subject.journal.load(['thing/1', 'thing/2']),
      };
      expect(after).toEqual(before);
      expect(
        await subject.journal.append(request('thing/2', 0, { epoch: 8, requestId: 'req-1' })),
      ).toMatchObject({
        reason: 'duplicate',
      });
      expect(await subject.journal.append(request('thing/2', 1, { epoch: 7 }))).toMatchObject({
        reason: 'fenced',
      });
    });

    it('close finishes what was asked before, and later calls are refused', async () => {
      const pending = [0, 1, 2].map((version) =>
        subject.journal.append(request('thing/1', version)),
      );
      const reading = subject.journal.read('thing/9', 0);
      await subject.journal.close();
      expect(await Promise.all(pending)).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
      expect(await reading).toEqual([]);
      const closed = { name: 'JournalFault', code: 'closed', retryable: false };
      await expect(subject.journal.append(request('thing/1', 3))).rejects.toMatchObject(closed);
      await expect(subject.journal.read('thing/1', 0)).rejects.toMatchObject(closed);
      await expect(subject.journal.close()).resolves.toBeUndefined();
    });
  });

  describe('damage', () => {
    it('a damaged entry is found when it is read, and only its stream is affected', async () => {
      await subject.fill('thing/1', 4);
      await subject.fill('thing/2', 2);
      await subject.journal.close();
      await subject.harness.damage('thing/1', 3);
      subject.journal = await subject.harness.open();
      const corrupt = { name: 'JournalFault', code: 'corrupt', retryable: false };
      const names = /thing\/1.*\b3\b/;
      await expect(subject.journal.read('thing/1', 0)).rejects.toMatchObject(corrupt);
      await expect(subject.journal.read('thing/1', 0)).rejects.toThrow(names);
      await expect(subject.journal.load(['thing/2', 'thing/1'])).rejects.toThrow(names);
      await expect(subject.journal.entriesAfter(0, 100)).rejects.toThrow(names);
      expect(await subject.journal.read('thing/2', 0)).toHaveLength(2);
    });
  });
}
