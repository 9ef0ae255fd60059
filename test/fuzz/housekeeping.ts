// Keeps a fuzzed cloud in use: before each batch there is something of every kind to name, what the fuzz made is deleted
// again when there is much of it, and what it broke for everybody (a disabled host, a quota of nothing) is mended.
import type { WholeCloud } from '#test/api/whole/whole-cloud.ts';
import type { Ids } from './ids.ts';

interface Kind {
  /** Where it is listed and made. */
  readonly path: string;
  /** The member of a list reply. */
  readonly list: string;
  readonly as?: 'demo';
  readonly query?: string;
  /** A body that makes one, by what else there is. */
  readonly make?: (ids: Readonly<Record<string, string>>) => object;
}

/** More than this many of a kind are deleted, but for some. */
const MOST = 60;
const KEPT = 10;

/** Those that others need come first, and are deleted last. */
const kinds: readonly Kind[] = [
  {
    path: '/network/v2.0/networks',
    list: 'networks',
    make: () => ({ network: { name: 'victim' } }),
  },
  {
    path: '/network/v2.0/subnets',
    list: 'subnets',
    make: ({ networks }) => ({
      subnet: { network_id: networks, ip_version: 4, cidr: '10.200.0.0/24' },
    }),
  },
  {
    path: '/network/v2.0/routers',
    list: 'routers',
    make: () => ({ router: { name: 'victim' } }),
  },
  {
    path: '/network/v2.0/ports',
    list: 'ports',
    make: ({ networks }) => ({ port: { network_id: networks } }),
  },
  {
    path: '/network/v2.0/security-groups',
    list: 'security_groups',
    make: () => ({ security_group: { name: 'victim' } }),
  },
  { path: '/network/v2.0/security-group-rules', list: 'security_group_rules' },
  { path: '/network/v2.0/floatingips', list: 'floatingips' },
  {
    path: '/image/v2/images',
    list: 'images',
    query: '?limit=100',
    make: () => ({ name: 'victim', disk_format: 'raw', container_format: 'bare' }),
  },
  { path: '/image/v2/metadefs/namespaces', list: 'namespaces' },
  {
    path: '/compute/v2.1/flavors',
    list: 'flavors',
    query: '?is_public=None',
    make: () => ({ flavor: { name: `victim-${Date.now()}`, vcpus: 1, ram: 64, disk: 1 } }),
  },
  {
    path: '/compute/v2.1/os-server-groups',
    list: 'server_groups',
    make: () => ({ server_group: { name: 'victim', policy: 'affinity' } }),
  },
  { path: '/compute/v2.1/os-aggregates', list: 'aggregates' },
  {
    path: '/compute/v2.1/servers',
    list: 'servers',
    query: '?all_tenants=1',
    make: ({ boot, boots }) => ({
      server: { name: 'victim', imageRef: boot, flavorRef: '1', networks: [{ uuid: boots }] },
    }),
  },
  ...['users', 'projects', 'roles', 'groups', 'domains', 'regions', 'services', 'policies'].map(
    (list): Kind => ({ path: `/identity/v3/${list}`, list }),
  ),
  ...['credentials', 'endpoints', 'registered_limits', 'limits'].map(
    (list): Kind => ({ path: `/identity/v3/${list}`, list }),
  ),
  { path: '/placement/resource_providers', list: 'resource_providers' },
];

type Item = Readonly<Record<string, unknown>>;

export class Housekeeping {
  readonly #cloud: WholeCloud;
  /** What the cloud had when it was new, by kind's path. */
  readonly #first = new Map<string, ReadonlySet<string>>();
  readonly #places: Record<string, string> = {};
  readonly protectedIds: ReadonlySet<string>;

  private constructor(cloud: WholeCloud, lists: ReadonlyMap<string, readonly Item[]>) {
    this.#cloud = cloud;
    const known = new Set<string>(['default']);
    for (const [path, items] of lists) {
      const ids = new Set(items.map(idOf));
      this.#first.set(path, ids);
      // Servers can't boot, and nobody can log in, without what was there first.
      for (const id of ids) known.add(id);
    }
    this.#places['boot'] = idOf(lists.get('/image/v2/images')?.[0] ?? {});
    const networks = lists.get('/network/v2.0/networks') ?? [];
    this.#places['boots'] = idOf(networks.find((each) => each['name'] === 'private') ?? {});
    this.protectedIds = known;
  }

  static async start(cloud: WholeCloud): Promise<Housekeeping> {
    const lists = new Map<string, readonly Item[]>();
    for (const kind of kinds) lists.set(kind.path, await listOf(cloud, kind));
    return new Housekeeping(cloud, lists);
  }

  async tidy(ids: Ids): Promise<void> {
    for (const kind of kinds) {
      const items = await this.#made(kind);
      if (items.length === 0) await this.#make(kind);
      for (const id of items) this.#places[kind.list] = id;
      ids.learn(
        kind.path,
        items.map((id) => ({ id })),
      );
    }
    for (const kind of kinds.toReversed()) {
      const items = await this.#made(kind);
      if (items.length > MOST)
        for (const id of items.slice(KEPT))
          await this.#cloud.admin.call('DELETE', `${kind.path}/${encodeURIComponent(id)}`);
    }
    await this.#mend();
  }

  async #made(kind: Kind): Promise<readonly string[]> {
    const first = this.#first.get(kind.path);
    const items = await listOf(this.#cloud, kind);
    return items.map(idOf).filter((id) => first?.has(id) !== true);
  }

  async #make({ path, list, make }: Kind): Promise<void> {
    if (make === undefined) return;
    const { body } = await this.#cloud.admin.call('POST', path, make(this.#places));
    const id = idOf((Object.values((body ?? {}) as Item)[0] as Item | undefined) ?? {});
    if (id !== '') this.#places[list] = id;
  }

  /** Hosts take servers again. */
  async #mend(): Promise<void> {
    const { admin } = this.#cloud;
    const { body } = await admin.call('GET', '/compute/v2.1/os-services?binary=nova-compute');
    const { services = [] } = body as { readonly services?: readonly Item[] };
    for (const { id, status, forced_down: isDown } of services)
      if (status !== 'enabled' || isDown === true)
        await admin.call('PUT', `/compute/v2.1/os-services/${String(id)}`, {
          status: 'enabled',
          ...(isDown === true ? { forced_down: false } : {}),
        });
  }
}

async function listOf(
  cloud: WholeCloud,
  { path, list, query = '' }: Kind,
): Promise<readonly Item[]> {
  const { status, body } = await cloud.admin.call('GET', `${path}${query}`);
  if (status !== 200)
    throw new Error(`GET ${path} answers ${status}: the fuzz broke what it stands on`);
  return ((body as Item)[list] ?? []) as readonly Item[];
}

function idOf(item: Item): string {
  const { id, uuid, namespace } = item;
  const found = [id, uuid, namespace].find(
    (each) => typeof each === 'string' || typeof each === 'number',
  );
  return found === undefined ? '' : String(found);
}
