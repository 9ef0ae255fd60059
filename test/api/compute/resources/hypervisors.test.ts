import { describe, expect, test } from 'vitest';
import { providers } from '#actors/provider/protocol.ts';
import { hostNumber } from '#actors/topology/core.ts';
import {
  addHost,
  fault,
  hypervisor,
  PROVIDER_ID,
  resourceService,
  server,
  SERVICE_ID,
} from './resource-service.ts';

const basic = {
  id: hostNumber('h1'),
  hypervisor_hostname: 'h1.example',
  state: 'up',
  status: 'enabled',
};
const cpuInfo = {
  arch: 'x86_64',
  model: 'EPYC',
  vendor: 'AMD',
  features: ['avx'],
  topology: { sockets: 1, cores: 4, threads: 1 },
};
const facts = { host_ip: '192.0.2.1', hypervisor_type: 'QEMU', hypervisor_version: 7_002_000 };
const capacity = {
  vcpus: 4,
  vcpus_used: 1,
  memory_mb: 4096,
  memory_mb_used: 608,
  free_ram_mb: 3488,
  local_gb: 40,
  local_gb_used: 1,
  free_disk_gb: 39,
  disk_available_least: 39,
  running_vms: 2,
  current_workload: 1,
};
const service = { id: hostNumber('h1'), host: 'h1', disabled_reason: null };
const uuidOf = { id: PROVIDER_ID, service: { ...service, id: SERVICE_ID } };

/** One host with two servers, of which one is being built and one holds resources. */
async function cloud(hostUptime?: (host: string) => Promise<string | undefined>) {
  const made = resourceService([server('a'), server('b', { taskState: 'spawning' })]);
  if (hostUptime !== undefined) Object.assign(made.context, { hostUptime });
  await addHost(made, 'h1');
  await made.cluster.router.ask(
    providers.ref(PROVIDER_ID),
    {
      type: 'provider.claim',
      consumer: 'a',
      claimId: 'c',
      resources: { VCPU: 1, MEMORY_MB: 96, DISK_GB: 1 },
      projectId: 'p',
      userId: 'u',
    },
    { requestId: 'req-1' },
  );
  return made;
}
const names = [
  { name: 'name-a', uuid: 'a' },
  { name: 'name-b', uuid: 'b' },
];

describe('hypervisors', () => {
  test('have exactly the fields of each microversion', async () => {
    const { call } = await cloud(async (host) => `up on ${host}`);
    const detail = async (minor: number) =>
      (await call('GET', '/os-hypervisors/detail', { minor })).body;
    const old = { ...basic, ...facts, ...capacity, service };
    expect(await detail(1)).toEqual({
      hypervisors: [{ ...old, cpu_info: JSON.stringify(cpuInfo) }],
    });
    expect(await detail(28)).toEqual({ hypervisors: [{ ...old, cpu_info: cpuInfo }] });
    expect(await detail(53)).toEqual({ hypervisors: [{ ...old, cpu_info: cpuInfo, ...uuidOf }] });
    const newest = { ...basic, ...facts, ...uuidOf, uptime: 'up on h1' };
    expect(await detail(88)).toEqual({ hypervisors: [newest] });
    const shown = await call('GET', `/os-hypervisors/${PROVIDER_ID}`, { minor: 88 });
    expect(shown.body).toEqual({ hypervisor: newest });
    const first = await call('GET', `/os-hypervisors/${hostNumber('h1')}`);
    expect(first.body).toEqual({ hypervisor: { ...old, cpu_info: JSON.stringify(cpuInfo) } });
    expect((await call('GET', '/os-hypervisors')).body).toEqual({ hypervisors: [basic] });
  });

  test('are for administrators', async () => {
    const { call } = await cloud();
    const paths = ['', '/detail', '/statistics', '/1', '/h1/search', '/h1/servers', '/1/uptime'];
    for (const path of paths)
      expect((await call('GET', `/os-hypervisors${path}`, { as: 'anna' })).status).toBe(403);
  });

  test('disabled and silent ones say so', async () => {
    const made = resourceService();
    await addHost(made, 'dead');
    await made.call('PUT', `/os-services/${SERVICE_ID}`, {
      minor: 53,
      body: { status: 'disabled', disabled_reason: 'repair' },
    });
    expect((await made.call('GET', '/os-hypervisors/detail')).body).toMatchObject({
      hypervisors: [{ state: 'down', status: 'disabled', service: { disabled_reason: 'repair' } }],
    });
  });
});

describe('finding hypervisors', () => {
  test('by id: numbers before 2.53, UUIDs from then on', async () => {
    const { call } = await cloud();
    const get = (id: string | number, minor: number) =>
      call('GET', `/os-hypervisors/${id}`, { minor });
    expect(await get('nope', 1)).toMatchObject({
      status: 404,
      body: fault('itemNotFound', 404, "Hypervisor with ID 'nope' could not be found."),
    });
    expect((await get(PROVIDER_ID, 1)).status).toBe(404);
    expect((await get(17, 53)).body).toEqual(fault('badRequest', 400, 'Invalid uuid 17'));
    expect((await get('00000000-0000-4000-8000-000000000000', 53)).status).toBe(404);
    expect((await get(PROVIDER_ID.toUpperCase(), 53)).status).toBe(200);
  });

  test('by a part of the name, in the path before 2.53', async () => {
    const { call } = await cloud();
    expect((await call('GET', '/os-hypervisors/h1.ex/search')).body).toEqual({
      hypervisors: [basic],
    });
    expect((await call('GET', '/os-hypervisors/nope/search')).body).toEqual(
      fault('itemNotFound', 404, "No hypervisor matching 'nope' could be found."),
    );
    expect((await call('GET', '/os-hypervisors/h1/servers')).body).toEqual({
      hypervisors: [{ ...basic, servers: names }],
    });
    expect((await call('GET', '/os-hypervisors/nope/servers')).status).toBe(404);
    expect((await call('GET', '/os-hypervisors/h1/search', { minor: 53 })).status).toBe(404);
  });

  test('by a part of the name and with servers, in the query from 2.53 on', async () => {
    const { call } = await cloud();
    const list = (query: string, minor = 53) => call('GET', `/os-hypervisors?${query}`, { minor });
    const found = await list('hypervisor_hostname_pattern=h1&with_servers=true');
    expect(found.body).toEqual({ hypervisors: [{ ...basic, id: PROVIDER_ID, servers: names }] });
    expect((await list('hypervisor_hostname_pattern=nope')).status).toBe(404);
    expect((await list('hypervisor_hostname_pattern=h1&limit=1')).status).toBe(400);
    expect((await list('with_servers=perhaps')).status).toBe(400);
    expect((await list('colour=red')).status).toBe(400);
    expect((await list('colour=red', 52)).status).toBe(200);
    const shown = await call('GET', `/os-hypervisors/${PROVIDER_ID}?with_servers=1`, { minor: 53 });
    expect(shown.body).toMatchObject({ hypervisor: { servers: names } });
  });

  test('an empty list of servers is shown from 2.75 on', async () => {
    const made = resourceService();
    await addHost(made, 'h1');
    const get = async (minor: number) =>
      (await made.call('GET', `/os-hypervisors/${PROVIDER_ID}?with_servers=1`, { minor })).body;
    expect(await get(74)).not.toHaveProperty('hypervisor.servers');
    expect(await get(75)).toHaveProperty('hypervisor.servers', []);
    expect((await made.call('GET', '/os-hypervisors/h1/servers')).body).toEqual({
      hypervisors: [basic],
    });
  });

  test('in pages from 2.33 on', async () => {
    const made = resourceService();
    await addHost(made, 'h1', 1);
    await addHost(made, 'h2', 2);
    const page = await made.call('GET', '/os-hypervisors?limit=1', { minor: 53 });
    expect(page.body).toEqual({
      hypervisors: [{ ...basic, id: PROVIDER_ID }],
      hypervisors_links: [
        {
          rel: 'next',
          href: `http://localhost:80/compute/v2.1/os-hypervisors?limit=1&marker=${PROVIDER_ID}`,
        },
      ],
    });
    const next = `/os-hypervisors/detail?marker=${PROVIDER_ID}`;
    expect((await made.call('GET', next, { minor: 53 })).body).toMatchObject({
      hypervisors: [{ hypervisor_hostname: 'h2.example' }],
    });
    expect((await made.call('GET', '/os-hypervisors?marker=x', { minor: 33 })).status).toBe(400);
    const old = await made.call('GET', '/os-hypervisors?limit=1', { minor: 32 });
    expect((old.body as { hypervisors: object[] }).hypervisors).toHaveLength(2);
  });
});

describe('uptime', () => {
  const path = `/os-hypervisors/${hostNumber('h1')}/uptime`;

  test('is told by hosts that know it', async () => {
    const { call } = await cloud(async () => ' 10:00:00 up 1 day');
    expect((await call('GET', path)).body).toEqual({
      hypervisor: { ...basic, uptime: ' 10:00:00 up 1 day' },
    });
    expect((await call('GET', path, { minor: 88 })).status).toBe(404);
  });

  test('is 501 where nobody knows, null from 2.88 on, and 400 on a silent host', async () => {
    const { call } = await cloud();
    expect((await call('GET', path)).status).toBe(501);
    const shown = await call('GET', `/os-hypervisors/${PROVIDER_ID}`, { minor: 88 });
    expect(shown.body).toHaveProperty('hypervisor.uptime', null);
    const made = resourceService();
    await addHost(made, 'dead');
    const dead = `/os-hypervisors/${hostNumber('dead')}/uptime`;
    expect((await made.call('GET', dead)).status).toBe(400);
  });
});

describe('statistics', () => {
  test('are sums over the enabled hosts, until 2.87', async () => {
    const made = await cloud();
    await addHost(made, 'h2', 2);
    expect((await made.call('GET', '/os-hypervisors/statistics')).body).toEqual({
      hypervisor_statistics: {
        count: 2,
        vcpus: 2 * hypervisor.cpus,
        vcpus_used: 1,
        memory_mb: 8192,
        memory_mb_used: 608 + 512,
        free_ram_mb: 3488 + 3584,
        local_gb: 80,
        local_gb_used: 1,
        free_disk_gb: 79,
        disk_available_least: 79,
        running_vms: 2,
        current_workload: 1,
      },
    });
    expect((await made.call('GET', '/os-hypervisors/statistics', { minor: 88 })).status).toBe(404);
  });

  test('of no hosts are zero', async () => {
    const { call } = resourceService();
    const { body } = await call('GET', '/os-hypervisors/statistics');
    const sums = (body as { hypervisor_statistics: object }).hypervisor_statistics;
    expect(new Set(Object.values(sums))).toEqual(new Set([0]));
    expect(Object.keys(sums)).toHaveLength(12);
  });
});
