// The same daemon over TCP and TLS: libvirt's own server, GnuTLS and its certificate checks included.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { LibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { GuestEvent } from '#hypervisor/port.ts';
import {
  makeAuthority,
  makeIdentity,
  writePkiPath,
} from '#test/unit/hypervisor/libvirt/certificates.ts';
import { makeLibvirtHarness } from './libvirt-harness.ts';
import type { LibvirtHarness } from './libvirt-harness.ts';

let pki: string;
let tcpPort: number;
let tlsPort: number;
let harness: LibvirtHarness;

beforeAll(async () => {
  pki = await mkdtemp(join(tmpdir(), 'kilonova-pki-'));
  const authority = makeAuthority('Kilonova Test CA');
  const server = makeIdentity(authority, 'libvirtd', ['127.0.0.1', 'localhost']);
  const files = { cert: join(pki, 'server.pem'), key: join(pki, 'server.key') };
  await writeFile(files.cert, server.certificatePem);
  await writeFile(files.key, server.keyPem);
  await writePkiPath(join(pki, 'friend'), authority, makeIdentity(authority, 'friend', []));
  await writePkiPath(join(pki, 'other'), authority, makeIdentity(authority, 'other', []));
  const stranger = makeAuthority('Stranger CA');
  await mkdir(join(pki, 'stranger'));
  await writePkiPath(join(pki, 'stranger'), authority, makeIdentity(stranger, 'friend', []));
  [tcpPort, tlsPort] = await freePorts();
  harness = await makeLibvirtHarness({
    listen_tls: 1,
    listen_tcp: 1,
    listen_addr: '127.0.0.1',
    tcp_port: String(tcpPort),
    tls_port: String(tlsPort),
    auth_tcp: 'none',
    auth_tls: 'none',
    key_file: files.key,
    cert_file: files.cert,
    ca_file: join(pki, 'friend', 'cacert.pem'),
    tls_allowed_dn_list: ['CN=friend'],
  });
});

afterAll(async () => {
  await harness.close();
  await rm(pki, { recursive: true, force: true });
});

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  for (const server of servers) server.close();
  return [ports[0] ?? 0, ports[1] ?? 0];
}

function open(uri: string): LibvirtDriver {
  return openLibvirtDriver({ uri, env: harness.env, virtType: 'qemu' });
}

function tlsUri(identity: string): string {
  return `qemu+tls://127.0.0.1:${tlsPort}/system?pkipath=${join(pki, identity)}`;
}

/** A guest started over one connection is seen, heard and read over it. */
async function exercise(driver: LibvirtDriver): Promise<readonly string[]> {
  await driver.ready(10_000);
  const events: GuestEvent[] = [];
  driver.subscribe((event) => events.push(event));
  const spec = await harness.newSpec();
  const wanted = { id: spec.id, name: spec.name, power: 'running', mark: spec.mark };
  expect(await driver.create(spec)).toEqual(wanted);
  expect(await driver.list()).toEqual([wanted]);
  const stream = await driver.openConsole(spec.id);
  await stream.write(Buffer.from('echo'));
  let seen = '';
  for await (const chunk of stream.output) {
    seen += Buffer.from(chunk).toString();
    if (seen.includes('echo')) break;
  }
  await stream.close();
  await driver.destroy(spec.id);
  await driver.close();
  return events.map((event) => event.type);
}

const HEARD = ['guest.resumed', 'guest.started', 'guest.stopped'];

test('everything works over TCP', async () => {
  expect(await exercise(open(`qemu+tcp://127.0.0.1:${tcpPort}/system`))).toEqual(HEARD);
});

test('everything works over TLS with an accepted certificate', async () => {
  expect(await exercise(open(tlsUri('friend')))).toEqual(HEARD);
});

test.each([
  ['the daemon does not list', 'other'],
  ['another CA signed', 'stranger'],
])('a certificate that %s gets no connection', async (_why, identity) => {
  const driver = open(tlsUri(identity));
  await expect(driver.ready(1_000)).rejects.toMatchObject({
    code: 'connection-lost',
    message: expect.stringContaining(`127.0.0.1:${tlsPort}`),
  });
  await driver.close();
});
