// One fault at a time on a cluster of real processes: Redis away, a controller frozen for longer than its lease, a compute
// member killed. What users see meanwhile, and that all is as before afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, type ApiReply, findServer, listServers } from '#cli/chaos/api-client.ts';
import { checkHeld, checkHosts, checkSame, see } from '#cli/chaos/checks.ts';
import { checkJournal } from '#cli/chaos/journal-check.ts';
import { isServing, PrivateCluster } from '#cli/chaos/private-cluster.ts';
import { StateFile } from '#cli/chaos/state-files.ts';
import { findOffer, type Offer } from '#cli/chaos/users.ts';
import { realEnv } from '#runtime/env/real.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { until } from '#test/e2e/launched-cloud.ts';

const SERVERS = '/compute/v2.1/servers';
/** The promise is 5 s after Redis is back. */
const BACK_WITHIN_MS = 5_000;
/** Longer than a lease (3 s) and the beat after which others take over. */
const FROZEN_MS = 8_000;
/** On a busy machine; at once means that nothing is waited for. */
const AT_ONCE_MS = 2_000;

let directory: string;
let cluster: PrivateCluster;
let offer: Offer;
let demo: ApiClient;
let admin: ApiClient;
let names = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-faults-'));
  cluster = await PrivateCluster.prepare(directory, { controllers: 3, computes: 2 });
  await cluster.up();
  [demo, admin] = await Promise.all([
    cluster.login('demo', 30_000),
    cluster.login('admin', 30_000),
  ]);
  offer = await findOffer(demo);
}, 180_000);

afterAll(async () => {
  await cluster?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function create(client: ApiClient): Promise<ApiReply> {
  names += 1;
  const { imageId: imageRef, flavorId: flavorRef, networkId: uuid } = offer;
  const server = { name: `f-${names}`, imageRef, flavorRef, networks: [{ uuid }] };
  return client.call('POST', SERVERS, { server });
}

const idOf = (reply: ApiReply): string => {
  expect(reply.status).toBe(202);
  return (reply.body as { readonly server: { readonly id: string } }).server.id;
};

async function isActive(id: string, client = demo): Promise<true | undefined> {
  return (await findServer(client, id))?.status === 'ACTIVE' ? true : undefined;
}

async function createActive(): Promise<string> {
  const id = idOf(await create(demo));
  await until(`server ${id} to be ACTIVE`, () => isActive(id));
  return id;
}

/** All controllers say the same, nothing is held for nobody, every guest is there once, and the journal is whole. */
async function expectSound(): Promise<void> {
  await until('all to be sound', async () => {
    const all = await Promise.all(cluster.urls.map((url) => see({ demo, admin }, url)));
    const [first] = all;
    const servers = first?.servers ?? [];
    const wrong = [
      ...checkSame(all),
      ...all.flatMap((seen) => checkHeld(seen)),
      ...checkHosts(servers, cluster.statePaths),
    ];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return true;
  });
  const journal = await openRedisJournal({ env: realEnv(silentLog), url: cluster.redisUrl });
  try {
    expect((await checkJournal(journal)).violations).toEqual([]);
  } finally {
    await journal.close();
  }
}

describe('Redis away', { timeout: 240_000 }, () => {
  it('reads go on, marked stale; writes are answered 503 at once; back: all works within 5 s', async () => {
    const id = await createActive();
    await cluster.redis.kill();
    for (const url of cluster.urls) {
      const client = demo.at(url);
      await until('a read to be marked', async () => {
        const reply = await client.call('GET', `${SERVERS}/${id}`);
        expect(reply.status).toBe(200);
        return reply.isStale ? true : undefined;
      });
      const startMs = performance.now();
      const write = await create(client);
      expect([write.status, performance.now() - startMs < AT_ONCE_MS]).toEqual([503, true]);
      const other = await client.call('POST', `${SERVERS}/${id}/action`, { 'os-stop': null });
      expect(other.status).toBe(503);
      expect((await client.call('GET', `${SERVERS}/${'0'.repeat(8)}`)).status).toBe(503);
    }
    cluster.redis.start();
    await until('Redis to answer', async () => ((await cluster.redisAnswers()) ? true : undefined));
    const backMs = performance.now();
    const created = await Promise.all(
      cluster.urls.map((url) =>
        until(
          `a create through ${url}`,
          async () => {
            const reply = await create(demo.at(url));
            return reply.status === 202 ? idOf(reply) : undefined;
          },
          BACK_WITHIN_MS,
        ),
      ),
    );
    expect(performance.now() - backMs).toBeLessThan(BACK_WITHIN_MS);
    for (const one of created) await until(`server ${one} to be ACTIVE`, () => isActive(one));
    expect(await isActive(id)).toBe(true);
    await expectSound();
  });
});

describe('a controller that is frozen for longer than its lease', { timeout: 240_000 }, () => {
  it('is replaced meanwhile, and is one of them again afterwards, with nothing done twice', async () => {
    const [frozen, ...others] = cluster.controllers;
    if (frozen === undefined) throw new Error('there is no controller');
    const before = await Promise.all(cluster.urls.map((url) => create(demo.at(url))));
    frozen.process.freeze();
    const frozenMs = performance.now();
    // It reads these only when it goes on.
    const late = createsNobodyWaitsFor(frozen.url);
    const meanwhile: string[] = [];
    for (const { url } of [...others, ...others, ...others, ...others]) {
      const reply = await until(`a create through ${url}`, async () => {
        const one = await create(demo.at(url));
        return one.status === 202 ? one : undefined;
      });
      meanwhile.push(idOf(reply));
    }
    await until(`${FROZEN_MS} ms to pass`, async () =>
      performance.now() - frozenMs > FROZEN_MS ? true : undefined,
    );
    frozen.process.thaw();
    await Promise.all(late);
    for (const id of [...before.map(idOf), ...meanwhile]) {
      await until(`server ${id} to be ACTIVE through the frozen one`, () =>
        isActive(id, demo.at(frozen.url)),
      );
    }
    await until('the frozen one to serve again', async () => {
      const reply = await create(demo.at(frozen.url));
      return reply.status === 202 && isServing(frozen) ? true : undefined;
    });
    await until('all servers to rest', async () => {
      const rows = await listServers(demo);
      return rows.every((row) => row['OS-EXT-STS:task_state'] === null) ? true : undefined;
    });
    const byName = Map.groupBy(await listServers(demo), ({ name }) => name);
    expect([...byName].filter(([, same]) => same.length > 1)).toEqual([]);
    await expectSound();
  });

  /** Whatever is answered: it may take longer than their users wait. */
  function createsNobodyWaitsFor(url: string): readonly Promise<void>[] {
    return Array.from({ length: 4 }, () =>
      create(demo.at(url)).then(
        () => undefined,
        () => undefined,
      ),
    );
  }
});

describe('a compute member that is killed', { timeout: 240_000 }, () => {
  it('adopts its guests when it is back: they never stopped, and obey', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => createActive()));
    const [victim] = cluster.computes;
    const [path] = cluster.statePaths;
    if (victim === undefined || path === undefined) throw new Error('there is no compute member');
    const guestsOf = (): readonly unknown[] =>
      new StateFile(path)
        .look()
        .guests()
        .filter(({ id }) => ids.includes(id));
    const before = guestsOf();
    expect(before.length).toBeGreaterThan(0);
    await victim.process.kill();
    expect(guestsOf()).toEqual(before);
    const stops = await Promise.all(
      ids.map((id) => demo.call('POST', `${SERVERS}/${id}/action`, { 'os-stop': null })),
    );
    expect(stops.map(({ status }) => status)).toEqual(ids.map(() => 202));
    victim.process.start();
    await cluster.ready(victim);
    for (const id of ids)
      await until(`server ${id} to be SHUTOFF`, async () =>
        (await findServer(demo, id))?.status === 'SHUTOFF' ? true : undefined,
      );
    expect(guestsOf()).toEqual([]);
    const starts = await Promise.all(
      ids.map((id) => demo.call('POST', `${SERVERS}/${id}/action`, { 'os-start': null })),
    );
    expect(starts.map(({ status }) => status)).toEqual(ids.map(() => 202));
    for (const id of ids) await until(`server ${id} to be ACTIVE`, () => isActive(id));
    await expectSound();
  });
});
