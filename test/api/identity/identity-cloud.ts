// A cloud of identity alone, in memory and in virtual time, for tests of its API: seeded as `up` seeds it.
import type { FastifyInstance } from 'fastify';
import { noCompliance, type SecurityCompliance } from '#actors/services/identity/compliance.ts';
import { identityEntity } from '#actors/services/identity/entity.ts';
import { passwordHasher } from '#actors/services/identity/passwords.ts';
import { seedIdentity } from '#actors/services/identity/seed.ts';
import { type EmbeddedIdentity, embeddedIdentity } from '#actors/services/identity/service.ts';
import { identityPlugin } from '#api/identity/plugin.ts';
import { buildServer } from '#api/server.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
}

/** What lies at a path in JSON; undefined where there is nothing. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<string | number, unknown>> | undefined)?.[key],
    value,
  );
}

/** One field of each item of a list. */
export function all(list: unknown, field: string): readonly unknown[] {
  return (list as readonly unknown[]).map((item) => at(item, field));
}

export interface IdentityCloud {
  readonly app: FastifyInstance;
  readonly env: VirtualEnv;
  readonly cluster: PureCluster;
  readonly identity: EmbeddedIdentity;
  /** `path` is below `/identity`; `body` is sent as JSON. */
  call(method: Method, path: string, options?: CallOptions): Promise<Reply>;
  /** A token; throws unless it is given. */
  login(credentials: Credentials): Promise<string>;
  /** A token of the administrator, for the project `admin`. */
  readonly admin: string;
  /** `path` is below `/identity/v3`. */
  asAdmin(method: Method, path: string, body?: unknown): Promise<Reply>;
  /** Makes one and returns its id; throws unless it is made. */
  create(collection: string, fields: object): Promise<string>;
  /** The id of the first one by that name. */
  idOf(collection: string, name: string): Promise<string>;
}
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
/** The names in a list, in order of the alphabet. */
export function namesIn(list: unknown): readonly string[] {
  return all(list, 'name').map(String).toSorted();
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly domain?: string;
  readonly scope?: unknown;
}

export const host = 'cloud.test:8774';
export const base = `http://${host}`;

export async function identityCloud(
  rules: Partial<SecurityCompliance> = {},
): Promise<IdentityCloud> {
  const env = createVirtualEnv({ seed: 'identity' });
  const cluster = pureCluster([identityEntity], () => env.clock.now());
  const view = cluster.view(identityEntity);
  const passwords = passwordHasher(env.random, { cost: 16 });
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
    publicUrl: 'http://127.0.0.1:8774',
  };
  const plugin = identityPlugin(context, {
    identity,
    passwords,
    compliance: { ...noCompliance, ...rules },
  });
  const app = buildServer(context, [{ prefix: '/identity', plugin }]);

  const call: IdentityCloud['call'] = async (method, path, options = {}) => {
    const reply = await app.inject({
      method,
      url: `/identity${path}`,
      headers: {
        host,
        ...(options.token === undefined ? {} : { 'x-auth-token': options.token }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { payload: JSON.stringify(options.body) }),
    });
    const body = reply.body === '' ? undefined : (JSON.parse(reply.body) as unknown);
    return { status: reply.statusCode, headers: reply.headers, body };
  };
  const login: IdentityCloud['login'] = async (credentials) => {
    const reply = await call('POST', '/v3/auth/tokens', { body: authBody(credentials) });
    if (reply.status !== 201) throw new Error(`login: ${JSON.stringify(reply)}`);
    return String(reply.headers['x-subject-token']);
  };
  const admin = await login({
    user: 'admin',
    password: 'secret-admin',
    scope: projectScope('admin'),
  });
  const asAdmin: IdentityCloud['asAdmin'] = (method, path, body) =>
    call(method, `/v3${path}`, { token: admin, ...(body === undefined ? {} : { body }) });
  const create: IdentityCloud['create'] = async (collection, fields) => {
    const member = collection.slice(0, -1);
    const reply = await asAdmin('POST', `/${collection}`, { [member]: fields });
    if (reply.status !== 201) throw new Error(`create ${member}: ${JSON.stringify(reply.body)}`);
    return String(at(reply.body, member, 'id'));
  };
  const idOf: IdentityCloud['idOf'] = async (collection, name) =>
    String(at((await asAdmin('GET', `/${collection}?name=${name}`)).body, collection, 0, 'id'));
  return { app, env, cluster, identity, call, login, admin, asAdmin, create, idOf };
}

export function projectScope(name: string, domain = 'Default'): object {
  return { project: { name, domain: { name: domain } } };
}

export function authBody(credentials: Credentials): object {
  const { user, password, domain = 'Default', scope } = credentials;
  return {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: user, password, domain: { name: domain } } },
      },
      ...(scope === undefined ? {} : { scope }),
    },
  };
}

/** Keystone's envelope. */
export function errorBody(code: number, title: string, message: string): object {
  return { error: { code, message, title } };
}
