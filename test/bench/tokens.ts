// Tokens: issuing one by password over HTTP, with the hash known to the process and without, and validating one that the
// process has never seen, which takes its signature and the state and no lookup.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityEntity } from '#actors/services/identity/entity.ts';
import { passwordHasher } from '#actors/services/identity/passwords.ts';
import { seededIds, seedIdentity } from '#actors/services/identity/seed.ts';
import { embeddedIdentity } from '#actors/services/identity/service.ts';
import type { TokenClaims } from '#actors/services/identity/token-codec.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';
import { BenchCloud } from './bench-cloud.ts';
import { Connection } from './http.ts';
import { ms, quantile, type Row } from './table.ts';

const USERS = 40;
const LOGINS = 400;
const TOKENS = 5_000;
const domain = { id: 'default' };

export async function tokenSpeed(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({ cidr: '10.94.0.0/20', hypervisor: 'simulated' });
  try {
    await makeUsers(cloud);
    // A process that starts anew knows no password.
    await cloud.launched.kilonova('down');
    await cloud.launched.up();
    await cloud.connect();
    const connection = await Connection.open(cloud.url);
    const first: number[] = [];
    for (let index = 0; index < USERS; index += 1) first.push(await login(connection, index));
    const again: number[] = [];
    for (let index = 0; index < LOGINS; index += 1)
      again.push(await login(connection, index % USERS));
    connection.close();
    const validations = await validate();
    return [
      row('issue a token, password not seen by this process, p50', first, 60),
      row('issue a token, password known by its keyed digest, p50', again, 5),
      row('validate a token not seen before, p50', validations, 0.1),
    ];
  } finally {
    await cloud.launched.remove();
  }
}

function row(what: string, times: readonly number[], barMs: number): Row {
  const p50 = quantile(times, 0.5);
  return {
    what: `${what} (p99 ${ms(quantile(times, 0.99))})`,
    figure: p50 < 0.1 ? `${(p50 * 1_000).toFixed(0)} µs` : ms(p50),
    bar: `≤ ${barMs} ms`,
    isMet: p50 <= barMs,
  };
}

const nameOf = (index: number): string => `bench-${index}`;

async function makeUsers(cloud: BenchCloud): Promise<void> {
  const secrets = JSON.parse(readFileSync(join(cloud.launched.data, 'secrets.json'), 'utf8')) as {
    adminPassword: string;
  };
  const connection = await Connection.open(cloud.url);
  const scope = { project: { name: 'admin', domain } };
  const reply = await authenticate(connection, 'admin', secrets.adminPassword, scope);
  const token = /\r\nx-subject-token: *(\S+)/i.exec(reply.headers)?.[1] ?? '';
  for (let index = 0; index < USERS; index += 1) {
    const user = { name: nameOf(index), password: `secret of ${nameOf(index)}` };
    const headers = { 'x-auth-token': token };
    const made = await connection.send('POST', '/identity/v3/users', headers, { user });
    if (made.status !== 201) throw new Error(`user: ${made.status} ${made.body.toString()}`);
  }
  connection.close();
}

function authenticate(connection: Connection, name: string, password: string, scope?: object) {
  const identity = { methods: ['password'], password: { user: { name, password, domain } } };
  const auth = { identity, ...(scope === undefined ? {} : { scope }) };
  return connection.send('POST', '/identity/v3/auth/tokens', {}, { auth });
}

async function login(connection: Connection, index: number): Promise<number> {
  const startMs = performance.now();
  const reply = await authenticate(connection, nameOf(index), `secret of ${nameOf(index)}`);
  if (reply.status !== 201) throw new Error(`login: ${reply.status} ${reply.body.toString()}`);
  return performance.now() - startMs;
}

/** In this process, as each API request does it. */
async function validate(): Promise<readonly number[]> {
  const env = createVirtualEnv({ seed: 'tokens' });
  const cluster = pureCluster([identityEntity], () => env.clock.now());
  const view = cluster.view(identityEntity);
  await seedIdentity(cluster.router, {
    view,
    passwords: passwordHasher(env.random, { cost: 16 }),
    random: env.random,
    adminPassword: 'a',
    userPassword: 'd',
    region: 'RegionOne',
    requestId: 'req-seed',
  });
  const keys = [{ id: 'k', secret: env.random.bytes(32) }];
  const identity = embeddedIdentity({ view, keys, clock: env.clock });
  const { adminUserId = '', adminProjectId = '' } = seededIds(view);
  const issuedAtMs = env.clock.now();
  const tokens = Array.from({ length: TOKENS }, () => {
    const claims: TokenClaims = {
      userId: adminUserId,
      methods: ['password'],
      scope: { kind: 'project', id: adminProjectId },
      issuedAtMs,
      expiresAtMs: issuedAtMs + 3_600_000,
      auditId: randomBytes(16).toString('base64url'),
    };
    return identity.issue(claims);
  });
  return tokens.map((token) => {
    const startMs = performance.now();
    const grant = identity.inspect(token);
    const endMs = performance.now();
    if (grant === undefined) throw new Error('a good token was found void');
    return endMs - startMs;
  });
}
