// The unmodified `openstack` client against identity over a real socket: what a person does on the first day.
// Each command is a process of its own and costs over a second, so there are few of them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noCompliance } from '#actors/services/identity/compliance.ts';
import { identityEntity } from '#actors/services/identity/entity.ts';
import { passwordHasher } from '#actors/services/identity/passwords.ts';
import { seedIdentity } from '#actors/services/identity/seed.ts';
import { embeddedIdentity } from '#actors/services/identity/service.ts';
import { identityPlugin } from '#api/identity/plugin.ts';
import { buildServer } from '#api/server.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';

const run = promisify(execFile);
let app: FastifyInstance;
let authUrl: string;

beforeAll(async () => {
  const env = realEnv(silentLog);
  const cluster = pureCluster([identityEntity], () => env.clock.now());
  const view = cluster.view(identityEntity);
  const passwords = passwordHasher(env.random);
  const keys = [{ id: 'k1', secret: env.random.bytes(32) }];
  const identity = embeddedIdentity({ view, keys, clock: env.clock });
  await seedIdentity(cluster.router, {
    view,
    passwords,
    random: env.random,
    adminPassword: 'secret-admin',
    userPassword: 'secret-demo',
    region: 'RegionOne',
    requestId: 'req-seed',
  });
  const context = {
    env,
    router: cluster.router,
    views: cluster.views,
    identity,
    region: 'RegionOne',
    publicUrl: 'http://127.0.0.1',
  };
  const plugin = identityPlugin(context, { identity, passwords, compliance: noCompliance });
  app = buildServer(context, [{ prefix: '/identity', plugin }]);
  authUrl = `${await app.listen({ host: '127.0.0.1', port: 0 })}/identity/v3`;
});
afterAll(() => app.close());

interface Login {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}
const admin: Login = { user: 'admin', password: 'secret-admin', project: 'admin' };

/** What the command prints; rejects with what it complains of. */
async function openstack(as: Login, ...words: readonly string[]): Promise<string> {
  const { stdout } = await run('openstack', words, {
    timeout: 60_000,
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      LC_ALL: 'C.UTF-8',
      no_proxy: '127.0.0.1',
      OS_AUTH_URL: authUrl,
      OS_IDENTITY_API_VERSION: '3',
      OS_USERNAME: as.user,
      OS_PASSWORD: as.password,
      OS_PROJECT_NAME: as.project,
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    },
  });
  return stdout.trim();
}
const json = async (as: Login, ...words: readonly string[]): Promise<unknown> =>
  JSON.parse(await openstack(as, ...words, '-f', 'json'));

describe('the openstack client', () => {
  it('reads the catalogue with addresses at the port that it logged in to', async () => {
    const catalog = (await json(admin, 'catalog', 'list')) as readonly {
      readonly Type: string;
      readonly Endpoints: readonly { readonly url: string }[];
    }[];
    const root = authUrl.slice(0, -'/identity/v3'.length);
    expect(
      Object.fromEntries(catalog.map(({ Type, Endpoints }) => [Type, Endpoints[0]?.url])),
    ).toEqual({
      identity: `${root}/identity`,
      compute: `${root}/compute/v2.1`,
      image: `${root}/image`,
      network: `${root}/network`,
      placement: `${root}/placement`,
    });
  });

  it('makes a project and a user who can work in it and nowhere else', async () => {
    const anna: Login = { user: 'anna', password: 'secret-anna', project: 'lab' };
    const project = await json(admin, 'project', 'create', 'lab', '--description', 'Lab');
    expect(project).toMatchObject({ name: 'lab', domain_id: 'default', enabled: true, tags: [] });
    await openstack(
      admin,
      'user',
      'create',
      'anna',
      '--password',
      anna.password,
      '--email',
      'a@b.test',
    );
    await openstack(admin, 'role', 'add', '--user', 'anna', '--project', 'lab', 'member');
    const given = await json(admin, 'role', 'assignment', 'list', '--user', 'anna', '--names');
    expect(given).toEqual([
      {
        Role: 'member',
        User: 'anna@Default',
        Group: '',
        Project: 'lab@Default',
        Domain: '',
        System: '',
        Inherited: false,
      },
    ]);
    expect(await openstack(anna, 'project', 'list', '-f', 'value', '-c', 'Name')).toBe('lab');
    await expect(openstack({ ...anna, project: 'admin' }, 'token', 'issue')).rejects.toThrow(
      'requires authentication',
    );
    await openstack(
      anna,
      'user',
      'password',
      'set',
      '--original-password',
      anna.password,
      '--password',
      'other',
    );
    await expect(openstack(anna, 'token', 'issue')).rejects.toThrow('requires authentication');
    await openstack(admin, 'user', 'delete', 'anna');
    await openstack(admin, 'project', 'delete', 'lab');
    const left = await openstack(admin, 'project', 'list', '-f', 'value', '-c', 'Name');
    expect(left.split('\n').toSorted()).toEqual(['admin', 'demo', 'service']);
  });
});
