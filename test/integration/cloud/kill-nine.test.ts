// kill -9 of a whole cloud at random moments, under load, again and again: what was acknowledged has happened after the
// next start, nothing is stuck, nothing is held for nobody. KILL_SEED repeats a run as far as real processes allow.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { owedFor, owedOnHosts, readHeld, readSimulatedHosts } from '#cli/chaos/held.ts';
import { until } from '#test/e2e/launched-cloud.ts';
import { seededRandom } from '#test/support/seeded-random.ts';
import { CloudProcess } from './cloud-process.ts';
import { restingServers, Traffic } from './traffic.ts';

const HOSTS = 2;
const ROUNDS = 8;
const USERS = 12;
/** After a start, for all that was under way. */
const HEALS_WITHIN_MS = 15_000;
/** A reservation whose server never came to be is given back after half a minute. */
const SETTLED_WITHIN_MS = 70_000;
const size = { vcpus: 1, ramMiB: 96, diskGiB: 1 };

const seed = Number(process.env['KILL_SEED'] ?? Math.floor(Math.random() * 1e6));
const random = seededRandom(seed);
let cloud: CloudProcess;

beforeAll(async () => {
  cloud = await CloudProcess.prepare({
    cidr: '10.92.0.0/20',
    hypervisor: 'simulated',
    hosts: HOSTS,
  });
  await cloud.up();
});

afterAll(async () => {
  await cloud?.remove();
});

function statePaths(): readonly string[] {
  const names = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}.state`);
  return names.map((name) => join(cloud.data, 'simulated', name));
}

async function newTraffic(): Promise<Traffic> {
  const client = await cloud.login('demo');
  type Named = readonly { readonly id: string; readonly name: string }[];
  const idOf = (list: Named, name: string): string =>
    list.find((one) => one.name === name)?.id ?? '';
  const { images } = await client.get<{ images: Named }>('/image/v2/images');
  const { flavors } = await client.get<{ flavors: Named }>('/compute/v2.1/flavors');
  const { networks } = await client.get<{ networks: Named }>('/network/v2.0/networks');
  return new Traffic({
    random: random.fork('traffic'),
    users: USERS,
    imageId: idOf(images, 'tiny'),
    flavorId: idOf(flavors, 'm1.tiny'),
    networkId: idOf(networks, 'private'),
  });
}

/** Loads the cloud and kills it shortly after a number of replies; every third time also while it starts again. */
async function loadAndKill(traffic: Traffic, round: number): Promise<void> {
  const after = traffic.acknowledged + 10 + random.below(400);
  const delayMs = random.below(20);
  let killed: Promise<void> | undefined;
  await traffic.run(await cloud.login('demo'), (acknowledged) => {
    if (acknowledged < after || killed !== undefined) return;
    killed = new Promise((done) => setTimeout(done, delayMs)).then(() => cloud.kill());
  });
  await killed;
  if (round % 3 !== 2) return;
  cloud.begin();
  await new Promise((done) => setTimeout(done, 200 + random.below(800)));
  await cloud.kill();
}

describe(`kill -9 under load, seed ${seed}`, () => {
  it('loses no acknowledged request, sticks nowhere and leaks nothing', {
    timeout: 180_000,
  }, async ({ onTestFailed }) => {
    onTestFailed(() => void process.stdout.write(`${cloud.errors.join('\n')}\n`));
    const traffic = await newTraffic();
    for (let round = 1; round <= ROUNDS; round += 1) {
      await loadAndKill(traffic, round);
      await cloud.up();
      const [user, admin] = [await cloud.login('demo'), await cloud.login('admin')];
      const rows = await restingServers(user, HEALS_WITHIN_MS);
      const wrong = traffic.compare(rows);
      expect({ round, wrong }).toEqual({ round, wrong: [] });
      const { claims, ports } = await readHeld(admin, user);
      const owed = owedFor(rows, size);
      expect({ round, claims, ports }).toEqual({ round, claims: owed.claims, ports: owed.ports });
      expect(readSimulatedHosts(statePaths())).toEqual(owedOnHosts(rows));
    }
    const [user, admin] = [await cloud.login('demo'), await cloud.login('admin')];
    expect(await traffic.forgotten(user)).toEqual([]);
    const rows = await restingServers(user, HEALS_WITHIN_MS);
    const owed = owedFor(rows, size);
    await until(
      `quota to be that of ${rows.length} servers`,
      async () => {
        const { quota } = await readHeld(admin, user);
        expect(quota).toEqual(owed.quota);
        return true;
      },
      SETTLED_WITHIN_MS,
    );
    const { acknowledged, unknown } = traffic;
    process.stdout.write(
      `kill -9, seed ${seed}: ${acknowledged} requests acknowledged, ${unknown} cut off, ${rows.length} servers left\n`,
    );
    expect(acknowledged).toBeGreaterThan(ROUNDS * 10);
    expect(cloud.errors).toEqual([]);
  });
});
