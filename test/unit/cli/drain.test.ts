// A drain against a cloud that is played: what it asks for, what it waits for, and what it says of servers that stay.
import { describe, expect, it } from 'vitest';
import type { AdminAnswer, AdminClient } from '#cli/admin-client.ts';
import { DrainLoop } from '#cli/drain-loop.ts';

interface Played {
  readonly id: string;
  status: string;
  task: string | null;
  here: boolean;
  /** Of the migration that has taken it away and waits. */
  unconfirmed?: 'migration' | 'resize';
}

class PlayedCloud {
  readonly servers: Played[];
  readonly asked: string[] = [];
  readonly lines: string[] = [];
  hasLive = false;
  service = 'enabled';
  /** Requests that nobody answers yet. */
  isAway = 0;
  #nowMs = 0;

  constructor(...servers: readonly (readonly [id: string, status: string])[]) {
    this.servers = servers.map(([id, status]) => ({ id, status, task: null, here: true }));
  }

  drain(atOnce = 2): Promise<unknown> {
    const client: Pick<AdminClient, 'ask'> = {
      ask: async (method, path, options) => {
        await Promise.resolve();
        if (this.isAway > 0) {
          this.isAway -= 1;
          throw new Error('nobody listens');
        }
        return this.#answer(method, path, options?.body);
      },
    };
    const tools = {
      connect: () => Promise.resolve(client),
      sleep: async (ms: number) => {
        this.#nowMs += ms;
        await Promise.resolve();
        this.#go();
      },
      nowMs: () => this.#nowMs,
      tell: (line: string) => void this.lines.push(line),
    };
    return new DrainLoop(tools, 'host-1', atOnce).run('drained');
  }

  #answer(method: string, path: string, body: unknown): AdminAnswer {
    const ok = (answer: unknown): AdminAnswer => ({ status: 200, body: answer, words: '' });
    if (path.includes('/os-services/')) {
      this.service = (body as { readonly status: string }).status;
      return ok({});
    }
    if (path.includes('/os-services?')) return ok({ services: [{ id: 'service-1' }] });
    if (path.includes('/servers/detail'))
      return ok({
        servers: this.servers
          .filter(({ here }) => here)
          .map(({ id, status, task }) => ({ id, name: id, status, 'OS-EXT-STS:task_state': task })),
      });
    if (path.includes('/os-migrations'))
      return ok({
        migrations: this.servers.flatMap(({ id, unconfirmed }) =>
          unconfirmed === undefined ? [] : [{ instance_uuid: id, migration_type: unconfirmed }],
        ),
      });
    const [, id = ''] = /servers\/([^/]+)\/action/.exec(path) ?? [];
    const action = Object.keys(body as object)[0] ?? '';
    this.asked.push(`${action} ${id}`);
    return this.#act(id, action, method);
  }

  #act(id: string, action: string, method: string): AdminAnswer {
    const server = this.servers.find((one) => one.id === id);
    if (server === undefined || method !== 'POST')
      return { status: 404, body: undefined, words: 'no such server' };
    if (action === 'os-migrateLive' && !this.hasLive)
      return { status: 400, body: undefined, words: 'no live migration' };
    if (action === 'migrate' && id.startsWith('full'))
      return { status: 400, body: undefined, words: 'No valid host was found.' };
    server.task = action;
    return { status: 202, body: undefined, words: '' };
  }

  /** A while passes. */
  #go(): void {
    for (const server of this.servers) {
      if (server.task === 'confirmResize') delete server.unconfirmed;
      else if (server.task === 'migrate' && !server.id.startsWith('stuck')) {
        server.here = false;
        server.unconfirmed = 'migration';
      } else if (server.task === 'os-migrateLive' || server.task === 'shelveOffload')
        server.here = false;
      server.task = null;
    }
  }
}

describe('a drain', () => {
  it('moves what can be moved, confirms it, and disables the service first', async () => {
    const cloud = new PlayedCloud(['a', 'ACTIVE'], ['b', 'SHUTOFF'], ['c', 'SHELVED']);
    expect(await cloud.drain()).toEqual({ moved: 3, stayed: [] });
    expect(cloud.service).toBe('disabled');
    expect(cloud.asked).toEqual([
      'os-migrateLive a',
      'migrate a',
      'migrate b',
      'confirmResize a',
      'confirmResize b',
      'shelveOffload c',
    ]);
  });

  it('moves guests that run live where that can be', async () => {
    const cloud = new PlayedCloud(['a', 'ACTIVE'], ['p', 'PAUSED']);
    cloud.hasLive = true;
    expect(await cloud.drain()).toEqual({ moved: 2, stayed: [] });
    expect(cloud.asked).toEqual(['os-migrateLive a', 'os-migrateLive p']);
  });

  it('says of each server that stays why', async () => {
    const cloud = new PlayedCloud(
      ['sleeper', 'SUSPENDED'],
      ['broken', 'ERROR'],
      ['full', 'SHUTOFF'],
      ['stuck', 'SHUTOFF'],
    );
    const { stayed } = (await cloud.drain()) as { stayed: unknown };
    expect(stayed).toEqual([
      { id: 'sleeper', name: 'sleeper', reason: 'it is suspended: resume it, or shelve it' },
      { id: 'broken', name: 'broken', reason: 'it is in error: delete it, or reset its state' },
      { id: 'full', name: 'full', reason: 'No valid host was found.' },
      {
        id: 'stuck',
        name: 'stuck',
        reason: 'its move came to nothing: openstack server event list tells why',
      },
    ]);
    expect(cloud.asked.filter((one) => one === 'migrate stuck')).toHaveLength(3);
  });

  it('leaves a resize to its user, and confirms a migration that an earlier drain has begun', async () => {
    const cloud = new PlayedCloud(['resized', 'ACTIVE'], ['migrated', 'ACTIVE']);
    for (const server of cloud.servers) server.here = false;
    const [resized, migrated] = cloud.servers;
    Object.assign(resized!, { unconfirmed: 'resize' });
    Object.assign(migrated!, { unconfirmed: 'migration' });
    expect(await cloud.drain()).toEqual({
      moved: 0,
      stayed: [
        {
          id: 'resized',
          name: 'resized',
          reason: 'its resize away from here waits to be confirmed or reverted',
        },
      ],
    });
    expect(cloud.asked).toEqual(['confirmResize migrated']);
  });

  it('waits for a cloud that is away for a while, and gives one up that stays away', async () => {
    const cloud = new PlayedCloud(['b', 'SHUTOFF']);
    cloud.isAway = 20;
    expect(await cloud.drain()).toEqual({ moved: 1, stayed: [] });
    cloud.isAway = Number.MAX_SAFE_INTEGER;
    await expect(cloud.drain()).rejects.toThrow(
      'the cloud did not answer for 120 s (nobody listens): drain host-1 again when it does',
    );
  });
});
