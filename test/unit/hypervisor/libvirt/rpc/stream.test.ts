import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RpcConnection } from '#hypervisor/libvirt/rpc/connection.ts';
import { domainOf, procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import type { RpcStream } from '#hypervisor/libvirt/rpc/stream.ts';
import { errorBody, FakeDaemon } from '../fake-daemon.ts';
import type { FakeConnection } from '../fake-daemon.ts';
import { virtualEnv } from '../virtual-env.ts';

const STREAM = 3;
const OK = 0;
const ERROR = 1;
const CONTINUE = 2;

let daemon: FakeDaemon;
let connection: RpcConnection;
let wire: FakeConnection;
let stream: RpcStream;

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  daemon.answer(procedures.domainOpenConsole, () => undefined);
  const socket = connect({ path: daemon.path });
  await once(socket, 'connect');
  connection = new RpcConnection(socket, {
    env: virtualEnv(),
    name: 'console connection',
    maxInFlight: 1,
    maxQueued: 1,
  });
  stream = await connection.openStream(
    procedures.domainOpenConsole,
    {
      dom: domainOf('11111111-2222-4333-8444-555555555555'),
      device: undefined,
      flags: 1,
    },
    1_000,
  );
  const [only] = daemon.connections;
  if (only === undefined) throw new Error('the daemon has no connection');
  wire = only;
});

afterEach(async () => {
  connection.close('the test is over');
  await daemon.close();
});

function sendStream(status: number, payload: Uint8Array = new Uint8Array(0)): void {
  wire.send({ type: STREAM, procedure: 201, serial: 1, status, payload });
}

async function readAll(): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return text;
}

/** The value that `read` keeps giving over 200 turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  let value = read();
  for (let turns = 0; turns < 200; turns++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (read() !== value) turns = 0;
    value = read();
  }
  return value;
}

/** Status and length of the stream packets that came from us. */
function sent(): [number, number][] {
  return wire.packets
    .filter((packet) => packet.type === STREAM)
    .map((packet) => [packet.status, packet.payload.length]);
}

describe('a stream', () => {
  test('yields what comes and ends at the empty packet, which it confirms with OK', async () => {
    sendStream(CONTINUE, Buffer.from('one '));
    sendStream(CONTINUE, Buffer.from('two'));
    sendStream(CONTINUE);
    expect(await readAll()).toBe('one two');
    await daemon.until(() => sent().length === 1);
    expect(sent()).toEqual([[OK, 0]]);
  });

  test('ends when the daemon confirms our finish', async () => {
    await stream.finish();
    await stream.finish();
    await daemon.until(() => sent().length === 1);
    sendStream(OK);
    expect(await readAll()).toBe('');
    expect(sent()).toEqual([[OK, 0]]);
  });

  test('gives what came before an error, then throws it', async () => {
    sendStream(CONTINUE, Buffer.from('some'));
    sendStream(ERROR, errorBody({ error: 38, message: 'it broke' }));
    let text = '';
    const reading = (async () => {
      for await (const chunk of stream) text += Buffer.from(chunk).toString();
    })();
    await expect(reading).rejects.toThrow('libvirt stream: it broke (code 38, domain 10)');
    expect(text).toBe('some');
  });

  test('throws connection-lost when its connection ends', async () => {
    const reading = readAll();
    wire.socket.destroy();
    await expect(reading).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(stream.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'connection-lost' });
  });

  test('sends writes in packets that every daemon takes', async () => {
    await stream.write(new Uint8Array(600_000));
    await daemon.until(() => sent().length === 3);
    expect(sent()).toEqual([
      [CONTINUE, 262_120],
      [CONTINUE, 262_120],
      [CONTINUE, 75_760],
    ]);
  });

  test('data of a stream that is not ours is dropped', async () => {
    wire.send({ type: STREAM, serial: 99, status: CONTINUE, payload: Buffer.from('alien') });
    sendStream(CONTINUE, Buffer.from('mine'));
    sendStream(CONTINUE);
    expect(await readAll()).toBe('mine');
  });

  test('a reader that does not read stops the socket; reading on starts it again', async () => {
    const chunk = Buffer.alloc(100_000, 'x');
    const total = 40;
    for (let count = 0; count < total; count++) sendStream(CONTINUE, chunk);
    sendStream(CONTINUE);
    const unsent = await settled(() => wire.socket.writableLength);
    expect(unsent).toBeGreaterThan(total * chunk.length - 2_000_000);
    expect((await readAll()).length).toBe(total * chunk.length);
  });

  test('a connection carries one stream only', async () => {
    const second = connection.openStream(
      procedures.domainOpenConsole,
      { dom: domainOf('11111111-2222-4333-8444-555555555555'), device: undefined, flags: 1 },
      1_000,
    );
    await expect(second).rejects.toThrow('this connection had a stream already');
  });
});
