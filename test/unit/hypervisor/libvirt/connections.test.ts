import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Connections } from '#hypervisor/libvirt/connections.ts';
import { domainOf, procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { virtualEnv } from './virtual-env.ts';
import type { VirtualEnv } from './virtual-env.ts';

const DOM = domainOf('11111111-2222-4333-8444-555555555555');
const LIST = { doms: [], stats: 1, flags: 0 };

let daemon: FakeDaemon;
let env: VirtualEnv;
let connections: Connections;
let told: string[];
let wake: () => void;

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  env = virtualEnv();
  told = [];
  wake = () => undefined;
  connections = new Connections({
    uri: daemon.uri,
    env,
    onEvent: (procedure) => tell(`event ${procedure}`),
    onUp: () => tell('up'),
    onDown: (reason) => tell(`down: ${reason}`),
  });
});

afterEach(async () => {
  connections.close();
  await daemon.close();
});

function tell(what: string): void {
  told.push(what);
  wake();
}

async function untilTold(count: number): Promise<void> {
  while (told.length < count) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

/** The retry timer is set some turns after the connection failed. */
async function untilRetryIsDue(): Promise<number> {
  for (;;) {
    const retry = env.pendingDelays().find((delay) => delay <= 1_000);
    if (retry !== undefined) return retry;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function faultOf(call: Promise<unknown>): Promise<HypervisorFault> {
  return call.then(
    () => expect.unreachable('a fault was expected'),
    (error: unknown) => {
      if (error instanceof HypervisorFault) return error;
      throw error;
    },
  );
}

const quickCall = (): Promise<unknown> =>
  connections.quick(procedures.connectGetAllDomainStats, LIST);

const workCall = (): Promise<unknown> =>
  connections.work(procedures.domainSuspend, { dom: DOM }, 5_000);

const workCalls = (): number => daemon.calls.filter((call) => call === 34).length;

describe('connections', () => {
  test('calls before the first connection are refused as retryable', async () => {
    const fault = await faultOf(quickCall());
    expect([fault.code, fault.retryable]).toEqual(['connection-lost', true]);
  });

  test('one is for events, one for quick calls; long calls open their own', async () => {
    daemon.handle(procedures.domainSuspend, () => 'silence');
    await untilTold(1);
    expect(told).toEqual(['up']);
    expect(daemon.connections.length).toBe(2);
    void workCall().catch(() => undefined);
    void workCall().catch(() => undefined);
    await daemon.until(() => workCalls() === 2);
    expect(daemon.connections.length).toBe(4);
    expect(await quickCall()).toEqual({ records: [] });
  });

  test('a connection of a long call is used again', async () => {
    daemon.answer(procedures.domainSuspend, () => undefined);
    await untilTold(1);
    await workCall();
    await workCall();
    expect(daemon.connections.length).toBe(3);
  });

  test('at most four long calls run; the next waits for its turn', async () => {
    const pending: (() => void)[] = [];
    daemon.handle(procedures.domainSuspend, (_payload, wire, { serial }) => {
      pending.push(() => wire.send({ procedure: 34, serial }));
      return 'silence';
    });
    await untilTold(1);
    const calls = Array.from({ length: 6 }, workCall);
    await daemon.until(() => pending.length === 4);
    for (const answer of pending.splice(0)) answer();
    await daemon.until(() => pending.length === 2);
    for (const answer of pending) answer();
    await Promise.all(calls);
    expect(daemon.connections.length).toBe(2 + 4);
  });

  test('an urgent call passes those that wait', async () => {
    daemon.handle(procedures.domainSuspend, () => 'silence');
    daemon.answer(procedures.domainDestroyFlags, () => undefined);
    await untilTold(1);
    for (let count = 0; count < 8; count++) void workCall().catch(() => undefined);
    await daemon.until(() => workCalls() === 4);
    const args = { dom: DOM, flags: 0 };
    expect(await connections.urgent(procedures.domainDestroyFlags, args, 5_000)).toBeUndefined();
    expect(workCalls()).toBe(4);
  });

  test('an overdue long call takes its connection with it, and its place goes to the next', async () => {
    daemon.handle(procedures.domainSuspend, () => 'silence');
    await untilTold(1);
    const overdue = Array.from({ length: 4 }, () => faultOf(workCall()));
    await daemon.until(() => workCalls() === 4);
    daemon.answer(procedures.domainSuspend, () => undefined);
    const next = connections.work(procedures.domainSuspend, { dom: DOM }, 90_000);
    // Under the keepalive's horizon: the fake daemon does not answer pings.
    env.advance(5_000);
    expect((await Promise.all(overdue)).map((fault) => fault.code)).toEqual(
      Array.from({ length: 4 }, () => 'timeout'),
    );
    expect(await next).toBeUndefined();
  });

  test('when the daemon dies everything pending is rejected and down is told once', async () => {
    daemon.handle(procedures.connectGetAllDomainStats, () => 'silence');
    daemon.handle(procedures.domainSuspend, () => 'silence');
    await untilTold(1);
    const pending = [faultOf(quickCall()), faultOf(workCall())];
    await daemon.until(() => workCalls() === 1 && daemon.calls.includes(344));
    await daemon.die();
    expect((await Promise.all(pending)).map((fault) => fault.code)).toEqual([
      'connection-lost',
      'connection-lost',
    ]);
    await untilTold(2);
    expect(told[1]).toMatch(/^down: libvirt (event|quick) connection: /);
    expect((await faultOf(quickCall())).code).toBe('connection-lost');
  });

  test('tries again at 100, 200, 400, 800, 1000, 1000 ms … until the daemon is back', async () => {
    await untilTold(1);
    await daemon.die();
    await untilTold(2);
    const delays: number[] = [];
    for (let attempt = 0; attempt < 7; attempt++) {
      const delay = await untilRetryIsDue();
      delays.push(delay);
      env.advance(delay);
      await Promise.resolve();
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000]);
    await daemon.listen();
    env.advance(await untilRetryIsDue());
    await untilTold(3);
    expect(told.slice(2)).toEqual(['up']);
    expect(await quickCall()).toEqual({ records: [] });
  });

  test('losing the quick connection alone brings everything down and up again', async () => {
    await untilTold(1);
    daemon.connections[1]?.socket.destroy();
    await untilTold(2);
    await daemon.until(() => daemon.connections.every(({ socket }) => socket.destroyed));
    env.advance(await untilRetryIsDue());
    await untilTold(3);
    expect(told.map((what) => what.split(':')[0])).toEqual(['up', 'down', 'up']);
  });

  test('the event barrier resolves after the events that came before it', async () => {
    await untilTold(1);
    daemon.handle(procedures.connectGetLibVersion, (_payload, wire, { serial }) => {
      wire.send({ type: 2, procedure: 318 });
      wire.send({ procedure: 157, serial, payload: new Uint8Array(8) });
      return 'silence';
    });
    await connections.eventBarrier();
    expect(told).toEqual(['up', 'event 318']);
  });

  test('the event barrier gives up after two seconds, and is not tried without a connection', async () => {
    await untilTold(1);
    daemon.handle(procedures.connectGetLibVersion, () => 'silence');
    const barrier = connections.eventBarrier();
    await daemon.until(() => daemon.calls.includes(157));
    env.advance(2_000);
    expect(await barrier).toBeUndefined();
    await daemon.die();
    await untilTold(2);
    expect(await connections.eventBarrier()).toBeUndefined();
  });

  test('after close nothing is tried any more', async () => {
    await untilTold(1);
    await daemon.die();
    await untilTold(2);
    await untilRetryIsDue();
    connections.close();
    expect(env.pendingDelays()).toEqual([]);
    const fault = await faultOf(quickCall());
    expect([fault.code, fault.message]).toEqual(['connection-lost', 'the driver was closed']);
  });

  test('a console has its connection, which its release closes', async () => {
    daemon.answer(procedures.domainOpenConsole, () => undefined);
    await untilTold(1);
    const { release } = await connections.openStream(procedures.domainOpenConsole, {
      dom: DOM,
      device: undefined,
      flags: 1,
    });
    const [, , console] = daemon.connections;
    expect(console?.socket.destroyed).toBe(false);
    release();
    await daemon.until(() => console?.socket.destroyed === true);
  });
});
