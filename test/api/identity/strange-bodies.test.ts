// Whatever is sent, nothing fails inside: every answer to a strange body is a 4xx, or the thing was right after all.
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type IdentityCloud, identityCloud, type Method } from './identity-cloud.ts';

let cloud: IdentityCloud;
const ids: Record<string, string> = {};
beforeAll(async () => {
  cloud = await identityCloud();
  ids.user = await cloud.idOf('users', 'demo');
  ids.project = await cloud.idOf('projects', 'demo');
  ids.role = await cloud.idOf('roles', 'member');
});

const text = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    'default',
    'demo',
    '\u0000',
    '\u001b[2J',
    '$(project_id)s',
    '%',
    '__proto__',
    '🦊',
  ),
  fc.string({ maxLength: 300, unit: 'binary' }),
);
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = Object.fromEntries(
  [
    'name',
    'id',
    'domain_id',
    'parent_id',
    'enabled',
    'description',
    'tags',
    'options',
    'is_domain',
    'password',
    'original_password',
    'default_project_id',
    'url',
    'interface',
    'service_id',
    'region',
    'region_id',
    'type',
    'parent_region_id',
    'roles',
    'expires_at',
    'access_rules',
    'unrestricted',
    'secret',
    'explicit_domain_id',
    'methods',
    'user',
    'token',
    'domain',
    'project',
    'system',
    'scope',
    'identity',
    'application_credential',
  ].map((name) => [name, fc.oneof(text, fc.boolean(), fc.jsonValue({ maxDepth: 4 }))]),
);
const strange = fc.oneof(
  { weight: 4, arbitrary: fc.record(fields, { requiredKeys: [] }) },
  fc.jsonValue({ maxDepth: 4 }),
);
const members = ['user', 'project', 'domain', 'group', 'role', 'region', 'service', 'endpoint'];
const targets: readonly (readonly [Method, () => string, string])[] = [
  ...members.map((member) => ['POST', () => `/${member}s`, member] as const),
  ...members.map((member) => ['PATCH', () => `/${member}s/${ids[member] ?? 'x'}`, member] as const),
  ['POST', () => `/users/${ids.user}/password`, 'user'],
  ['POST', () => `/users/${ids.user}/application_credentials`, 'application_credential'],
  ['PUT', () => `/projects/${ids.project}/tags`, 'tags'],
  ['PUT', () => '/regions/x', 'region'],
  ['POST', () => '/auth/tokens', 'auth'],
];
/** A login with one part of it replaced. */
const strangeLogin = fc.record({ part: fc.nat(6), value: strange }).map(({ part, value }) => {
  const user = { name: 'demo', password: 'secret-demo', domain: { name: 'Default' } };
  const password = { user };
  const identity = { methods: ['password'], password };
  const scope = { project: { name: 'demo', domain: { id: 'default' } } };
  return [
    { identity, scope: value },
    { identity, scope: { project: value } },
    { identity: { methods: ['password'], password: value } },
    { identity: { methods: ['password'], password: { user: value } } },
    { identity: { methods: ['token'], token: value } },
    { identity: { methods: ['application_credential'], application_credential: value } },
    { identity: { ...identity, methods: value }, scope },
  ][part];
});

async function statusOf(method: Method, path: string, body: unknown): Promise<number> {
  return (await cloud.asAdmin(method, path, body)).status;
}

describe('a strange body', () => {
  it.each(targets)('to %s %s is never a fault inside', async (method, path, member) => {
    await fc.assert(
      fc.asyncProperty(strange, async (value) => {
        expect(await statusOf(method, path(), { [member]: value })).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
  });

  it('to a login is never a fault inside', async () => {
    await fc.assert(
      fc.asyncProperty(strangeLogin, async (auth) => {
        expect(await statusOf('POST', '/auth/tokens', { auth })).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it('as a query or an id is never a fault inside', async () => {
    const word = fc
      .string({ maxLength: 40, unit: 'binary' })
      .map((raw) => encodeURIComponent(raw.toWellFormed()));
    const queries = ['users', 'projects', 'role_assignments', 'roles', 'domains', 'endpoints'];
    const names = [
      'name',
      'name__contains',
      'limit',
      'marker',
      'effective',
      'user.id',
      'scope.project.id',
      'tags',
      'enabled',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...queries),
        fc.constantFrom(...names),
        word,
        async (list, name, value) => {
          expect(await statusOf('GET', `/${list}?${name}=${value}`, undefined)).toBeLessThan(500);
          expect(await statusOf('GET', `/${list}/${value}`, undefined)).toBeLessThan(500);
        },
      ),
      { numRuns: 200 },
    );
  });
});
