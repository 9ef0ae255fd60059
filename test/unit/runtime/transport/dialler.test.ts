// Whom it dials, how long it waits, and that it never gives up.
import { describe, expect, it } from 'vitest';

import { Dialler } from '#runtime/transport/dialler.ts';
import { defaultLimits } from '#runtime/transport/limits.ts';
import type { Peer } from '#runtime/transport/port.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

function createScene({ self = 'm', hasAddresses = true } = {}) {
  const env = createVirtualEnv({ seed: 'dialler' });
  const dials: (readonly [string, number])[] = [];
  let isReachable = false;
  const failures: string[] = [];
  const dialler = new Dialler({
    env,
    self,
    limits: defaultLimits,
    hasAddresses: () => hasAddresses,
    connect: async ({ id }) => {
      dials.push([id, env.clock.monotonic()]);
      if (!isReachable) throw new Error('nobody there');
    },
    onFailure: ({ id }) => void failures.push(id),
  });
  const setPeers = (...peers: readonly Peer[]): void =>
    dialler.setPeers(new Map(peers.map((peer) => [peer.id, peer])));
  return { env, dials, dialler, setPeers, reach: () => void (isReachable = true) };
}

const peer = (id: string): Peer => ({ id, addresses: [`at ${id}`] });

describe('the dialler', () => {
  it('dials those with a larger id at once, those with a smaller one when they have not come for long', async () => {
    const { env, dials, setPeers, reach } = createScene();
    reach();
    setPeers(peer('a'), peer('z'));
    await env.advance(2900);
    expect(dials).toEqual([['z', 0]]);
    await env.advance(200);
    expect(dials).toEqual([
      ['z', 0],
      ['a', 3000],
    ]);
  });

  it('dials everybody at once if it can’t be dialled itself, and nobody without an address', async () => {
    const { env, dials, setPeers, reach } = createScene({ hasAddresses: false });
    reach();
    setPeers(peer('a'), { id: 'z', addresses: [] });
    await env.advance(5000);
    expect(dials).toEqual([['a', 0]]);
  });

  it('never gives up, waits at most half a second, and not always equally long', async () => {
    const { env, dials, setPeers } = createScene();
    setPeers(peer('z'));
    await env.advance(3_600_000);
    const waits = dials.map(([, atMs], index) => atMs - (dials[index - 1]?.[1] ?? 0)).slice(1);
    expect(waits.length).toBeGreaterThan(3_600_000 / 510);
    expect(Math.max(...waits)).toBeLessThanOrEqual(500);
    expect(waits[0]).toBeLessThan(150);
    expect(new Set(waits.slice(10, 100).map(Math.round)).size).toBeGreaterThan(20);
  });

  it('stops when there is a link, and begins again, quickly, when a good one is over', async () => {
    const { env, dials, dialler, setPeers } = createScene();
    setPeers(peer('z'));
    await env.advance(10_000);
    dialler.linked('z');
    const count = dials.length;
    await env.advance(60_000);
    expect(dials.length).toBe(count);
    dialler.unlinked('z', false);
    await env.advance(70);
    expect(dials.length).toBe(count + 1);
  });

  it('does not hurry to a peer that sent garbage, or whose links end at once', async () => {
    const { env, dials, dialler, setPeers, reach } = createScene();
    reach();
    setPeers(peer('z'));
    await env.advance(1);
    dialler.linked('z');
    dialler.unlinked('z', true);
    await env.advance(2900);
    expect(dials.length).toBe(1);
    await env.advance(200);
    expect(dials.length).toBe(2);
    for (let round = 0; round < 20; round += 1) {
      dialler.linked('z');
      dialler.unlinked('z', false);
      await env.advance(1000);
    }
    const last = dials.slice(-3).map(([, atMs]) => atMs);
    expect((last[2] ?? 0) - (last[1] ?? 0)).toBeGreaterThan(200);
  });

  it('forgets those who are peers no more, and takes new addresses', async () => {
    const { env, dials, setPeers } = createScene();
    setPeers(peer('x'), { id: 'y', addresses: [] });
    await env.advance(1000);
    const tries = dials.length;
    setPeers(peer('y'));
    await env.advance(1000);
    expect(dials.slice(tries).every(([id]) => id === 'y')).toBe(true);
    expect(dials.length).toBeGreaterThan(tries);
  });

  it('a dial that opens a wire which never comes up is made again', async () => {
    const { env, dials, setPeers, reach } = createScene();
    reach();
    setPeers(peer('z'));
    await env.advance(30_000);
    expect(dials.length).toBeGreaterThan(3);
  });
});
