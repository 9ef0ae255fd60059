// The memory journal under the contract, and the faults that only it can play.
import { describe, expect, it } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { createMemoryDisk } from '#runtime/journal/memory-disk.ts';
import { openMemoryJournal, type MemoryJournalFaults } from '#runtime/journal/memory.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

import { describeJournal } from './journal-contract.ts';
import { request, type JournalHarness } from './journal-harness.ts';

async function createHarness(): Promise<JournalHarness> {
  const disk = createMemoryDisk();
  return {
    open: async () => openMemoryJournal({ env: realEnv(silentLog), disk }),
    damage: async (key, version) => disk.damage(key, version),
    dispose: async () => {},
  };
}

describeJournal('memory', createHarness, { modelRuns: 100 });

describe('memory journal as a simulated disk', () => {
  const open = (seed: number, faults: MemoryJournalFaults = {}) => {
    const env = createVirtualEnv({ seed });
    const member = env.member('first');
    return { env, member, journal: openMemoryJournal({ env: member.env, faults }) };
  };

  it('commits take virtual time, and appends that wait are committed together', async () => {
    const { env, journal } = open(1, { minLatencyMs: 4, maxLatencyMs: 4 });
    const doneAtMs: number[] = [];
    for (let version = 0; version < 5; version += 1) {
      void journal
        .append(request('thing/1', version))
        .then(() => doneAtMs.push(env.clock.monotonic()));
    }
    await env.runUntilIdle();
    expect(doneAtMs).toEqual([4, 8, 8, 8, 8]);
  });

  it('a crash keeps what was acknowledged and some prefix of the rest, and answers nobody', async () => {
    const kept = new Set<number>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const { env, member, journal } = open(seed, { minLatencyMs: 1, maxLatencyMs: 5 });
      await env.complete(journal.append(request('thing/1', 0)), 'the first append');
      const answers: unknown[] = [];
      for (let version = 1; version <= 4; version += 1) {
        void journal.append(request('thing/1', version)).then((result) => answers.push(result));
      }
      member.kill();
      journal.crash();
      const again = openMemoryJournal({ env, disk: journal.disk });
      const entries = await env.complete(again.read('thing/1', 0), 'the read');
      expect(answers).toEqual([]);
      expect(entries.map((entry) => entry.version)).toEqual(entries.map((_, index) => index + 1));
      kept.add(entries.length);
    }
    expect([...kept].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  it('equal seeds give equal crashes', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const { env, journal } = open(seed, { minLatencyMs: 1, maxLatencyMs: 9 });
      for (let version = 0; version < 20; version += 1)
        void journal.append(request('thing/1', version));
      await env.advance(5);
      journal.crash();
      return { entries: journal.disk.read('thing/1', 0), hash: env.traceHash() };
    };
    expect(await run(5)).toEqual(await run(5));
  });

  it('an unavailable disk refuses all, a full one refuses writes; both store nothing', async () => {
    const { env, journal } = open(1, { isUnavailable: true });
    const fault = async (pending: Promise<unknown>): Promise<unknown> =>
      env.complete(
        pending.then(
          () => 'done',
          (error: unknown) => error,
        ),
        'an outcome',
      );
    const away = { code: 'unavailable', retryable: true };
    expect(await fault(journal.append(request('thing/1', 0)))).toMatchObject(away);
    expect(await fault(journal.read('thing/1', 0))).toMatchObject(away);
    journal.setFaults({ isFull: true });
    expect(await fault(journal.append(request('thing/1', 0)))).toMatchObject({
      code: 'full',
      retryable: true,
    });
    expect(await fault(journal.read('thing/1', 0))).toBe('done');
    journal.setFaults({});
    expect(await fault(journal.append(request('thing/1', 0)))).toBe('done');
    expect(journal.disk.read('thing/1', 0)).toHaveLength(1);
  });

  it('a lost reply leaves the append done and heard, a lost write leaves nothing', async () => {
    const { env, journal } = open(1, { lostReplyChance: 1 });
    const heard: number[] = [];
    journal.subscribe((entry) => heard.push(entry.version));
    const lost = journal.append(request('thing/1', 0, { requestId: 'req-1' }));
    await expect(env.complete(lost, 'the lost reply')).rejects.toMatchObject({
      code: 'unavailable',
    });
    journal.setFaults({ lostWriteChance: 1 });
    const unwritten = journal.append(request('thing/1', 1));
    await expect(env.complete(unwritten, 'the lost write')).rejects.toMatchObject({
      code: 'unavailable',
    });
    journal.setFaults({});
    const repeat = journal.append(request('thing/1', 0, { requestId: 'req-1' }));
    expect(await env.complete(repeat, 'the repeat')).toEqual({
      ok: false,
      reason: 'duplicate',
      version: 1,
    });
    expect(heard).toEqual([1]);
  });

  it('a late write is done after its caller was told that it was not, unless something else was written first', async () => {
    const { env, journal } = open(1, { lateWriteChance: 1 });
    const late = [request('thing/1', 0), request('thing/2', 0)].map((one) => journal.append(one));
    for (const one of late)
      await expect(env.complete(one, 'the late write')).rejects.toMatchObject({
        code: 'unavailable',
      });
    expect(journal.disk.head()).toBe(0);
    journal.setFaults({});
    const sooner = request('thing/2', 0, { requestId: 'sooner' });
    expect(await env.complete(journal.append(sooner), 'an append')).toMatchObject({ ok: true });
    await env.advance(5_000);
    expect(journal.disk.read('thing/1', 0)).toHaveLength(1);
    expect(journal.disk.read('thing/2', 0).map((entry) => entry.requestId)).toEqual(['sooner']);
  });

  it('request ids are forgotten after a day, not before', async () => {
    const { env, journal } = open(1);
    const append = (version: number, requestId: string) =>
      env.complete(journal.append(request('thing/1', version, { requestId })), 'an append');
    await append(0, 'req-1');
    await env.advance(24 * 3_600_000 - 1);
    expect(await append(1, 'req-1')).toMatchObject({ reason: 'duplicate' });
    await append(1, 'req-2');
    await env.advance(1);
    await append(2, 'req-3');
    expect(await append(3, 'req-1')).toMatchObject({ ok: true });
    expect(await append(4, 'req-2')).toMatchObject({ reason: 'duplicate' });
  });

  it('what listeners hear cannot be changed', async () => {
    const { env, journal } = open(1);
    const heard: object[] = [];
    journal.subscribe((entry) => heard.push(entry, entry.events, entry.events[0]?.data as object));
    await env.complete(journal.append(request('thing/1', 0)), 'the append');
    expect(heard.map((part) => Object.isFrozen(part))).toEqual([true, true, true]);
  });
});
