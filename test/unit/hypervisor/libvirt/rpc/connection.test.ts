import { connect } from 'node:net';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RpcConnection } from '#hypervisor/libvirt/rpc/connection.ts';
import type { RpcConnectionOptions } from '#hypervisor/libvirt/rpc/connection.ts';
import { domainOf, procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import { encodeXdr } from '#hypervisor/libvirt/rpc/xdr.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { HypervisorFaultCode } from '#hypervisor/port.ts';
import { FakeDaemon } from '../fake-daemon.ts';
import { virtualEnv } from '../virtual-env.ts';
import type { VirtualEnv } from '../virtual-env.ts';

const TIMEOUT_MS = 1_000;
const KEEPALIVE = 0x6b65_6570;
const DOM = domainOf('11111111-2222-4333-8444-555555555555');

let daemon: FakeDaemon;
let env: VirtualEnv;
let connections: RpcConnection[] = [];

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  env = virtualEnv();
});

afterEach(async () => {
  for (const connection of connections) connection.close('the test is over');
  connections = [];
  await daemon.close();
});

async function open(over: Partial<RpcConnectionOptions> = {}): Promise<RpcConnection> {
  const socket = connect({ path: daemon.path });
  await once(socket, 'connect');
  const connection = new RpcConnection(socket, {
    env,
    name: 'test connection',
    maxInFlight: 4,
    maxQueued: 3,
    ...over,
  });
  connections.push(connection);
  await daemon.until(() => daemon.connections.length > 0);
  return connection;
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

function summary(fault: HypervisorFault): [HypervisorFaultCode, boolean, string] {
  return [fault.code, fault.retryable, fault.message];
}

const state = (connection: RpcConnection): Promise<{ state: number; reason: number }> =>
  connection.call(procedures.domainGetState, { dom: DOM, flags: 0 }, TIMEOUT_MS);

const stateReply = (number: number): Uint8Array =>
  encodeXdr(procedures.domainGetState.result, { state: number, reason: 0 });

describe('calls', () => {
  test('replies find their calls by serial, in whatever order they come', async () => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => 'silence');
    const calls = [state(connection), state(connection), state(connection)];
    await daemon.until(() => daemon.calls.length === 3);
    const [wire] = daemon.connections;
    const { procedure } = wire?.packets[0] ?? { procedure: 0 };
    for (const serial of [3, 1, 2]) {
      wire?.send({ procedure, serial, payload: stateReply(serial) });
    }
    expect((await Promise.all(calls)).map((reply) => reply.state)).toEqual([1, 2, 3]);
  });

  test('no more than the limit are in flight; the next goes when one returns', async () => {
    const connection = await open();
    const serials: number[] = [];
    daemon.handle(procedures.domainGetState, (_payload, _connection, packet) => {
      serials.push(packet.serial);
      return 'silence';
    });
    const calls = Array.from({ length: 6 }, () => state(connection));
    await daemon.until(() => serials.length === 4);
    expect(connection.load).toBe(6);
    const [wire] = daemon.connections;
    const reply = (serial: number): void =>
      wire?.send({ procedure: 212, serial, payload: stateReply(serial) });
    reply(2);
    await daemon.until(() => serials.length === 5);
    for (const serial of [1, 3, 4, 5]) reply(serial);
    await daemon.until(() => serials.length === 6);
    reply(6);
    await Promise.all(calls);
    expect(serials).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a full queue refuses the next call at once, as retryable', async () => {
    const connection = await open({ maxInFlight: 1, maxQueued: 2 });
    daemon.handle(procedures.domainGetState, () => 'silence');
    const waiting = [state(connection), state(connection), state(connection)].map(faultOf);
    expect(summary(await faultOf(state(connection)))).toEqual([
      'failed',
      true,
      'test connection: 2 calls wait already',
    ]);
    connection.close('enough');
    expect((await Promise.all(waiting)).map((fault) => fault.code)).toEqual([
      'connection-lost',
      'connection-lost',
      'connection-lost',
    ]);
  });

  test.each([
    [42, 'guest-not-found', false],
    [55, 'wrong-state', false],
    [68, 'timeout', true],
    [67, 'unsupported', false],
    [87, 'failed', true],
    [9, 'failed', false],
  ] as const)('libvirt error %i is fault %s', async (error, code, retryable) => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => ({ error, message: 'it says so' }));
    const fault = await faultOf(state(connection));
    expect(summary(fault)).toEqual([
      code,
      retryable,
      `libvirt domainGetState: it says so (code ${error}, domain 10)`,
    ]);
    expect(fault.libvirtCode).toBe(error);
  });

  test('a call that is not answered ends at its deadline, and its late reply is ignored', async () => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => 'silence');
    const overdue = faultOf(state(connection));
    await daemon.until(() => daemon.calls.length === 1);
    env.advance(TIMEOUT_MS - 1);
    expect(connection.load).toBe(1);
    env.advance(1);
    expect(summary(await overdue)).toEqual([
      'timeout',
      true,
      'libvirt domainGetState had no answer for 1000 ms (test connection)',
    ]);
    expect(connection.load).toBe(1);
    daemon.connections[0]?.send({ procedure: 212, serial: 1, payload: stateReply(9) });
    daemon.handle(procedures.domainGetState, () => stateReply(5));
    expect((await state(connection)).state).toBe(5);
    expect(connection.load).toBe(0);
  });

  test('a call whose turn never comes ends at its deadline and is never sent', async () => {
    const connection = await open({ maxInFlight: 2 });
    daemon.handle(procedures.domainGetState, () => 'silence');
    const long = connection.call(procedures.domainGetState, { dom: DOM, flags: 0 }, 90_000);
    const longer = connection.call(procedures.domainGetState, { dom: DOM, flags: 0 }, 90_000);
    const queued = faultOf(state(connection));
    env.advance(TIMEOUT_MS);
    expect((await queued).message).toBe(
      'libvirt domainGetState waited for its turn for 1000 ms (test connection)',
    );
    await daemon.until(() => daemon.calls.length === 2);
    for (const serial of [1, 2]) {
      daemon.connections[0]?.send({ procedure: 212, serial, payload: stateReply(1) });
    }
    await Promise.all([long, longer]);
    expect([connection.load, daemon.calls.length]).toEqual([0, 2]);
  });

  test('a connection whose calls are all overdue is given up', async () => {
    const lost: HypervisorFault[] = [];
    const connection = await open({ maxInFlight: 2, onClose: (fault) => lost.push(fault) });
    daemon.handle(procedures.domainGetState, () => 'silence');
    const calls = [faultOf(state(connection)), faultOf(state(connection))];
    await daemon.until(() => daemon.calls.length === 2);
    env.advance(TIMEOUT_MS);
    expect((await Promise.all(calls)).map((fault) => fault.code)).toEqual(['timeout', 'timeout']);
    expect(lost.map((fault) => fault.message)).toEqual([
      'test connection: all 2 calls in flight are overdue',
    ]);
  });

  test('arguments that cannot be sent are refused without touching the connection', async () => {
    const connection = await open();
    const fault = await faultOf(
      connection.call(procedures.domainLookupByName, { name: 'a\0b' }, TIMEOUT_MS),
    );
    expect(summary(fault)).toEqual([
      'failed',
      false,
      'libvirt domainLookupByName: the arguments cannot be sent: text with a NUL character cannot be sent',
    ]);
    expect([connection.closed, connection.load]).toEqual([false, 0]);
  });
});

describe('a connection that ends', () => {
  test('rejects every call, in flight and queued, once, and all later ones', async () => {
    const lost: HypervisorFault[] = [];
    const connection = await open({ maxInFlight: 1, onClose: (fault) => lost.push(fault) });
    daemon.handle(procedures.domainGetState, () => 'silence');
    const calls = [faultOf(state(connection)), faultOf(state(connection))];
    await daemon.until(() => daemon.calls.length === 1);
    daemon.connections[0]?.socket.destroy();
    const faults = await Promise.all(calls);
    expect(faults.map(summary)).toEqual([
      ['connection-lost', true, 'test connection: the daemon closed the connection'],
      ['connection-lost', true, 'test connection: the daemon closed the connection'],
    ]);
    expect((await faultOf(state(connection))).code).toBe('connection-lost');
    connection.close('again');
    expect(lost.length).toBe(1);
    expect(env.pendingDelays()).toEqual([]);
  });

  test.each([
    ['a length out of bounds', Buffer.from('ffffffff', 'hex')],
    ['a reply to no call', packetBytes({ type: 1, serial: 77 })],
    ['a reply with file descriptors', packetBytes({ type: 5, serial: 1 })],
    ['an unknown packet type', packetBytes({ type: 99, serial: 1 })],
  ])('%s ends the connection', async (_name, bytes) => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => 'silence');
    const call = faultOf(state(connection));
    await daemon.until(() => daemon.calls.length === 1);
    daemon.connections[0]?.socket.write(bytes);
    expect((await call).code).toBe('connection-lost');
  });

  test('a malformed body fails its call only', async () => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => new Uint8Array(3));
    expect(summary(await faultOf(state(connection)))).toEqual([
      'failed',
      false,
      'test connection: the reply to domainGetState is malformed: 4 bytes wanted, 3 left',
    ]);
    daemon.handle(procedures.domainGetState, (_payload, wire, packet) => {
      wire.send({ procedure: 212, serial: packet.serial, status: 1, payload: new Uint8Array(2) });
      return 'silence';
    });
    expect((await faultOf(state(connection))).message).toBe(
      'test connection: the error of domainGetState is malformed: 4 bytes wanted, 2 left',
    );
    expect(connection.closed).toBe(false);
  });

  test('whatever bytes come, every call ends', async () => {
    daemon.handle(procedures.domainGetState, () => 'silence');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 120 }), async (bytes) => {
        const connection = await open();
        const call = faultOf(state(connection));
        await daemon.until(() => daemon.calls.length === 1);
        daemon.connections[0]?.socket.end(bytes);
        expect((await call).code).toBe('connection-lost');
        await daemon.until(() => daemon.connections[0]?.socket.destroyed === true);
        daemon.connections.length = 0;
      }),
      { numRuns: 50 },
    );
  });
});

describe('keepalive and events', () => {
  test('a PING is answered with a PONG', async () => {
    await open();
    const [wire] = daemon.connections;
    wire?.send({ program: KEEPALIVE, procedure: 1, type: 2 });
    await daemon.until(() => (wire?.packets.length ?? 0) > 0);
    expect(wire?.packets).toEqual([
      {
        program: KEEPALIVE,
        version: 1,
        procedure: 2,
        type: 2,
        serial: 0,
        status: 0,
        payload: new Uint8Array(0),
      },
    ]);
  });

  test('a daemon that leaves pings unanswered is declared lost after count + 2 intervals', async () => {
    const lost: string[] = [];
    const connection = await open({ onClose: (fault) => lost.push(fault.message) });
    connection.startKeepalive({ intervalMs: 100, count: 3 });
    env.advance(499);
    expect(lost).toEqual([]);
    env.advance(1);
    expect(lost).toEqual(['test connection: the daemon left 3 keepalive pings unanswered']);
    expect(env.pendingDelays()).toEqual([]);
  });

  test('any packet shows that the daemon lives', async () => {
    const connection = await open();
    daemon.handle(procedures.domainGetState, () => stateReply(1));
    connection.startKeepalive({ intervalMs: 100, count: 1 });
    for (let round = 0; round < 10; round++) {
      env.advance(199);
      await state(connection);
    }
    expect(connection.closed).toBe(false);
  });

  test('messages of the remote program reach the listener, others do not', async () => {
    const heard: [number, Uint8Array][] = [];
    const connection = await open({ onEvent: (procedure, body) => heard.push([procedure, body]) });
    daemon.handle(procedures.domainGetState, () => stateReply(1));
    const [wire] = daemon.connections;
    wire?.send({ type: 2, procedure: 318, payload: Uint8Array.of(1, 2, 3, 4) });
    wire?.send({ type: 2, procedure: 318, program: 0x2000_8087 });
    await state(connection);
    expect(heard).toEqual([[318, Uint8Array.of(1, 2, 3, 4)]]);
  });
});

function packetBytes(over: { type: number; serial: number }): Buffer {
  const bytes = Buffer.alloc(28);
  [28, 0x2000_8086, 1, 212, over.type, over.serial, 0].forEach((word, index) =>
    bytes.writeUInt32BE(word, index * 4),
  );
  return bytes;
}
