// The owner's door: over a real socket in a private directory.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminRefusal, type ClusterAdmin } from '#api/admin/cluster-admin.ts';
import { type ControlServer, openControlServer } from '#api/admin/control-server.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { controlSocket } from '../../../src/control-socket.ts';

let directory: string;
let server: ControlServer;
/** Resolved when the process was told to end. */
let left: PromiseWithResolvers<void>;
let hasLeft: boolean;
let forced: boolean | undefined;

const row = {
  id: 'id',
  name: 'one',
  role: 'controller',
  state: 'up',
  isSelf: true,
  shards: 3,
  incarnation: 1,
  apiUrl: undefined,
  addresses: [],
  admittedAtMs: 0,
} as const;
const admin: ClusterAdmin = {
  members: async () => [row],
  shards: async () => {
    throw new Error('the store is away');
  },
  createToken: async (role) => ({ token: 'word', role, expiresAtMs: 1 }),
  leave: async ({ force }) => {
    forced = force;
    if (!force) throw new AdminRefusal('there are servers here');
  },
  revoke: async (member) => ({ ...row, name: member, state: 'revoked' }),
};

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-control-'));
  forced = undefined;
  writeFileSync(join(directory, 'control.sock'), 'left by an earlier process');
  left = Promise.withResolvers();
  hasLeft = false;
  const onLeft = (): void => {
    hasLeft = true;
    left.resolve();
  };
  const path = join(directory, 'control.sock');
  server = await openControlServer({ log: silentLog, admin, path, onLeft });
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

function ask(method: string, path: string, body?: string): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    const socketPath = join(directory, 'control.sock');
    const outgoing = request({ socketPath, method, path }, (reply) => {
      let text = '';
      reply.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      reply.on('end', () => resolve([reply.statusCode ?? 0, JSON.parse(text)]));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('the control server', () => {
  it('answers what is asked of it', async () => {
    const { apiUrl: _, ...sent } = row;
    expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600);
    expect(await ask('GET', '/members')).toEqual([200, { members: [sent] }]);
    expect(await ask('POST', '/tokens', '{"role":"compute"}')).toEqual([
      200,
      { token: 'word', role: 'compute', expiresAtMs: 1 },
    ]);
    const [, revoked] = await ask('POST', '/revoke', '{"member":"two"}');
    expect(revoked).toEqual({ ...sent, name: 'two', state: 'revoked' });
  });

  it('refuses in words what makes no sense, and goes on', async () => {
    expect(await ask('GET', '/nothing')).toEqual([404, { error: 'nothing is at /nothing' }]);
    expect(await ask('POST', '/tokens', '{"role":"king"}')).toEqual([
      409,
      { error: 'the question at /tokens is not of its shape' },
    ]);
    expect((await ask('POST', '/tokens', '{"role"'))[0]).toBe(409);
    expect((await ask('POST', '/tokens', 'x'.repeat(70_000)))[0]).toBe(409);
    expect(await ask('GET', '/shards')).toEqual([500, { error: 'the store is away' }]);
    expect((await ask('GET', '/members'))[0]).toBe(200);
  });

  it('ends the process after the answer to a leave, and only then', async () => {
    expect(await ask('POST', '/leave', '{"force":false}')).toEqual([
      409,
      { error: 'there are servers here' },
    ]);
    expect({ forced, hasLeft }).toEqual({ forced: false, hasLeft: false });
    expect(await ask('POST', '/leave', '{"force":true}')).toEqual([200, {}]);
    await left.promise;
    expect(forced).toBe(true);
  });
});

it('a socket is reached in a directory whose path is longer than the kernel takes', () => {
  const short = controlSocket(directory);
  expect(short.path).toBe(join(directory, 'control.sock'));
  const deep = mkdtempSync(join(directory, 'x'.repeat(100)));
  const long = controlSocket(deep);
  expect(long.path).toMatch(/^\/proc\/self\/fd\/\d+\/control\.sock$/);
  writeFileSync(join(deep, 'control.sock'), 'x');
  expect(statSync(long.path).size).toBe(1);
  long.release();
});
