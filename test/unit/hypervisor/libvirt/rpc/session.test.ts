import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import { openSession } from '#hypervisor/libvirt/rpc/session.ts';
import type { SessionOptions } from '#hypervisor/libvirt/rpc/session.ts';
import type { RpcConnection } from '#hypervisor/libvirt/rpc/connection.ts';
import { FakeDaemon } from '../fake-daemon.ts';
import { virtualEnv } from '../virtual-env.ts';
import type { VirtualEnv } from '../virtual-env.ts';

let daemon: FakeDaemon;
let env: VirtualEnv;
let opened: RpcConnection | undefined;

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  env = virtualEnv();
  opened = undefined;
});

afterEach(async () => {
  opened?.close('the test is over');
  await daemon.close();
});

async function open(over: Partial<SessionOptions> = {}): Promise<void> {
  opened = await openSession({
    uri: daemon.uri,
    env,
    name: 'test connection',
    timeoutMs: 1_000,
    maxInFlight: 4,
    maxQueued: 10,
    ...over,
  });
}

describe('opening a session', () => {
  test('asks for authentication, then opens the driver by its name', async () => {
    const names: (string | undefined)[] = [];
    daemon.answer(procedures.connectOpen, ({ name }) => void names.push(name));
    await open();
    expect(daemon.calls).toEqual([66, 1]);
    expect(names).toEqual(['qemu:///system']);
  });

  test('starts keepalive before anything long, and registers for events when asked', async () => {
    const features: number[] = [];
    daemon.answer(procedures.connectSupportsFeature, ({ feature }) => {
      features.push(feature);
      return { supported: 1 };
    });
    await open({ keepalive: { intervalMs: 50, count: 1 }, events: true });
    expect(daemon.calls).toEqual([66, 60, 1, 60, 316, 316]);
    expect(features).toEqual([10, 14]);
    expect(env.pendingDelays()).toEqual([50]);
  });

  test('pings nobody that does not know keepalive', async () => {
    daemon.answer(procedures.connectSupportsFeature, () => ({ supported: 0 }));
    await open({ keepalive: { intervalMs: 50, count: 1 } });
    expect(env.pendingDelays()).toEqual([]);
  });

  test('polkit lets a user in, or does not', async () => {
    daemon.answer(procedures.authList, () => ({ types: [2] }));
    daemon.answer(procedures.authPolkit, () => ({ complete: 1 }));
    await open();
    expect(daemon.calls).toEqual([66, 70, 1]);
    daemon.handle(procedures.authPolkit, () => ({ error: 45, message: 'authentication failed' }));
    await expect(open()).rejects.toThrow('authentication failed');
  });

  test('none is preferred to polkit', async () => {
    daemon.answer(procedures.authList, () => ({ types: [2, 0] }));
    await open();
    expect(daemon.calls).toEqual([66, 1]);
  });

  test('SASL is refused in words', async () => {
    daemon.answer(procedures.authList, () => ({ types: [1] }));
    await expect(open()).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'libvirt asks for SASL authentication, which is not supported; use the unix socket or TLS certificates',
    });
  });

  test('a daemon without event callbacks is refused, and no connection stays', async () => {
    daemon.answer(procedures.connectSupportsFeature, () => ({ supported: 0 }));
    await expect(open({ events: true })).rejects.toMatchObject({ code: 'unsupported' });
    await daemon.until(() => daemon.connections.every(({ socket }) => socket.destroyed));
    expect(daemon.connections.length).toBe(1);
  });
});
