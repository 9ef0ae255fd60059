import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openSocket } from '#hypervisor/libvirt/rpc/socket.ts';
import { parseLibvirtUri } from '#hypervisor/libvirt/rpc/uri.ts';
import { makeAuthority, makeIdentity, writePkiPath } from '../certificates.ts';
import { virtualEnv } from '../virtual-env.ts';

const TIMEOUT_MS = 1_000;
const authority = makeAuthority('Test CA');
const serverIdentity = makeIdentity(authority, 'server', ['localhost', '127.0.0.1']);
const clientIdentity = makeIdentity(authority, 'client', []);

let directory: string;
const servers: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-socket-'));
  await writePkiPath(join(directory, 'pki'), authority, clientIdentity);
  const stranger = makeAuthority('Another CA');
  await writePkiPath(join(directory, 'other'), stranger, makeIdentity(stranger, 'client', []));
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function listenTls(greet: (socket: Socket) => void): Promise<number> {
  const server = createTlsServer(
    {
      ca: authority.certificatePem,
      cert: serverIdentity.certificatePem,
      key: serverIdentity.keyPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      greet(socket);
    },
  );
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connectTls(port: number, pki = 'pki', env = virtualEnv()): Promise<Socket> {
  const { target } = parseLibvirtUri(
    `qemu+tls://127.0.0.1:${port}/system?pkipath=${join(directory, pki)}`,
  );
  const socket = await openSocket(target, env, TIMEOUT_MS);
  sockets.push(socket);
  return socket;
}

describe('a unix socket', () => {
  test('the first path that answers is used', async () => {
    const path = join(directory, 'second');
    const server = createServer((socket) => sockets.push(socket));
    servers.push(server);
    server.listen(path);
    await once(server, 'listening');
    const env = virtualEnv();
    const paths = [join(directory, 'first'), path];
    const socket = await openSocket({ transport: 'unix', paths }, env, TIMEOUT_MS);
    sockets.push(socket);
    expect(socket.readyState).toBe('open');
    expect(env.pendingDelays()).toEqual([]);
  });

  test('when none answers, all are named', async () => {
    const paths = ['/nonexistent/a', '/nonexistent/b'];
    await expect(
      openSocket({ transport: 'unix', paths }, virtualEnv(), TIMEOUT_MS),
    ).rejects.toMatchObject({
      code: 'connection-lost',
      retryable: true,
      message:
        '/nonexistent/a: connect ENOENT /nonexistent/a; /nonexistent/b: connect ENOENT /nonexistent/b',
    });
  });
});

describe('TCP', () => {
  test('connects, and a closed port is refused by its address', async () => {
    const server = createServer((socket) => sockets.push(socket));
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const target = { transport: 'tcp', host: '127.0.0.1', port } as const;
    sockets.push(await openSocket(target, virtualEnv(), TIMEOUT_MS));
    server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await once(server, 'close');
    await expect(openSocket(target, virtualEnv(), TIMEOUT_MS)).rejects.toThrow(
      `127.0.0.1:${port}: connect ECONNREFUSED`,
    );
  });
});

describe('TLS', () => {
  test('is ready when the daemon has sent its 0x01, and what follows is kept', async () => {
    const port = await listenTls((socket) => socket.write(Buffer.from([1, 7, 8])));
    const socket = await connectTls(port);
    socket.resume();
    expect(await once(socket, 'data')).toEqual([Buffer.from([7, 8])]);
  });

  test('our certificate is shown to the daemon', async () => {
    const names: unknown[] = [];
    const port = await listenTls((socket) => {
      const tls = socket as Socket & { getPeerCertificate(): { subject?: { CN?: string } } };
      names.push(tls.getPeerCertificate().subject?.CN);
      socket.write(Buffer.from([1]));
    });
    await connectTls(port);
    expect(names).toEqual(['client']);
  });

  test('another byte than 0x01 is a refusal', async () => {
    const port = await listenTls((socket) => socket.write(Buffer.from([0])));
    await expect(connectTls(port)).rejects.toThrow(
      `127.0.0.1:${port} (TLS): the daemon refused our certificate`,
    );
  });

  test('a daemon that closes instead has refused our certificate', async () => {
    const port = await listenTls((socket) => socket.end());
    await expect(connectTls(port)).rejects.toThrow('the daemon did not accept our certificate');
  });

  test('a daemon that says nothing after the handshake runs into the deadline', async () => {
    const env = virtualEnv();
    let greeted: () => void = () => undefined;
    const handshake = new Promise<void>((resolve) => {
      greeted = resolve;
    });
    const port = await listenTls(() => greeted());
    const opening = connectTls(port, 'pki', env).then(String, (error: Error) => error.message);
    await handshake;
    await new Promise<void>((resolve) => setImmediate(resolve));
    env.advance(TIMEOUT_MS);
    expect(await opening).toBe(
      `127.0.0.1:${port} (TLS): the daemon did not accept our certificate within 1000 ms`,
    );
  });

  test('a server whose certificate our CA did not sign is refused', async () => {
    const port = await listenTls((socket) => socket.write(Buffer.from([1])));
    await expect(connectTls(port, 'other')).rejects.toMatchObject({ code: 'connection-lost' });
  });

  test('missing certificates are named', async () => {
    await expect(connectTls(1, 'nowhere')).rejects.toThrow(
      /TLS certificates cannot be read: ENOENT.*nowhere\/cacert\.pem/,
    );
  });
});
