// Over real sockets on the loopback network: which address a guest came from and to is the point.
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import { buildMetadataServer, type MetadataServerOptions } from '#api/metadata/server.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const SERVER = '11111111-2222-4333-8444-555555555555';

const metadata: InstanceMetadata = {
  uuid: SERVER,
  name: 'vm',
  hostname: 'vm',
  projectId: 'red',
  availabilityZone: 'nova',
  launchIndex: 0,
  reservationId: 'r-abc',
  instanceNumber: 1,
  imageNumber: 1,
  flavorName: 'm1.tiny',
  meta: {},
  key: undefined,
  userData: Buffer.from([0, 255, 10]),
  files: [],
  networks: [],
  securityGroups: [],
  devices: [],
  blockDevices: {},
  dedicatedCpus: [],
  adminPass: undefined,
  randomSeed: new Uint8Array(),
  vendorData: {},
  password: '',
};

type Server = ReturnType<typeof buildMetadataServer>;
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function listen(options: Partial<MetadataServerOptions> = {}): Promise<number> {
  const app = buildMetadataServer({
    env: createVirtualEnv({ seed: 'metadata' }),
    guestAt: (local, remote) =>
      local === '127.0.0.1' && remote === '127.0.0.5' ? SERVER : undefined,
    metadataFor: (serverId) => (serverId === SERVER ? metadata : undefined),
    ...options,
  });
  servers.push(app);
  await app.listen({ port: 0, host: '0.0.0.0' });
  return (app.server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
}

function ask(
  port: number,
  path: string,
  how: { from?: string; to?: string; method?: string; body?: string; headers?: object } = {},
): Promise<Answer> {
  const { from = '127.0.0.5', to = '127.0.0.1', method = 'GET', body } = how;
  return new Promise((resolve, reject) => {
    const headers = { ...how.headers };
    const call = request(
      { host: to, port, path, method, localAddress: from, headers },
      (answer) => {
        const parts: Uint8Array[] = [];
        answer.on('data', (part: Uint8Array) => parts.push(part));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'],
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

describe('who is answered', () => {
  it('a guest that came from its address through its gateway', async () => {
    const port = await listen();
    const answer = await ask(port, '/openstack/latest/meta_data.json');
    expect([answer.status, answer.type]).toEqual([200, 'application/json; charset=UTF-8']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ uuid: SERVER });
  });

  it('nobody else, whatever they say of themselves', async () => {
    const port = await listen();
    const headers = { 'x-forwarded-for': '127.0.0.5', 'x-instance-id': SERVER };
    for (const how of [{ from: '127.0.0.6' }, { to: '127.0.0.2' }, { from: '127.0.0.6', headers }])
      for (const path of ['/', '/latest/meta-data/', '/openstack/latest/password'])
        expect((await ask(port, path, how)).status).toBe(404);
  });

  it('no server that is gone', async () => {
    const port = await listen({ metadataFor: () => undefined });
    expect((await ask(port, '/')).status).toBe(404);
  });
});

describe('what is answered', () => {
  it('text and bytes as they are', async () => {
    const port = await listen();
    const versions = await ask(port, '/');
    expect([versions.status, versions.type]).toEqual([200, 'text/plain; charset=UTF-8']);
    expect(versions.body.toString()).toMatch(/^1\.0\n2007-01-19\n/);
    expect([...(await ask(port, '/openstack/latest/user_data')).body]).toEqual([0, 255, 10]);
    expect([...(await ask(port, '/latest/user-data?x=1')).body]).toEqual([0, 255, 10]);
  });

  it.each(['/nothing', '/openstack/latest/nothing', '/latest/%2e%2e/%2e%2e/etc/passwd'])(
    '%s is not found',
    async (path) => {
      expect((await ask(await listen(), path)).status).toBe(404);
    },
  );

  it('a path that can not be decoded is a bad request', async () => {
    expect((await ask(await listen(), '/latest/%')).status).toBe(400);
  });

  it('nothing is written to', async () => {
    const port = await listen();
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await ask(port, '/latest/meta-data/', { method })).status).toBe(405);
    expect(
      (await ask(port, '/openstack/latest/password', { method: 'POST', body: 'x' })).status,
    ).toBe(405);
    expect((await ask(port, '/latest/user-data', { method: 'HEAD' })).body).toHaveLength(0);
  });

  it('a fault inside is a 500 without details', async () => {
    const port = await listen({
      metadataFor: () => {
        throw new Error('the secret of the house');
      },
    });
    const answer = await ask(port, '/');
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain('secret');
  });
});

describe('the password', () => {
  const path = '/openstack/latest/password';

  it('is posted once and read back', async () => {
    const saved: unknown[] = [];
    let password = '';
    const port = await listen({
      metadataFor: () => ({ ...metadata, password }),
      savePassword: (serverId, text, requestId) => {
        saved.push([serverId, text, requestId.slice(0, 4)]);
        password = text;
        return Promise.resolve();
      },
    });
    expect((await ask(port, path)).body.toString()).toBe('');
    expect((await ask(port, path, { method: 'POST', body: 'encrypted' })).status).toBe(200);
    expect(saved).toEqual([[SERVER, 'encrypted', 'req-']]);
    expect((await ask(port, path)).body.toString()).toBe('encrypted');
    expect((await ask(port, path, { method: 'POST', body: 'again' })).status).toBe(409);
    expect((await ask(port, path, { method: 'DELETE' })).status).toBe(405);
    expect(saved).toHaveLength(1);
  });

  it('of more than 1020 bytes is refused', async () => {
    const port = await listen({ savePassword: () => Promise.reject(new Error('never')) });
    const answer = await ask(port, path, { method: 'POST', body: 'x'.repeat(1021) });
    expect([answer.status, answer.body.toString()]).toEqual([400, 'Request is too large.\n']);
  });
});
