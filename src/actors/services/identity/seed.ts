// First content of a cloud's identity: the default domain, roles, the users admin and demo with their projects, and
// the catalogue. Each step is stored once and never again, so what an operator deletes or changes stays so.
import { randomHexId } from './ids.ts';
import type { PasswordHasher } from './passwords.ts';
import { identityId, type IdentityCommandNamed, identityRef } from './protocol.ts';
import type { Assignment, Endpoint, Project, Role, Service, User } from './records.ts';
import { findByName, type IdentityState } from './state.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Random } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';

export interface IdentitySeed {
  readonly view: StateView<IdentityState>;
  readonly passwords: PasswordHasher;
  readonly random: Random;
  /** Of the user `admin`. */
  readonly adminPassword: string;
  /** Of the user `demo`. */
  readonly userPassword: string;
  /** Id of the region that all endpoints are in. */
  readonly region: string;
  readonly requestId: string;
}

/** `{base}` becomes the address at which a client reaches us. Image and network clients append their version. */
const catalogue: readonly { type: string; name: string; description: string; url: string }[] = [
  { type: 'identity', name: 'keystone', description: 'Identity', url: '{base}/identity' },
  { type: 'compute', name: 'nova', description: 'Compute', url: '{base}/compute/v2.1' },
  { type: 'image', name: 'glance', description: 'Image', url: '{base}/image' },
  { type: 'network', name: 'neutron', description: 'Network', url: '{base}/network' },
  { type: 'placement', name: 'placement', description: 'Placement', url: '{base}/placement' },
];

/** Weakest last; each of the first three implies the next. `service` stands alone. */
const roleNames = ['admin', 'manager', 'member', 'reader', 'service'] as const;

type Seed = IdentityCommandNamed<'identity.seed'>;

/** Costs two password hashes the first time, and nothing but a look at the view afterwards. */
export async function seedIdentity(router: Router, seed: IdentitySeed): Promise<void> {
  await store(router, seed, 'cloud', () => cloudSeed(seed));
  for (const service of catalogue)
    await store(router, seed, `catalogue:${service.type}`, async () =>
      catalogueSeed(seed, service),
    );
}

/** Ids that other services' first content belongs to; undefined where an operator has deleted them. */
export function seededIds(view: StateView<IdentityState>): {
  readonly adminProjectId: string | undefined;
  readonly demoProjectId: string | undefined;
  readonly adminUserId: string | undefined;
} {
  const state = view.get(identityId);
  const find = (kind: 'project' | 'user', name: string) =>
    state === undefined ? undefined : findByName(state, kind, 'default', name);
  return {
    adminProjectId: find('project', 'admin'),
    demoProjectId: find('project', 'demo'),
    adminUserId: find('user', 'admin'),
  };
}

async function store(
  router: Router,
  seed: IdentitySeed,
  step: string,
  content: () => Promise<Partial<Seed>>,
): Promise<void> {
  if (seed.view.get(identityId)?.seededSteps.includes(step) === true) return;
  const command: Seed = {
    type: 'identity.seed',
    domains: [],
    projects: [],
    users: [],
    roles: [],
    implied: [],
    assignments: [],
    regions: [],
    services: [],
    endpoints: [],
    ...(await content()),
    step,
  };
  const answer = await router.ask(identityRef, command, { requestId: seed.requestId });
  if (isRefusal(answer))
    throw new Error(`the first content of identity (${step}) was refused: ${answer.refused}`);
}

async function cloudSeed(seed: IdentitySeed): Promise<Partial<Seed>> {
  const roles = roleNames.map((name) => newRole(randomHexId(seed.random), name));
  const roleId = (name: (typeof roleNames)[number]) =>
    roles.find((role) => role.name === name)?.id ?? '';
  const [adminHash, demoHash] = await Promise.all([
    seed.passwords.hash(seed.adminPassword),
    seed.passwords.hash(seed.userPassword),
  ]);
  const project = (name: string, description: string) =>
    newProject(randomHexId(seed.random), name, description);
  const adminProject = project('admin', 'Administration of the cloud.');
  const demoProject = project('demo', 'A project to try things in.');
  const admin = newUser(randomHexId(seed.random), 'admin', adminHash);
  const demo = newUser(randomHexId(seed.random), 'demo', demoHash);
  const give = (user: User, role: (typeof roleNames)[number], target: Assignment['target']) => ({
    actor: { kind: 'user' as const, id: user.id },
    target,
    roleId: roleId(role),
    inherited: false,
  });
  return {
    domains: [
      {
        id: 'default',
        name: 'Default',
        description: 'The default domain',
        enabled: true,
        tags: [],
        options: {},
        extra: {},
        revokedBeforeMs: 0,
      },
    ],
    roles,
    implied: (['admin', 'manager', 'member'] as const).map((prior, at) => ({
      priorRoleId: roleId(prior),
      impliedRoleId: roles[at + 1]?.id ?? '',
    })),
    projects: [adminProject, demoProject, project('service', 'For users that are services.')],
    users: [admin, demo],
    assignments: [
      give(admin, 'admin', { kind: 'project', id: adminProject.id }),
      give(admin, 'admin', { kind: 'domain', id: 'default' }),
      give(admin, 'admin', { kind: 'system', id: 'all' }),
      give(demo, 'member', { kind: 'project', id: demoProject.id }),
    ],
    regions: [{ id: seed.region, description: '', extra: {} }],
  };
}

function catalogueSeed(
  seed: IdentitySeed,
  entry: { type: string; name: string; description: string; url: string },
): Partial<Seed> {
  const { type, name, description, url } = entry;
  const service: Service = {
    id: randomHexId(seed.random),
    type,
    enabled: true,
    extra: { name, description },
  };
  const endpoints = (['public', 'internal', 'admin'] as const).map(
    (face): Endpoint => ({
      id: randomHexId(seed.random),
      serviceId: service.id,
      regionId: seed.region,
      interface: face,
      url,
      enabled: true,
      extra: {},
    }),
  );
  return { services: [service], endpoints };
}

function newRole(id: string, name: string): Role {
  return { id, name, options: { immutable: true }, extra: {} };
}

function newProject(id: string, name: string, description: string): Project {
  return {
    id,
    name,
    domainId: 'default',
    parentId: 'default',
    description,
    enabled: true,
    tags: [],
    options: {},
    extra: {},
    revokedBeforeMs: 0,
  };
}

function newUser(id: string, name: string, passwordHash: string): User {
  return {
    id,
    name,
    domainId: 'default',
    enabled: true,
    passwordHash,
    options: {},
    extra: {},
    revokedBeforeMs: 0,
  };
}
