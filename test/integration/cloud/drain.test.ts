// A host is drained by the command line while the cloud is killed under it: every server arrives, once, and the host is empty.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listServers } from '#cli/chaos/api-client.ts';
import { owedOnHosts, readSimulatedHosts } from '#cli/chaos/held.ts';
import { root, run, until } from '#test/e2e/launched-cloud.ts';
import { CloudProcess } from './cloud-process.ts';

const SERVERS = 50;
const KILLS = 3;
const WITHIN_MS = 90_000;
let cloud: CloudProcess;

beforeAll(async () => {
  cloud = await CloudProcess.prepare({
    cidr: '10.94.0.0/22',
    hypervisor: 'simulated',
    hosts: 2,
  });
  await cloud.up();
});

afterAll(async () => {
  await cloud?.remove();
});

/** All of them on the first host. */
async function boot(): Promise<void> {
  const admin = await cloud.login('admin');
  type Named = readonly { readonly id: string; readonly name: string }[];
  const idOf = (list: Named, name: string): string =>
    list.find((one) => one.name === name)?.id ?? '';
  const { images } = await admin.get<{ images: Named }>('/image/v2/images');
  const { flavors } = await admin.get<{ flavors: Named }>('/compute/v2.1/flavors');
  const { networks } = await admin.get<{ networks: Named }>('/network/v2.0/networks');
  const server = {
    name: 'guest',
    imageRef: idOf(images, 'tiny'),
    flavorRef: idOf(flavors, 'm1.tiny'),
    networks: [{ uuid: idOf(networks, 'private') }],
    availability_zone: 'nova:host-1',
    min_count: SERVERS,
    max_count: SERVERS,
  };
  await admin.ask('POST', '/compute/v2.1/servers', { server });
  await until(
    `${SERVERS} servers to be active`,
    async () => {
      const rows = await listServers(admin);
      return rows.filter(({ status }) => status === 'ACTIVE').length === SERVERS ? true : undefined;
    },
    WITHIN_MS,
  );
}

interface Draining {
  /** Servers that it has told of. */
  left(): number;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>;
}

function drain(): Draining {
  const child = spawn(
    join(root, 'kilonova'),
    ['drain', 'host-1', '--at-once', '8', '--json', '--data', cloud.data],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ code: number | null; stdout: string }>((done) =>
    child.once('close', (code) => done({ code, stdout: stdout + (code === 0 ? '' : stderr) })),
  );
  return { left: () => stderr.split(' has left\n').length - 1, ended };
}

async function servicesOf(): Promise<
  readonly { readonly host: string; readonly status: string }[]
> {
  const admin = await cloud.login('admin');
  const { services } = await admin.get<{
    services: readonly { readonly host: string; readonly status: string }[];
  }>('/compute/v2.1/os-services?binary=nova-compute&host=host-1');
  return services.map(({ host, status }) => ({ host, status }));
}

it(`drains a host of ${SERVERS} servers while the cloud is killed ${KILLS} times`, {
  timeout: 4 * WITHIN_MS,
}, async () => {
  await boot();
  const draining = drain();
  for (let kills = 1; kills <= KILLS; kills += 1) {
    await until(
      `${kills * 10} servers to have left`,
      async () => Promise.resolve(draining.left() >= kills * 10 ? true : undefined),
      WITHIN_MS,
    );
    await cloud.kill();
    await cloud.up();
  }
  const { code, stdout } = await draining.ended;
  expect({ code, drained: JSON.parse(stdout) as unknown }).toEqual({
    code: 0,
    drained: { moved: SERVERS, stayed: [] },
  });
  const rows = await listServers(await cloud.login('admin'));
  expect(rows.filter(({ status }) => status === 'ACTIVE')).toHaveLength(SERVERS);
  const paths = ['host-1.state', 'host-2.state'].map((name) => join(cloud.data, 'simulated', name));
  expect(readSimulatedHosts(paths)).toEqual(owedOnHosts(rows));
  expect(readSimulatedHosts(paths.slice(0, 1))).toEqual({ guests: [], disks: [], ports: 0 });
  expect(await servicesOf()).toEqual([{ host: 'host-1', status: 'disabled' }]);
  const undrained = await run(join(root, 'kilonova'), ['undrain', 'host-1', '--data', cloud.data]);
  expect(undrained).toMatchObject({ code: 0, stdout: 'Host host-1 takes servers again.\n' });
  expect(await servicesOf()).toEqual([{ host: 'host-1', status: 'enabled' }]);
  expect(cloud.errors).toEqual([]);
});
