// Who may do what: each of Keystone's personas at routes of every kind. A persona is a role with a scope.
import { beforeAll, describe, expect, it } from 'vitest';
import { identityCloud, type IdentityCloud, type Method, projectScope } from './identity-cloud.ts';

const personas = {
  'the admin of a project': { role: 'admin', on: 'project' },
  'an admin of the system': { role: 'admin', on: 'system' },
  'a reader of the system': { role: 'reader', on: 'system' },
  'the manager of a domain': { role: 'manager', on: 'domain' },
  'a member of a domain': { role: 'member', on: 'domain' },
  'a reader of a domain': { role: 'reader', on: 'domain' },
  'a member of a project': { role: 'member', on: 'project' },
  'a reader of a project': { role: 'reader', on: 'project' },
  'a service': { role: 'service', on: 'project' },
} as const;
type Persona = keyof typeof personas;

const admins: readonly Persona[] = ['the admin of a project', 'an admin of the system'];
const readers: readonly Persona[] = [...admins, 'a reader of the system'];
const domainManagers: readonly Persona[] = [...admins, 'the manager of a domain'];
const domainReaders: readonly Persona[] = [
  ...readers,
  'the manager of a domain',
  'a member of a domain',
  'a reader of a domain',
];
const everybody = Object.keys(personas) as Persona[];
const validators: readonly Persona[] = [...readers, 'a service'];

/** What is asked, with the things of the domain `home` and of the domain `away`. */
interface Things {
  readonly home: string;
  readonly project: string;
  readonly user: string;
  readonly away: string;
  readonly farUser: string;
  readonly member: string;
  readonly admin: string;
}
type Row = readonly [
  may: readonly Persona[],
  method: Method,
  path: (things: Things) => string,
  body?: (things: Things) => object,
];

const rows: Readonly<Record<string, Row>> = {
  'list users': [domainReaders, 'GET', () => '/users'],
  'list projects': [domainReaders, 'GET', () => '/projects'],
  'list groups': [domainReaders, 'GET', () => '/groups'],
  'list role assignments': [domainReaders, 'GET', () => '/role_assignments'],
  'list roles': [[...readers, 'the manager of a domain'], 'GET', () => '/roles'],
  'list domains': [readers, 'GET', () => '/domains'],
  'list services': [readers, 'GET', () => '/services'],
  'list endpoints': [readers, 'GET', () => '/endpoints'],
  'list policies': [readers, 'GET', () => '/policies'],
  'list endpoint groups': [readers, 'GET', () => '/OS-EP-FILTER/endpoint_groups'],
  'list consumers': [readers, 'GET', () => '/OS-OAUTH1/consumers'],
  'list all trusts': [readers, 'GET', () => '/OS-TRUST/trusts'],
  'list identity providers': [readers, 'GET', () => '/OS-FEDERATION/identity_providers'],
  'read the settings of a domain': [readers, 'GET', () => '/domains/config/default'],
  'list regions': [everybody, 'GET', () => '/regions'],
  'list registered limits': [everybody, 'GET', () => '/registered_limits'],
  'list limits': [everybody, 'GET', () => '/limits'],
  'list their credentials': [everybody, 'GET', () => '/credentials'],
  'see a user of the domain': [domainReaders, 'GET', ({ user }) => `/users/${user}`],
  'see a user of another domain': [readers, 'GET', ({ farUser }) => `/users/${farUser}`],
  'change a user of the domain': [
    domainManagers,
    'PATCH',
    ({ user }) => `/users/${user}`,
    () => ({ user: { email: 'x' } }),
  ],
  'change a user of another domain': [
    admins,
    'PATCH',
    ({ farUser }) => `/users/${farUser}`,
    () => ({ user: { email: 'x' } }),
  ],
  'change a project of the domain': [
    domainManagers,
    'PATCH',
    ({ project }) => `/projects/${project}`,
    () => ({ project: { description: 'x' } }),
  ],
  'change the domain': [
    admins,
    'PATCH',
    ({ home }) => `/domains/${home}`,
    () => ({ domain: { description: 'x' } }),
  ],
  'give a role in the domain': [
    domainManagers,
    'PUT',
    ({ project, user, member }) => `/projects/${project}/users/${user}/roles/${member}`,
  ],
  'give the role of administrators': [
    admins,
    'PUT',
    ({ project, user, admin }) => `/projects/${project}/users/${user}/roles/${admin}`,
  ],
  'give a role on the system': [
    admins,
    'PUT',
    ({ user, member }) => `/system/users/${user}/roles/${member}`,
  ],
  'make a region': [admins, 'PUT', () => '/regions/r', () => ({ region: {} })],
  'make a policy': [
    admins,
    'POST',
    () => '/policies',
    () => ({ policy: { blob: 'x', type: 'y' } }),
  ],
  'make a consumer': [admins, 'POST', () => '/OS-OAUTH1/consumers', () => ({ consumer: {} })],
  'set the settings of a domain': [
    admins,
    'PUT',
    ({ home }) => `/domains/${home}/config`,
    () => ({ config: { ldap: { url: 'x' } } }),
  ],
  'make a credential of another user': [
    admins,
    'POST',
    () => '/credentials',
    ({ user }) => ({ credential: { type: 'cert', blob: 'x', user_id: user } }),
  ],
};

let cloud: IdentityCloud;
let things: Things;
const tokens = new Map<string, string>();

beforeAll(async () => {
  cloud = await identityCloud();
  const home = await cloud.create('domains', { name: 'home' });
  const away = await cloud.create('domains', { name: 'away' });
  things = {
    home,
    away,
    project: await cloud.create('projects', { name: 'lab', domain_id: home }),
    user: await cloud.create('users', { name: 'near', domain_id: home }),
    farUser: await cloud.create('users', { name: 'far', domain_id: away }),
    member: await cloud.idOf('roles', 'member'),
    admin: await cloud.idOf('roles', 'admin'),
  };
  for (const [name, { role, on }] of Object.entries(personas)) {
    const id = await cloud.create('users', { name, domain_id: home, password: 'pw' });
    const place =
      on === 'system'
        ? '/system'
        : on === 'domain'
          ? `/domains/${home}`
          : `/projects/${things.project}`;
    await cloud.asAdmin('PUT', `${place}/users/${id}/roles/${await cloud.idOf('roles', role)}`);
    const scope =
      on === 'system'
        ? { system: { all: true } }
        : on === 'domain'
          ? { domain: { id: home } }
          : { project: { id: things.project } };
    tokens.set(name, await cloud.login({ user: name, password: 'pw', domain: 'home', scope }));
  }
});

describe.each(Object.entries(rows))('may %s:', (_what, [may, method, path, body]) => {
  it.each(everybody.map((persona) => [persona, may.includes(persona)] as const))(
    '%s %s',
    async (persona, allowed) => {
      const reply = await cloud.call(method, `/v3${path(things)}`, {
        token: tokens.get(persona) ?? '',
        ...(body === undefined ? {} : { body: body(things) }),
      });
      expect(allowed ? [200, 201, 204, 409] : [403]).toContain(reply.status);
    },
  );
});

describe('another’s token', () => {
  it.each(everybody.map((persona) => [persona, validators.includes(persona)] as const))(
    'is validated by %s: %s',
    async (persona, allowed) => {
      const scope = projectScope('demo');
      const subject = await cloud.login({ user: 'demo', password: 'secret-demo', scope });
      const reply = await cloud.call('GET', '/v3/auth/tokens', {
        token: tokens.get(persona) ?? '',
        headers: { 'x-subject-token': subject },
      });
      expect(reply.status).toBe(allowed ? 200 : 403);
    },
  );
});

it('a domain’s reader sees what is in it, and nothing else', async () => {
  const token = tokens.get('a reader of a domain') ?? '';
  const reply = await cloud.call('GET', '/v3/users', { token });
  const { users } = reply.body as { users: { domain_id: string }[] };
  expect(new Set(users.map(({ domain_id }) => domain_id))).toEqual(new Set([things.home]));
});
