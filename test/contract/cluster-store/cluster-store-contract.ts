// What every ClusterStore promises (src/runtime/membership/store.ts), with two members that look at one table, and the
// journal of the same store, whose epochs the shards' are.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Journal } from '#runtime/journal/port.ts';
import {
  type ClusterStore,
  fenceOf,
  type MemberRecord,
  type Presence,
} from '#runtime/membership/store.ts';

export interface ClusterStoreHarness {
  /** Each call is another member's view of the same table. */
  open(): Promise<ClusterStore>;
  openJournal(): Promise<Journal>;
  dispose(): Promise<void>;
}

const shardCount = 8;

export function describeClusterStore(
  name: string,
  createHarness: () => Promise<ClusterStoreHarness>,
): void {
  describe(`cluster store: ${name}`, () => {
    const scene = {} as { harness: ClusterStoreHarness; store: ClusterStore; other: ClusterStore };
    beforeEach(async () => {
      scene.harness = await createHarness();
      scene.store = await scene.harness.open();
      scene.other = await scene.harness.open();
    });
    afterEach(() => scene.harness.dispose());
    describeMembers(scene);
    describeShards(scene);
    describeTokens(scene);
  });
}

interface Scene {
  readonly harness: ClusterStoreHarness;
  readonly store: ClusterStore;
  readonly other: ClusterStore;
}

function member(id: string, rest: Partial<MemberRecord> = {}): Omit<MemberRecord, 'isRevoked'> {
  return {
    id,
    role: 'controller',
    name: `host of ${id}`,
    addresses: [`/ip4/10.0.0.1/tcp/1/${id}`],
    apiUrl: 'http://10.0.0.1:8774',
    admittedAtMs: 1_000,
    ...rest,
  };
}

function presence(id: string, rest: Partial<Presence> = {}): Presence {
  const about = { incarnation: 1, beat: 1, isLeaving: false, generation: 0, suspects: [] };
  return { member: id, ...about, ...rest };
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : 1;

function describeMembers(scene: Scene): void {
  describe('members', () => {
    it('a new table is empty', async () => {
      expect(await scene.store.table()).toEqual({
        members: [],
        presences: [],
        shards: [],
        generation: 0,
      });
    });

    it('who is admitted is seen by all, whole, and may change what is known of it', async () => {
      const worker = member('b', { role: 'compute', apiUrl: undefined, addresses: [] });
      await scene.store.admit(member('a'));
      await scene.store.admit(worker);
      await scene.other.admit(member('a', { name: 'Grüße, 世界 "quoted"' }));
      const { members } = await scene.other.table();
      expect([...members].sort(byId)).toEqual([
        { ...member('a', { name: 'Grüße, 世界 "quoted"' }), isRevoked: false },
        { ...worker, isRevoked: false },
      ]);
    });

    it('a sign of life is answered with the table, and replaces the one before', async () => {
      await scene.store.admit(member('a'));
      await scene.store.beat(presence('a', { beat: 1 }));
      const later = presence('a', {
        beat: 2,
        isLeaving: true,
        generation: 3,
        suspects: ['b', 'c'],
      });
      const answer = await scene.store.beat(later);
      expect(answer).toEqual({ ok: true, table: await scene.other.table() });
      expect((await scene.other.table()).presences).toEqual([later]);
    });

    it('who was never admitted leaves no sign of life', async () => {
      expect(await scene.store.beat(presence('a'))).toEqual({ ok: false, reason: 'unknown' });
      expect((await scene.store.table()).presences).toEqual([]);
    });

    it('each start has a higher incarnation, and an older start is told so', async () => {
      await scene.store.admit(member('a'));
      const first = await scene.store.nextIncarnation('a');
      expect(await scene.store.beat(presence('a', { incarnation: first }))).toMatchObject({
        ok: true,
      });
      const second = await scene.other.nextIncarnation('a');
      expect(second).toBeGreaterThan(first);
      expect(await scene.store.beat(presence('a', { incarnation: first, beat: 9 }))).toEqual({
        ok: false,
        reason: 'superseded',
      });
      expect(await scene.other.beat(presence('a', { incarnation: second }))).toMatchObject({
        ok: true,
      });
      expect((await scene.store.table()).presences).toMatchObject([
        { incarnation: second, beat: 1 },
      ]);
      expect(await scene.store.nextIncarnation('b')).toBe(1);
    });

    it('a removed member is forgotten, and may be admitted again under a higher incarnation', async () => {
      await scene.store.admit(member('a'));
      const first = await scene.store.nextIncarnation('a');
      await scene.store.beat(presence('a', { incarnation: first }));
      await scene.other.remove('a');
      expect(await scene.store.table()).toMatchObject({ members: [], presences: [] });
      expect(await scene.store.beat(presence('a', { incarnation: first }))).toMatchObject({
        reason: 'unknown',
      });
      await scene.store.admit(member('a'));
      expect(await scene.store.nextIncarnation('a')).toBeGreaterThan(first);
    });

    it('a revoked id stays revoked, whatever is tried', async () => {
      await scene.store.admit(member('a'));
      await scene.store.beat(presence('a'));
      await scene.other.revoke('a');
      expect(await scene.store.table()).toMatchObject({
        members: [{ id: 'a', isRevoked: true }],
        presences: [],
      });
      const revoked = { ok: false, reason: 'revoked' };
      expect(await scene.store.beat(presence('a'))).toEqual(revoked);
      await scene.store.admit(member('a', { name: 'new name' }));
      expect(await scene.store.beat(presence('a'))).toEqual(revoked);
      await scene.store.remove('a');
      await scene.store.admit(member('a'));
      expect(await scene.store.beat(presence('a'))).toEqual(revoked);
    });

    it('revoking or removing somebody unknown changes nothing', async () => {
      await scene.store.revoke('a');
      await scene.store.remove('b');
      expect((await scene.store.table()).members).toEqual([]);
      await scene.store.admit(member('a'));
      expect(await scene.store.beat(presence('a'))).toMatchObject({ ok: true });
    });
  });
}

function describeShards(scene: Scene): void {
  describe('shards', () => {
    const claim = (shard: number, expectedEpoch: number, owner: string) => ({
      shard,
      expectedEpoch,
      owner,
      incarnation: 1,
    });

    it('the first number of shards is the one that counts', async () => {
      expect(await scene.store.initialise(shardCount)).toBe(shardCount);
      expect(await scene.other.initialise(16)).toBe(shardCount);
      expect((await scene.other.table()).shards).toEqual(
        Array.from({ length: shardCount }, (_, shard) => ({
          shard,
          owner: undefined,
          incarnation: 0,
          epoch: 0,
        })),
      );
    });

    it('a claim under the expected epoch takes the shard, under another one it does not', async () => {
      await scene.store.initialise(shardCount);
      const [taken] = await scene.store.claimShards([claim(3, 0, 'a')]);
      expect(taken).toMatchObject({ shard: 3, owner: 'a', incarnation: 1 });
      expect(taken!.epoch).toBeGreaterThan(0);
      const rows = await scene.other.claimShards([claim(3, 0, 'b'), claim(4, 0, 'b')]);
      expect(rows).toMatchObject([taken!, { shard: 4, owner: 'b' }]);
      const [again] = await scene.other.claimShards([claim(3, taken!.epoch, 'b')]);
      expect(again).toMatchObject({ shard: 3, owner: 'b' });
      expect(again!.epoch).toBeGreaterThan(taken!.epoch);
      const { shards } = await scene.store.table();
      expect(shards.slice(2, 5)).toMatchObject([{ epoch: 0 }, again!, rows[1]!]);
    });

    it('of two who claim at once one takes it, and both hear who', async () => {
      await scene.store.initialise(shardCount);
      const [[a], [b]] = await Promise.all([
        scene.store.claimShards([claim(0, 0, 'a')]),
        scene.other.claimShards([claim(0, 0, 'b')]),
      ]);
      expect(a).toEqual(b);
      expect((await scene.store.table()).shards[0]).toEqual(a);
    });

    it('a claim twice in one call takes it once', async () => {
      await scene.store.initialise(shardCount);
      const [first, second] = await scene.store.claimShards([claim(0, 0, 'a'), claim(0, 0, 'b')]);
      expect(first).toMatchObject({ owner: 'a' });
      expect(second).toEqual(first);
    });

    it('no claims are answered with no rows, and a shard that is not there is a bug', async () => {
      await scene.store.initialise(shardCount);
      expect(await scene.store.claimShards([])).toEqual([]);
      await expect(scene.store.claimShards([claim(shardCount, 0, 'a')])).rejects.toThrow(
        /no shard 8/,
      );
    });

    it('a claim fences the appends of the owner before, at once and on every stream', async () => {
      await scene.store.initialise(shardCount);
      const journal = await scene.harness.openJournal();
      const append = (id: number, epoch: number) =>
        journal.append({
          key: `thing/${id}`,
          expectedVersion: 0,
          epoch,
          fence: fenceOf(5),
          requestId: undefined,
          events: [{ type: 'thing.made', version: 1, data: {} }],
          atMs: 0,
        });
      const [first] = await scene.store.claimShards([claim(5, 0, 'a')]);
      expect(await append(1, first!.epoch)).toMatchObject({ ok: true });
      const [second] = await scene.other.claimShards([claim(5, first!.epoch, 'b')]);
      expect(await append(2, first!.epoch)).toEqual({
        ok: false,
        reason: 'fenced',
        epoch: second!.epoch,
      });
      expect(await append(2, second!.epoch)).toMatchObject({ ok: true });
      expect(await journal.nextEpoch(fenceOf(5))).toBeGreaterThan(second!.epoch);
      await journal.close();
    });

    it('the table is the same for all, and outlives those who wrote it', async () => {
      await scene.store.initialise(shardCount);
      await scene.store.admit(member('a'));
      await scene.store.claimShards([claim(1, 0, 'a')]);
      const later = await scene.harness.open();
      expect(await later.table()).toEqual(await scene.store.table());
    });
  });
}

function describeTokens(scene: Scene): void {
  describe('join tokens', () => {
    it('a token is good once, for the role that it was made for', async () => {
      await scene.store.saveToken({ hash: 'aa', role: 'compute', expiresAtMs: 10_000_000_000_000 });
      expect(await scene.other.useToken('aa', 1_000)).toEqual({ ok: true, role: 'compute' });
      expect(await scene.store.useToken('aa', 1_000)).toEqual({ ok: false, reason: 'used' });
    });

    it('of many who use it at once one hears ok', async () => {
      await scene.store.saveToken({
        hash: 'aa',
        role: 'controller',
        expiresAtMs: 10_000_000_000_000,
      });
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? scene.store : scene.other).useToken('aa', 1_000),
        ),
      );
      expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    });

    it('an expired token and one that nobody made are refused, each with its reason', async () => {
      const nowMs = Date.UTC(2040, 0, 1);
      await scene.store.saveToken({ hash: 'aa', role: 'compute', expiresAtMs: nowMs });
      expect(await scene.store.useToken('aa', nowMs)).toEqual({ ok: false, reason: 'expired' });
      expect(await scene.store.useToken('bb', nowMs)).toEqual({ ok: false, reason: 'unknown' });
      expect(await scene.store.useToken('aa', nowMs - 1)).toEqual({ ok: true, role: 'compute' });
    });
  });
}
