// Every service while its journal is away: each write is answered 503 at once, in the service's form, and has done
// nothing; reads go on; and all is as before when the journal is back. Over production code and a journal in memory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { mergeConfig } from '#config/load.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import { realEnv } from '#runtime/env/real.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { Assembly } from '../../../src/assembly.ts';
import { buildApi } from '../../../src/front-door.ts';
import { addNeighbours, seedCloud } from '../../../src/neighbours.ts';
import { isInForm, type ServiceName } from './envelopes.ts';

const AT_ONCE_MS = 1_000;
const BACK_WITHIN_MS = 5_000;

let directory: string;
let journal: MemoryJournal;
let assembly: Assembly;
let app: FastifyInstance;
let token: string;
let projectId: string;
/** Of what is there already, to be changed. */
let ids: Readonly<
  Record<'user' | 'flavor' | 'network' | 'group' | 'image' | 'tiny' | 'private', string>
>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-away-'));
  const image = join(directory, 'tiny.raw');
  writeFileSync(image, Buffer.alloc(65_536));
  const env = realEnv(silentLog);
  journal = openMemoryJournal({ env });
  const config = mergeConfig([
    { source: 'the test', config: { data: directory, hypervisor: { kind: 'simulated' } } },
  ]);
  const secrets = {
    cluster: 'away',
    adminPassword: 'admin-secret',
    userPassword: 'demo-secret',
    tokenKeys: [{ id: 'key-1', secret: Buffer.alloc(32, 'k').toString('base64') }],
  };
  const authority = soleAuthority({ epoch: 1 }, () => undefined);
  assembly = new Assembly({ env, name: 'away', journal, authority, quotas: defaultQuotaLimits });
  const neighbours = addNeighbours(assembly, { env, config, secrets });
  await assembly.recover();
  const tinyImage = { path: image, diskFormat: 'raw' } as const;
  await seedCloud(assembly, neighbours, { env, config, secrets, tinyImage });
  assembly.start();
  app = buildApi({ assembly, neighbours, config });
  await login();
  ids = {
    user: await made('/identity/v3/users', 'user', { name: 'someone', password: 'secret' }),
    flavor: await made('/compute/v2.1/flavors', 'flavor', flavor('small')),
    network: await made('/network/v2.0/networks', 'network', { name: 'some' }),
    group: await made('/network/v2.0/security-groups', 'security_group', { name: 'some' }),
    image: await made('/image/v2/images', undefined, {
      name: 'some',
      disk_format: 'raw',
      container_format: 'bare',
    }),
    tiny: await found('/image/v2/images', 'images', 'tiny'),
    private: await found('/network/v2.0/networks', 'networks', 'private'),
  };
});
afterAll(async () => {
  journal.setFaults({});
  await app?.close();
  await assembly?.stop();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => {
  journal.setFaults({});
});

const flavor = (name: string) => ({ name, ram: 64, vcpus: 1, disk: 1 });

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const send = (method: Method, url: string, body?: object | Buffer, type = 'application/json') =>
  app.inject({
    method,
    url,
    headers: {
      'x-auth-token': token,
      'openstack-api-version': 'compute 2.79',
      ...(body === undefined ? {} : { 'content-type': type }),
    },
    ...(body === undefined
      ? {}
      : { payload: body instanceof Buffer ? body : JSON.stringify(body) }),
  });

async function login(name = 'admin'): Promise<number> {
  const domain = { id: 'default' };
  const reply = await app.inject({
    method: 'POST',
    url: '/identity/v3/auth/tokens',
    payload: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name, password: `${name}-secret`, domain } },
        },
        scope: { project: { name, domain } },
      },
    },
  });
  if (reply.statusCode !== 201) return reply.statusCode;
  token = String(reply.headers['x-subject-token']);
  projectId = reply.json<{ token: { project: { id: string } } }>().token.project.id;
  return reply.statusCode;
}

/** The new one's id; the image service alone wraps nothing. */
async function made(path: string, wrapper: string | undefined, fields: object): Promise<string> {
  const reply = await send('POST', path, wrapper === undefined ? fields : { [wrapper]: fields });
  if (reply.statusCode >= 300) throw new Error(`${path}: ${reply.statusCode} ${reply.body}`);
  if (wrapper === undefined) return reply.json<{ id: string }>().id;
  return reply.json<Record<string, { id: string }>>()[wrapper]?.id ?? '';
}

async function found(path: string, collection: string, name: string): Promise<string> {
  const reply = await send('GET', `${path}?name=${name}`);
  return reply.json<Record<string, { id: string }[]>>()[collection]?.[0]?.id ?? '';
}

const lists: readonly (readonly [ServiceName | 'placement', string])[] = [
  ['identity', '/identity/v3/users'],
  ['identity', '/identity/v3/projects'],
  ['compute', '/compute/v2.1/flavors/detail?is_public=None'],
  ['compute', '/compute/v2.1/os-keypairs'],
  ['compute', '/compute/v2.1/servers/detail'],
  ['compute', '/compute/v2.1/limits'],
  ['image', '/image/v2/images'],
  ['network', '/network/v2.0/networks'],
  ['network', '/network/v2.0/ports'],
  ['network', '/network/v2.0/subnets'],
  ['network', '/network/v2.0/security-groups'],
  ['placement', '/placement/resource_providers'],
];

/** What all lists show now. */
async function everything(): Promise<Readonly<Record<string, unknown>>> {
  const shown: Record<string, unknown> = {};
  for (const [, path] of lists) {
    const reply = await send('GET', path);
    expect([path, reply.statusCode]).toEqual([path, 200]);
    shown[path] = reply.json();
  }
  return shown;
}

const writes = (): readonly (readonly [ServiceName, Method, string, (object | Buffer)?])[] => [
  ['identity', 'POST', '/identity/v3/users', { user: { name: 'new', password: 'secret' } }],
  ['identity', 'PATCH', `/identity/v3/users/${ids.user}`, { user: { description: 'x' } }],
  ['identity', 'DELETE', `/identity/v3/users/${ids.user}`],
  ['identity', 'POST', '/identity/v3/projects', { project: { name: 'new' } }],
  ['compute', 'POST', '/compute/v2.1/flavors', { flavor: flavor('new') }],
  ['compute', 'DELETE', `/compute/v2.1/flavors/${ids.flavor}`],
  ['compute', 'POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'new', type: 'ssh' } }],
  [
    'compute',
    'PUT',
    `/compute/v2.1/os-quota-sets/${projectId}`,
    { quota_set: { instances: 7, force: true } },
  ],
  [
    'compute',
    'POST',
    '/compute/v2.1/servers',
    {
      server: {
        name: 'new',
        imageRef: ids.tiny,
        flavorRef: ids.flavor,
        networks: [{ uuid: ids.private }],
        max_count: 3,
      },
    },
  ],
  ['image', 'POST', '/image/v2/images', { name: 'new' }],
  ['image', 'DELETE', `/image/v2/images/${ids.image}`],
  ['image', 'PUT', `/image/v2/images/${ids.image}/file`, Buffer.alloc(10_000)],
  ['network', 'POST', '/network/v2.0/networks', { network: { name: 'new' } }],
  ['network', 'PUT', `/network/v2.0/networks/${ids.network}`, { network: { name: 'x' } }],
  [
    'network',
    'POST',
    '/network/v2.0/subnets',
    { subnet: { network_id: ids.network, cidr: '10.9.0.0/24', ip_version: 4 } },
  ],
  ['network', 'POST', '/network/v2.0/ports', { port: { network_id: ids.network } }],
  ['network', 'POST', '/network/v2.0/security-groups', { security_group: { name: 'new' } }],
  ['network', 'DELETE', `/network/v2.0/security-groups/${ids.group}`],
];

const typeOf = (body: unknown): string =>
  body instanceof Buffer ? 'application/octet-stream' : 'application/json';

describe('with the journal away', () => {
  it('every write is answered 503 with Retry-After at once, in its service’s form, and has done nothing', async () => {
    const before = await everything();
    for (const [service, method, path, body] of writes()) {
      journal.setFaults({ isUnavailable: true });
      const startMs = performance.now();
      const reply = await send(method, path, body, typeOf(body));
      const what = `${method} ${path}`;
      expect([what, reply.statusCode, reply.headers['retry-after']]).toEqual([what, 503, '1']);
      expect(performance.now() - startMs).toBeLessThan(AT_ONCE_MS);
      expect([what, isInForm(service, 503, reply.body)]).toEqual([what, true]);
      expect(reply.body).toContain('it is not known whether the request was carried out');
    }
    expect(await everything()).toEqual(before);
    journal.setFaults({});
    expect(await everything()).toEqual(before);
  });

  it('a command behind one that failed is answered 503, too, and not 500', async () => {
    journal.setFaults({ isUnavailable: true });
    for (let time = 1; time <= 3; time += 1) {
      const reply = await send('POST', '/network/v2.0/ports', {
        port: { network_id: ids.network },
      });
      expect([time, reply.statusCode]).toEqual([time, 503]);
      expect(isInForm('network', 503, reply.body)).toBe(true);
    }
  });

  it.each(lists)('%s is read at %s', async (_service, path) => {
    journal.setFaults({ isUnavailable: true });
    expect((await send('GET', path)).statusCode).toBe(200);
  });

  it('the first look of a project at its security groups goes on, without the default one', async () => {
    journal.setFaults({ isUnavailable: true });
    expect(await login('demo')).toBe(201);
    const path = '/network/v2.0/security-groups';
    const away = await send('GET', path);
    expect([away.statusCode, away.json()]).toEqual([200, { security_groups: [] }]);
    journal.setFaults({});
    const back = (await send('GET', path)).json<{ security_groups: { name: string }[] }>();
    expect(back.security_groups.map(({ name }) => name)).toEqual(['default']);
    await login();
  });

  it('logins go on', async () => {
    journal.setFaults({ isUnavailable: true });
    expect(await login()).toBe(201);
  });

  it('and back again, every write works within five seconds', async () => {
    for (const [, method, path, body] of writes()) {
      journal.setFaults({ isUnavailable: true });
      await send(method, path, body, typeOf(body));
    }
    journal.setFaults({});
    const startMs = performance.now();
    const order = writes().toSorted(
      ([, a], [, b]) => Number(a === 'DELETE') - Number(b === 'DELETE'),
    );
    for (const [, method, path, body] of order) {
      const reply = await send(method, path, body, typeOf(body));
      const isDone = reply.statusCode >= 200 && reply.statusCode < 300;
      expect([method, path, isDone ? 'done' : `${reply.statusCode} ${reply.body}`]).toEqual([
        method,
        path,
        'done',
      ]);
    }
    expect(performance.now() - startMs).toBeLessThan(BACK_WITHIN_MS);
  });
});
