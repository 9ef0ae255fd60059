// After the run, with everything started again and at rest: compares what the cloud shows, holds and remembers with what
// was acknowledged, and with itself. Each check gives its violations in words.
import { type ApiClient, listServers, type ServerRow } from './api-client.ts';
import type { ExpectedServers, Mismatch } from './expected.ts';
import type { JournalReport } from './journal-check.ts';
import { StateFile } from './state-files.ts';
import type { Users } from './users.ts';

/** What was found through one controller. */
export interface Seen {
  readonly url: string;
  readonly servers: readonly ServerRow[];
  readonly flavors: ReadonlySet<string>;
  readonly keypairs: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  /** Ids of servers with an allocation, one per provider. */
  readonly consumers: readonly string[];
  /** Ids of servers with a port, one per port. */
  readonly ports: readonly string[];
}

export interface Looking {
  readonly demo: ApiClient;
  readonly admin: ApiClient;
}

interface Names {
  readonly id: string;
  readonly name: string;
}

export async function see({ demo, admin }: Looking, url: string): Promise<Seen> {
  const [user, root] = [demo.at(url), admin.at(url)];
  const servers = await listServers(user);
  const { flavors } = await user.get<{ flavors: readonly Names[] }>('/compute/v2.1/flavors');
  const { keypairs } = await user.get<{ keypairs: readonly { readonly keypair: Names }[] }>(
    '/compute/v2.1/os-keypairs',
  );
  const { limits } = await user.get<{ limits: { absolute: Record<string, number> } }>(
    '/compute/v2.1/limits',
  );
  const { ports } = await root.get<{
    ports: readonly { readonly device_id: string; readonly device_owner: string }[];
  }>('/network/v2.0/ports');
  return {
    url,
    servers: servers.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    flavors: new Set(flavors.map(({ name }) => name)),
    keypairs: new Set(keypairs.map(({ keypair }) => keypair.name)),
    limits: limits.absolute,
    consumers: await consumersOf(root),
    ports: ports
      .filter((port) => port.device_owner.startsWith('compute:'))
      .map((port) => port.device_id)
      .toSorted(),
  };
}

async function consumersOf(admin: ApiClient): Promise<readonly string[]> {
  const { resource_providers: providers } = await admin.get<{
    resource_providers: readonly { readonly uuid: string }[];
  }>('/placement/resource_providers');
  const held = await Promise.all(
    providers.map(({ uuid }) =>
      admin.get<{ allocations: Readonly<Record<string, unknown>> }>(
        `/placement/resource_providers/${uuid}/allocations`,
      ),
    ),
  );
  return held.flatMap(({ allocations }) => Object.keys(allocations)).toSorted();
}

/** Servers that are as acknowledged. An operation that failed afterwards says so in the server's list of actions. */
export async function checkServers(
  expected: ExpectedServers,
  servers: readonly ServerRow[],
  demo: ApiClient,
): Promise<readonly string[]> {
  const mismatches = expected.compare(servers);
  const told = await Promise.all(mismatches.map((one) => hasToldFailure(one, demo)));
  return mismatches.filter((_, index) => told[index] !== true).map(({ words }) => words);
}

interface Action {
  readonly request_id: string;
  readonly message: string | null;
}

async function hasToldFailure(
  { server, request, isAsBefore }: Mismatch,
  demo: ApiClient,
): Promise<boolean> {
  if (server === undefined || request === undefined || !isAsBefore) return false;
  const { instanceActions } = await demo.get<{ instanceActions: readonly Action[] }>(
    `/compute/v2.1/servers/${server.id}/os-instance-actions`,
  );
  const action = instanceActions.find((one) => one.request_id === request.requestId);
  return action?.message === 'Error';
}

/** Servers at rest, none moving. */
export function checkRest(servers: readonly ServerRow[]): readonly string[] {
  return servers
    .filter((row) => row['OS-EXT-STS:task_state'] !== null)
    .map(
      (row) =>
        `server ${row.name} ${row.id} is still ${row.status}/${row['OS-EXT-STS:task_state']}`,
    );
}

/** All controllers say the same. */
export function checkSame([first, ...others]: readonly Seen[]): readonly string[] {
  if (first === undefined) return [];
  const textOf = (seen: Seen): ReadonlyMap<string, string> =>
    new Map([
      ...seen.servers.map(
        (row) => [`server ${row.id}`, JSON.stringify({ ...row, links: [] })] as const,
      ),
      ['flavors', [...seen.flavors].toSorted().join(' ')] as const,
      ['keypairs', [...seen.keypairs].toSorted().join(' ')] as const,
      ['limits', JSON.stringify(seen.limits)] as const,
      ['allocations', seen.consumers.join(' ')] as const,
      ['ports', seen.ports.join(' ')] as const,
    ]);
  const reference = textOf(first);
  return others.flatMap((seen) => {
    const texts = textOf(seen);
    const names = new Set([...reference.keys(), ...texts.keys()]);
    return [...names]
      .filter(
        (name) =>
          withoutHost(texts.get(name), seen.url) !== withoutHost(reference.get(name), first.url),
      )
      .map((name) => `${name}: ${first.url} and ${seen.url} don't say the same`);
  });
}

/** Links lead through the controller that was asked. */
function withoutHost(text: string | undefined, url: string): string | undefined {
  return text?.replaceAll(url, '');
}

/** Quota, allocations and ports are those of the servers that are there. A server in error may hold some or none. */
export function checkHeld(seen: Seen): readonly string[] {
  const { servers, limits, consumers, ports } = seen;
  const count = servers.length;
  const quota = { instances: limits['totalInstancesUsed'], cores: limits['totalCoresUsed'] };
  const wrongQuota =
    quota.instances === count && quota.cores === count
      ? []
      : [`quota counts ${quota.instances} servers and ${quota.cores} cores for ${count} servers`];
  return [
    ...wrongQuota,
    ...compareHolders('an allocation', servers, consumers),
    ...compareHolders('a port', servers, ports),
  ];
}

/** Guests and disks on the simulated hosts are those of the servers that are there, each once. */
export function checkHosts(
  servers: readonly ServerRow[],
  paths: readonly string[],
): readonly string[] {
  const files = paths.map((path) => new StateFile(path).look());
  const guests = files.flatMap((file) => file.guests().map(({ id }) => id));
  const disks = files.flatMap((file) => file.keys('file'));
  const running = servers.filter(({ status }) => status === 'ACTIVE' || status === 'PAUSED');
  const mayRun = new Set([
    ...running.map(({ id }) => id),
    ...servers.filter(({ status }) => status === 'ERROR').map(({ id }) => id),
  ]);
  return [
    ...running
      .filter(({ id }) => !guests.includes(id))
      .map(({ id, status }) => `server ${id} is ${status}, but no host has its guest`),
    ...guests
      .filter((id) => !mayRun.has(id))
      .map((id) => `a guest of ${id} runs, but ${statusOf(servers, id)}`),
    ...repeated(guests).map((id) => `the guest of ${id} is on two hosts`),
    ...compareHolders('a disk', servers, disks),
  ];
}

/** Every acknowledged request about a server is in the journal. */
export function checkRequests(
  expected: ExpectedServers,
  journal: JournalReport,
): readonly string[] {
  return expected
    .all()
    .flatMap(({ id, acknowledged }) =>
      acknowledged
        .filter(({ requestId }) => !journal.requestIds.has(requestId))
        .map(({ what, requestId }) => `${what} of ${id} (${requestId}) is not in the journal`),
    );
}

/** All that was made under a name. */
export function checkNames(users: Users, { flavors, keypairs }: Seen): readonly string[] {
  return [...users.flavors.compare(flavors), ...users.keypairs.compare(keypairs)];
}

function compareHolders(
  what: string,
  servers: readonly ServerRow[],
  holders: readonly string[],
): readonly string[] {
  const known = new Set(servers.map(({ id }) => id));
  const held = new Set(holders);
  return [
    ...servers
      .filter(({ id, status }) => status !== 'ERROR' && !held.has(id))
      .map(({ id, status }) => `server ${id} is ${status}, but has not ${what}`),
    ...[...held].filter((id) => !known.has(id)).map((id) => `${what} of ${id}, which is no server`),
    ...repeated(holders).map((id) => `server ${id} has ${what} twice`),
  ];
}

function repeated(ids: readonly string[]): readonly string[] {
  return [...Map.groupBy(ids, (id) => id)].filter(([, same]) => same.length > 1).map(([id]) => id);
}

function statusOf(servers: readonly ServerRow[], id: string): string {
  const row = servers.find((one) => one.id === id);
  return row === undefined ? 'there is no such server' : `the server is ${row.status}`;
}
