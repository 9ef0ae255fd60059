// Who lives, by whose clock, and when a member stops counting on itself.
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryDisk } from '#runtime/journal/memory-disk.ts';
import { BEAT_MS, LEASE_MS, Membership } from '#runtime/membership/membership.ts';
import { openMemoryClusterStore } from '#runtime/membership/memory-store.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

let env: VirtualEnv;
let disk: ReturnType<typeof createMemoryDisk>;
/** Pairs without a link, as `from>to`. */
let cut: Set<string>;
beforeEach(() => {
  env = createVirtualEnv({ seed: 3 });
  disk = createMemoryDisk();
  cut = new Set();
});

async function member(id: string, generation = () => 0) {
  const process = env.member(id);
  const store = openMemoryClusterStore(disk, process.env);
  const record = { role: 'controller', name: id, addresses: [], apiUrl: undefined } as const;
  await env.complete(store.admit({ id, ...record, admittedAtMs: 0 }), 'the admission');
  const incarnation = await env.complete(store.nextIncarnation(id), 'the incarnation');
  const expelled: string[] = [];
  const membership = new Membership({
    env: process.env,
    store,
    self: id,
    incarnation,
    generation,
    isConnected: (other) => !cut.has(`${id}>${other}`),
    onExpelled: (reason) => void expelled.push(reason),
  });
  await env.complete(membership.start(), `${id} to start`);
  return { id, membership, store, process, expelled };
}

/** How long after `from` an observer takes another one for dead. */
async function deathAfter(observer: Membership, id: string, incarnation = 1): Promise<number> {
  const from = env.clock.monotonic();
  await env.runUntil(() => !observer.isAlive(id, incarnation), `the death of ${id}`, 10_000);
  return env.clock.monotonic() - from;
}

describe('a membership', () => {
  it('counts those that beat, and itself unless it leaves', async () => {
    const [a, b] = [await member('a'), await member('b')];
    await env.advance(BEAT_MS * 2);
    expect(a.membership.stayingControllers()).toEqual(['a', 'b']);
    await env.complete(b.membership.leave(), 'the leave');
    await env.advance(BEAT_MS * 2);
    expect([a, b].map(({ membership }) => membership.stayingControllers())).toEqual([['a'], ['a']]);
    expect(a.membership.isAlive('b', 1)).toBe(true);
  });

  it('takes one that is silent for dead after a lease', async () => {
    const [a, b] = [await member('a'), await member('b')];
    await env.advance(BEAT_MS * 2);
    b.process.kill();
    const took = await deathAfter(a.membership, 'b');
    expect(took).toBeGreaterThan(LEASE_MS - BEAT_MS);
    expect(took).toBeLessThanOrEqual(LEASE_MS + BEAT_MS);
  });

  it('takes one that nobody reaches for dead sooner, but not while somebody does', async () => {
    const [a, b] = [await member('a'), await member('b')];
    const c = await member('c');
    await env.advance(BEAT_MS * 2);
    b.process.kill();
    cut.add('a>b');
    await env.advance(2_000);
    expect(a.membership.isAlive('b', 1)).toBe(true);
    cut.add('c>b');
    await env.advance(BEAT_MS * 2);
    expect([a, c].map(({ membership }) => membership.isAlive('b', 1))).toEqual([false, false]);
  });

  it('does not take one for dead that it can not reach while it beats', async () => {
    const [a] = [await member('a'), await member('b')];
    cut.add('a>b');
    await env.advance(20_000);
    expect(a.membership.isAlive('b', 1)).toBe(true);
  });

  it('takes the earlier start of a member for dead as soon as a new one beats', async () => {
    const [a, b] = [await member('a'), await member('b')];
    await env.advance(BEAT_MS * 2);
    b.process.kill();
    await member('b');
    await env.advance(BEAT_MS);
    expect([1, 2].map((start) => a.membership.isAlive('b', start))).toEqual([false, true]);
  });

  it('stops counting on itself when its own beats do not get through, before others take over', async () => {
    const [a, b] = [await member('a'), await member('b')];
    await env.advance(BEAT_MS * 2);
    b.store.setFaults({ isUnavailable: true });
    const from = env.clock.monotonic();
    while (b.membership.hasLease) await env.advance(10);
    expect(env.clock.monotonic() - from).toBeLessThanOrEqual(LEASE_MS + 10);
    expect(a.membership.isAlive('b', 1)).toBe(true);
    expect(b.membership.isStoreAway).toBe(true);
    b.store.setFaults({});
    await env.advance(BEAT_MS * 2);
    expect([b.membership.hasLease, b.membership.isStoreAway]).toEqual([true, false]);
  });

  it('is not moved by a step of the wall clock', async () => {
    const [a] = [await member('a'), await member('b')];
    await env.advance(BEAT_MS * 2);
    env.stepWallClock(3_600_000);
    await env.advance(BEAT_MS);
    env.stepWallClock(-7_200_000);
    await env.advance(BEAT_MS);
    expect([a.membership.isAlive('b', 1), a.membership.hasLease]).toEqual([true, true]);
  });

  it('hears that a newer start of it is there, or that it was revoked or removed', async () => {
    const a = await member('a');
    await member('a');
    await env.advance(BEAT_MS);
    expect(a.expelled[0]).toBe('superseded');
    const [b, c] = [await member('b'), await member('c')];
    await env.complete(c.store.revoke('b'), 'the revocation');
    await env.complete(c.store.remove('c'), 'the removal');
    await env.advance(BEAT_MS * 2);
    expect([b.expelled[0], c.expelled[0]]).toEqual(['revoked', 'unknown']);
  });

  it('takes the store for whole when all have come back to it, or after a lease', async () => {
    let known = 0;
    const a = await member('a', () => known);
    const b = await member('b');
    await env.advance(BEAT_MS * 2);
    expect(a.membership.isStoreWhole).toBe(true);
    disk.giveBack(0, []);
    disk.rollBack(0);
    disk.giveBack(0, []);
    await env.advance(BEAT_MS * 2);
    expect([a.membership.table.generation, a.membership.isStoreWhole]).toEqual([1, false]);
    known = 1;
    await env.advance(BEAT_MS * 2);
    expect(a.membership.isStoreWhole).toBe(false);
    await env.advance(LEASE_MS);
    expect(a.membership.isStoreWhole).toBe(true);
    expect(b.membership.isStoreWhole).toBe(false);
  });
});
