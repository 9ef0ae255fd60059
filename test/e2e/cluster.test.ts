// A cluster of real processes, by its commands alone: made, joined, used through any controller, killed, restarted while in
// use, left. Over simulated hosts and a private Redis with AOF always; needs no root.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from '#cli/chaos/api-client.ts';
import { until } from './launched-cloud.ts';
import { ConstantLoad, LaunchedCluster } from './launched-cluster.ts';

let cluster: LaunchedCluster;
let demo: ApiClient;
let body: { readonly server: object };
const controllers = ['c1', 'c2', 'c3'];

beforeAll(async () => {
  cluster = await LaunchedCluster.prepare();
  await cluster.found('c1');
  await cluster.join('c1', 'c2', 'controller');
  await cluster.join('c2', 'c3', 'controller');
  await cluster.join('c3', 'h1', 'compute');
  await cluster.join('c1', 'h2', 'compute');
  demo = await cluster.login('c1');
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images?name=tiny');
  const { networks } = await demo.get<{ networks: { id: string }[] }>('/network/v2.0/networks');
  const uuid = networks[0]?.id;
  body = {
    server: { name: 'vm', imageRef: images[0]?.id, flavorRef: '1', networks: [{ uuid }] },
  };
});

afterAll(async () => {
  await cluster?.remove();
});

const at = (member: string): ApiClient => demo.at(cluster.url(member));
const path = (id: string): string => `/compute/v2.1/servers/${id}`;

async function create(member: string): Promise<string> {
  const made = await at(member).ask<{ server: { id: string } }>(
    'POST',
    '/compute/v2.1/servers',
    body,
  );
  return made.server.id;
}

async function active(member: string, id: string): Promise<void> {
  await until(`server ${id} to be ACTIVE`, async () => {
    const { server } = await at(member).get<{ server: { status: string; fault?: object } }>(
      path(id),
    );
    if (server.status === 'ERROR') throw new Error(JSON.stringify(server.fault));
    return server.status === 'ACTIVE' ? true : undefined;
  });
}

async function goneFor(member: string, id: string): Promise<void> {
  await until(`server ${id} to be gone`, async () =>
    (await at(member).call('GET', path(id))).status === 404 ? true : undefined,
  );
}

describe('a cluster', () => {
  it('lists its members and who serves its shards, the same at every controller', async () => {
    for (const member of controllers) {
      const listed = await cluster.members(member);
      expect(listed.map(({ role, state }) => `${role} ${state}`)).toEqual([
        ...Array<string>(3).fill('controller up'),
        ...Array<string>(2).fill('compute up'),
      ]);
      expect(listed.slice(1).map(({ name }) => name)).toEqual([
        'c3',
        expect.anything(),
        'h1',
        'h2',
      ]);
      expect(listed.filter(({ isSelf }) => isSelf).length).toBe(1);
      const shards = await cluster.shards(member);
      expect(shards.map(({ shard, state }) => `${shard} ${state}`)).toEqual(
        Array.from({ length: 16 }, (_, shard) => `${shard} served`),
      );
      expect(listed.reduce((sum, { shards: count }) => sum + count, 0)).toBe(16);
    }
    expect(await cluster.ask('c2', 'members')).toMatch(/^NAME +ROLE +STATE +SHARDS +APIS +ID\n/);
    expect(await cluster.ask('c2', 'shards')).toMatch(/^SHARD +STATE +OWNER +EPOCH +OWNER ID\n/);
  });

  it('serves through any controller what another one has acknowledged, at once', async () => {
    for (const [index, member] of controllers.entries()) {
      const [second = '', third = ''] = [1, 2].map((step) => controllers[(index + step) % 3]);
      const id = await create(member);
      expect((await at(second).call('GET', path(id))).status).toBe(200);
      expect((await at(third).call('GET', path(id))).status).toBe(200);
      await active(second, id);
      expect((await at(third).call('DELETE', path(id))).status).toBe(204);
      await goneFor(member, id);
    }
  });

  it('knows a token everywhere, and its end, at once', async () => {
    for (const member of ['c1', 'c2', 'c3']) {
      const token = (await cluster.login(member, 'admin')).token;
      const user = demo.with(token);
      const next = controllers[(controllers.indexOf(member) + 1) % 3] ?? '';
      expect((await user.at(cluster.url(next)).call('GET', '/compute/v2.1/flavors')).status).toBe(
        200,
      );
      const ended = await fetch(`${cluster.url(next)}/identity/v3/auth/tokens`, {
        method: 'DELETE',
        headers: { 'x-auth-token': token, 'x-subject-token': token },
      });
      expect(ended.status).toBe(204);
      expect((await user.at(cluster.url(member)).call('GET', '/compute/v2.1/flavors')).status).toBe(
        401,
      );
    }
  });

  it('gives an image uploaded through one controller through the others', async () => {
    const image = await at('c2').ask<{ id: string }>('POST', '/image/v2/images', {
      name: 'mine',
      disk_format: 'raw',
      container_format: 'bare',
    });
    const bytes = Buffer.alloc(300_000, 'kilonova');
    const file = `/image/v2/images/${image.id}/file`;
    expect((await at('c3').call('PUT', file, new Uint8Array(bytes))).status).toBe(204);
    const given = await fetch(`${cluster.url('c1')}${file}`, {
      headers: { 'x-auth-token': demo.token },
    });
    expect(Buffer.from(await given.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('tells its compute members nothing of the store', () => {
    const files = (directory: string): string[] =>
      readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory()
          ? files(join(directory, entry.name))
          : entry.isFile()
            ? [join(directory, entry.name)]
            : [],
      );
    const all = files(cluster.data('h1'));
    expect(all.map((file) => file.slice(cluster.data('h1').length + 1))).toContain('member.json');
    const { adminPassword, tokenKeys } = JSON.parse(
      readFileSync(join(cluster.data('c1'), 'secrets.json'), 'utf8'),
    ) as { adminPassword: string; tokenKeys: { secret: string }[] };
    const secrets = [cluster.redis.socket, adminPassword, tokenKeys[0]?.secret ?? ''];
    for (const file of all)
      for (const secret of secrets) expect(readFileSync(file).includes(secret)).toBe(false);
    expect(statSync(join(cluster.data('h1'), 'member.json')).mode & 0o077).toBe(0);
    expect(statSync(join(cluster.data('h1'), 'identity.key')).mode & 0o077).toBe(0);
    expect(statSync(join(cluster.data('c1'), 'control.sock')).mode & 0o077).toBe(0);
  });
});

describe('a join token', () => {
  const refusal = async (member: string, token: string, ...more: string[]): Promise<string> => {
    const { code, stderr } = await cluster.kilonova(member, 'join', token, '--detach', ...more);
    expect(code).toBe(1);
    return stderr;
  };

  it('is good for one member', async () => {
    const token = await cluster.token('c2', 'compute');
    await cluster.ask('h3', 'join', token, '--detach', '--name', 'h3');
    expect(await refusal('h4', token, '--name', 'h4')).toMatch(/refuses: this token was used/);
    await cluster.ask('h3', 'leave');
    expect((await cluster.members('c1')).map(({ name }) => name)).not.toContain('h3');
  });

  it('is good for fifteen minutes', async () => {
    const token = await cluster.token('c1', 'compute');
    await cluster.redis.with(async (client) => {
      const rows = await client.hgetall('{kilonova}:tokens');
      const open = Object.entries(rows).filter(([, row]) => row.startsWith('open '));
      expect(open.length).toBeGreaterThan(0);
      for (const [hash, row] of open) {
        const [, expiresMs = 0] = row.split(' ');
        expect(Number(expiresMs) - Date.now()).toBeGreaterThan(13 * 60_000);
        expect(Number(expiresMs) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
        await client.hset('{kilonova}:tokens', hash, row.replace(String(expiresMs), '1000'));
      }
    });
    expect(await refusal('h4', token, '--name', 'h4')).toMatch(/refuses: this token has expired/);
  });

  it('is good for its role, and a name for one key', async () => {
    const token = await cluster.token('c1', 'controller');
    expect(await refusal('h4', token, '--role', 'compute')).toMatch(
      /this token is for a controller member, not for a compute member/,
    );
    const second = await cluster.token('c1', 'compute');
    expect(await refusal('h4', second, '--name', 'h1')).toMatch(/another member has the name h1/);
  });

  it('that was changed on its way is refused, whatever was changed', async () => {
    const token = await cluster.token('c1', 'compute');
    expect(await refusal('h4', token.slice(0, -20))).toMatch(/copy the whole word/);
    const parts = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown>;
    const forged = (change: object): string =>
      Buffer.from(JSON.stringify({ ...parts, ...change })).toString('base64url');
    expect(await refusal('h4', forged({ secret: 'guessed' }), '--name', 'h4')).toMatch(
      /the store does not know this token/,
    );
    expect(await refusal('h4', forged({ role: 'controller' }), '--name', 'h4')).toMatch(
      /refuses: this token is for a compute member, not for a controller member/,
    );
    const { networkKey } = JSON.parse(
      readFileSync(join(cluster.data('c1'), 'member.json'), 'utf8'),
    ) as { networkKey: string };
    const key = Buffer.from(networkKey, 'base64').toString();
    const other = Buffer.from(key.replace(/[0-9a-f]{8}$/, '00000000')).toString('base64');
    expect(await refusal('h4', forged({ networkKey: other }), '--name', 'h4')).toMatch(
      /no controller of the token is reached/,
    );
  });
});

describe('a controller', () => {
  it('that is killed is replaced: its shards are served elsewhere within 5 s, and nothing is lost', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => create('c2')));
    process.kill(cluster.pid('c2'), 'SIGKILL');
    const killedMs = performance.now();
    // Every server is somebody's: a change of each is answered only when its shard has an owner.
    await Promise.all(
      ids.map((id) => at('c3').ask('PUT', path(id), { server: { name: 'still here' } })),
    );
    expect(performance.now() - killedMs).toBeLessThan(5_000);
    for (const id of ids) await active('c1', id);
    const listed = await cluster.members('c1');
    expect(listed.find(({ name }) => name === 'c2')).toMatchObject({ state: 'away', shards: 0 });
    await Promise.all(ids.map((id) => at('c1').ask('DELETE', path(id))));
    for (const id of ids) await goneFor('c1', id);
  });

  it('comes back as the member that it was', async () => {
    const before = (await cluster.members('c1')).find(({ name }) => name === 'c2');
    await cluster.up('c2');
    const after = (await cluster.members('c2')).find(({ name }) => name === 'c2');
    expect(after).toMatchObject({ id: before?.id, apiUrl: before?.apiUrl, state: 'up' });
    expect(after?.incarnation).toBeGreaterThan(before?.incarnation ?? 0);
    expect(after?.shards).toBeGreaterThan(0);
  });

  it('is restarted while users are at work, and so is the next one, without a request failed', async () => {
    const urls = controllers.map((member) => cluster.url(member));
    const load = new ConstantLoad(demo, urls, body, 4);
    for (const member of controllers) {
      await cluster.ask(member, 'down');
      await cluster.up(member);
    }
    await load.end();
    expect(load.failures).toEqual([]);
    expect(load.answered).toBeGreaterThan(100);
    expect(load.servers.size).toBe(0);
  });
});

describe('an end', () => {
  it('of a membership: a controller leaves, and its shards are served by the others', async () => {
    await cluster.ask('c3', 'leave');
    const listed = await cluster.members('c1');
    expect(listed.map(({ name }) => name)).not.toContain('c3');
    expect((await cluster.shards('c1')).every(({ state }) => state === 'served')).toBe(true);
    expect(await cluster.kilonova('c3', 'members')).toMatchObject({ code: 1 });
    const purged = await cluster.kilonova('c2', 'down', '--purge');
    expect(purged.stderr).toMatch(/is member c2 of a cluster: let it leave first/);
  });

  it('of a compute member waits for its servers', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => create('c1')));
    for (const id of ids) await active('c1', id);
    const answers = await Promise.all(['h1', 'h2'].map((host) => cluster.kilonova(host, 'leave')));
    expect(
      answers.some(({ stderr }) => /has \d+ servers?, which would be out of reach/.test(stderr)),
    ).toBe(true);
    await Promise.all(ids.map((id) => at('c1').ask('DELETE', path(id))));
    for (const id of ids) await goneFor('c1', id);
  });

  it('of trust: a revoked member is shut out, and its key with it', async () => {
    const [host] = (await cluster.members('c1')).filter(({ role }) => role === 'compute');
    const name = host?.name ?? '';
    expect(await cluster.ask('c1', 'member', 'revoke', name)).toMatch(`revoked ${name} (`);
    const listed = await cluster.members('c2');
    expect(listed.find(({ id }) => id === host?.id)?.state).toBe('revoked');
    const pid = cluster.pid('c2');
    await cluster.ask('c1', 'member', 'revoke', 'c2');
    await until('the revoked controller to end', async () => {
      try {
        process.kill(pid, 0);
        return undefined;
      } catch {
        return true;
      }
    });
    const again = await cluster.kilonova('c2', 'up', '--detach');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/this member was revoked/);
    expect((await cluster.shards('c1')).every(({ state }) => state === 'served')).toBe(true);
  });

  it('of the last controller is refused: nobody would serve', async () => {
    const { code, stderr } = await cluster.kilonova('c1', 'leave');
    expect(code).toBe(1);
    expect(stderr).toMatch(/the only controller that lives/);
  });
});
