// Who is let in: peers always, strangers only while they are answered, and so many in a second.
import type { MultiaddrConnection, PeerId } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';

import { Gatekeeper } from '#runtime/transport/libp2p/gatekeeper.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

function createScene() {
  const env = createVirtualEnv({ seed: 'gate' });
  const notes: string[] = [];
  const state = { areStrangersAnswered: true };
  const { gater } = new Gatekeeper({
    env,
    isPeer: (id) => id === 'peer',
    areStrangersAnswered: () => state.areStrangersAnswered,
    noteOnce: (id, what) => void notes.push(`${id}: ${what}`),
  });
  const closers: (() => void)[] = [];
  /** What a connection of that member comes to; its way in is decided in two steps, before and after its handshake. */
  const connect = (): MultiaddrConnection => {
    const connection = {
      remoteAddr: '/ip4/10.0.0.7/tcp/5123',
      addEventListener: (_: string, listener: () => void) => void closers.push(listener),
    } as unknown as MultiaddrConnection;
    expect(gater.denyInboundConnection?.(connection)).toBe(false);
    return connection;
  };
  const isDenied = (id: string): unknown =>
    gater.denyInboundEncryptedConnection?.({ toString: () => id } as PeerId, connect());
  return { env, notes, state, connect, isDenied, close: () => closers.forEach((close) => close()) };
}

describe('the gatekeeper', () => {
  it('lets peers in, and strangers only while somebody answers them', () => {
    const { isDenied, state, notes } = createScene();
    expect([isDenied('peer'), isDenied('stranger')]).toEqual([false, false]);
    state.areStrangersAnswered = false;
    expect([isDenied('peer'), isDenied('stranger')]).toEqual([false, true]);
    expect(notes).toEqual(['stranger: it is no peer of this member, or no longer']);
  });

  it('lets twenty strangers in within a second, and any number of peers', async () => {
    const { env, isDenied } = createScene();
    const outcomes = Array.from({ length: 30 }, (_, index) => isDenied(`stranger ${index}`));
    expect(outcomes).toEqual(Array.from({ length: 30 }, (_, index) => index >= 20));
    expect(isDenied('peer')).toBe(false);
    await env.advance(999);
    expect(isDenied('another')).toBe(true);
    await env.advance(1);
    expect(isDenied('another')).toBe(false);
  });

  it('tells of a connection that ends before it has shown who it is, without its port', () => {
    const { connect, isDenied, close, notes } = createScene();
    isDenied('peer');
    close();
    expect(notes).toEqual([]);
    connect();
    close();
    expect(notes).toEqual([
      '/ip4/10.0.0.7: its handshake did not succeed: it has another network key, is no member at all, or broke off',
    ]);
  });
});
