// No host fits: the server's fault and the log name each host with the filter that refused it and the figures.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '#test/e2e/launched-cloud.ts';
import { type ApiClient, findServer, type ServerRow } from '#cli/chaos/api-client.ts';
import { CloudProcess } from './cloud-process.ts';

const HOSTS = 8;
let cloud: CloudProcess;
let admin: ApiClient;
let imageId: string;

beforeAll(async () => {
  cloud = await CloudProcess.prepare({
    cidr: '10.95.0.0/24',
    hypervisor: 'simulated',
    hosts: HOSTS,
  });
  await cloud.up();
  admin = await cloud.login('admin');
  const { images } = await admin.get<{ images: { id: string }[] }>('/image/v2/images');
  imageId = images[0]?.id ?? '';
  const { services } = await admin.get<{
    services: { id: string; host: string; binary: string }[];
  }>('/compute/v2.1/os-services?binary=nova-compute');
  const change = (host: string, changes: object): Promise<unknown> => {
    const id = services.find((service) => service.host === host)?.id ?? '';
    return admin.ask('PUT', `/compute/v2.1/os-services/${id}`, changes);
  };
  await change('host-1', { status: 'disabled', disabled_reason: 'new disks' });
  await change('host-2', { forced_down: true });
});

afterAll(async () => {
  await cloud?.remove();
});

async function flavor(id: string, size: object): Promise<void> {
  const body = { flavor: { id, name: id, vcpus: 1, ram: 64, disk: 1, ...size } };
  await admin.ask('POST', '/compute/v2.1/flavors', body);
}

async function refused(flavorRef: string, more: object = {}): Promise<ServerRow> {
  const { server } = await admin.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
    server: { name: 'big', imageRef: imageId, flavorRef, networks: 'none', ...more },
  });
  return until('the server to be in ERROR', async () => {
    const row = await findServer(admin, server.id);
    return row?.status === 'ERROR' ? row : undefined;
  });
}

interface LogEntry {
  readonly level: string;
  readonly server?: string;
  readonly fault?: { readonly message: string; readonly details: string };
}

function loggedFault(serverId: string): LogEntry['fault'] {
  const entries = cloud.log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogEntry);
  return entries.find((entry) => entry.server === serverId && entry.fault !== undefined)?.fault;
}

const MEMORY_MIB = 4 * 1024 * 1024;

describe('a server that fits nowhere', () => {
  it('has a fault that names hosts, filters and figures, and counts the rest', async () => {
    await flavor('much-memory', { ram: MEMORY_MIB + 1 });
    const { fault } = await refused('much-memory');
    const needs = `needs ${MEMORY_MIB + 1} MiB, gives at most ${MEMORY_MIB} MiB to one server (RamFilter)`;
    expect(fault?.message).toBe(
      `No valid host was found. ${[
        'host-1: its compute service is disabled (new disks) (ComputeFilter)',
        'host-2: an administrator has forced it down (ComputeFilter)',
        ...['host-3', 'host-4', 'host-5'].map((host) => `${host}: ${needs}`),
      ].join('; ')}; and 3 more refused: 3 by RamFilter.`,
    );
  });

  it('has every host in the details, for administrators, and the same in the log', async () => {
    await flavor('much-disk', { disk: 70_000 });
    const { id, fault } = await refused('much-disk');
    const lines = Array.from({ length: HOSTS - 2 }, (_, index) => {
      const figures = 'needs 70000 GiB, gives at most 65536 GiB to one server';
      return `host-${index + 3}: DiskFilter: ${figures}`;
    });
    expect(fault?.details?.split('\n').slice(2)).toEqual(lines);
    expect(loggedFault(id)).toMatchObject({ message: fault?.message, details: fault?.details });
  });

  it('says what is left when hosts are full, not only how large they are', async () => {
    await flavor('half', { ram: MEMORY_MIB - 2048 });
    for (let count = 0; count < HOSTS - 2; count += 1) {
      const { server } = await admin.ask<{ server: { id: string } }>(
        'POST',
        '/compute/v2.1/servers',
        { server: { name: 'fills', imageRef: imageId, flavorRef: 'half', networks: 'none' } },
      );
      await until('a server to fill a host', async () =>
        (await findServer(admin, server.id))?.status === 'ACTIVE' ? true : undefined,
      );
    }
    const { fault } = await refused('half');
    expect(fault?.message).toContain(
      `host-3: needs ${MEMORY_MIB - 2048} MiB, has 1536 MiB free of ${MEMORY_MIB - 512} MiB (RamFilter)`,
    );
  });
});
