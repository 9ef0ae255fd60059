// Users at work: several at once create servers, act on them and delete them, and write down what was acknowledged and
// what is not known because the cloud was killed. Each user owns its servers, so that what each must become is certain.
import { verdictOf } from '#cli/chaos/record.ts';
import type { SeededRandom } from '#test/support/seeded-random.ts';
import {
  type ApiClient,
  type ApiReply,
  listServers,
  type ServerRow,
} from '#cli/chaos/api-client.ts';

export const GONE = 'GONE';
const BUSY = 503;

const actions = {
  'os-stop': 'SHUTOFF',
  'os-start': 'ACTIVE',
  pause: 'PAUSED',
  unpause: 'ACTIVE',
  suspend: 'SUSPENDED',
  resume: 'ACTIVE',
  reboot: 'ACTIVE',
} as const;
type Action = keyof typeof actions;
/** What can be asked of a server in each state; anything else is refused with 409, which is no effect. */
const possible: Readonly<Record<string, readonly Action[]>> = {
  ACTIVE: ['os-stop', 'pause', 'suspend', 'reboot'],
  SHUTOFF: ['os-start'],
  PAUSED: ['unpause'],
  SUSPENDED: ['resume'],
};

interface Tracked {
  readonly id: string;
  readonly name: string;
  /** One when all is known; two when a request was cut off. */
  statuses: readonly string[];
}

export interface TrafficOptions {
  readonly random: SeededRandom;
  readonly users: number;
  readonly imageId: string;
  readonly flavorId: string;
  readonly networkId: string;
}

export class Traffic {
  /** Requests that got their 202 or 204. */
  acknowledged = 0;
  /** Requests that were cut off. */
  unknown = 0;
  readonly #options: TrafficOptions;
  readonly #owned: Map<string, Tracked>[];
  /** Creates that were cut off: the server may be there or not. */
  readonly #maybe = new Map<string, Map<string, Tracked>>();
  /** Request ids by server, of what was acknowledged. */
  readonly #requests = new Map<string, string[]>();
  #names = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#owned = Array.from({ length: options.users }, () => new Map());
  }

  /** All users ask one thing after the other until the cloud is gone; `onReply` is told of each reply. */
  async run(client: ApiClient, onReply: (acknowledged: number) => void): Promise<void> {
    let isCut = false;
    const work = async (owned: Map<string, Tracked>, random: SeededRandom): Promise<void> => {
      while (!isCut) {
        try {
          await this.#step(client, owned, random);
        } catch (error) {
          // fetch tells a broken connection by a TypeError.
          if (!(error instanceof TypeError)) throw error;
          isCut = true;
        }
        onReply(this.acknowledged);
      }
    };
    const { random } = this.#options;
    await Promise.all(
      this.#owned.map((owned, user) => work(owned, random.fork(`${user}/${this.#names}`))),
    );
  }

  async #step(client: ApiClient, owned: Map<string, Tracked>, random: SeededRandom): Promise<void> {
    const servers = [...owned.values()];
    if (servers.length === 0 || (servers.length < 12 && random.chance(0.4)))
      return this.#create(client, owned);
    const server = random.pick(servers);
    if (random.chance(0.35)) return this.#delete(client, owned, server);
    return this.#act(client, server, random);
  }

  async #create(client: ApiClient, owned: Map<string, Tracked>): Promise<void> {
    const { imageId, flavorId, networkId } = this.#options;
    this.#names += 1;
    const name = `t-${this.#names}`;
    const networks = [{ uuid: networkId }];
    const body = { server: { name, imageRef: imageId, flavorRef: flavorId, networks } };
    this.#maybe.set(name, owned);
    this.unknown += 1;
    const reply = await client.call('POST', '/compute/v2.1/servers', body);
    if (isUnknown(reply)) return;
    this.unknown -= 1;
    this.#maybe.delete(name);
    if (reply.status === BUSY) return;
    if (reply.status !== 202) throw refused('create', reply);
    const { id } = (reply.body as { server: { id: string } }).server;
    owned.set(id, { id, name, statuses: ['ACTIVE'] });
    this.#note(id, reply);
  }

  async #delete(client: ApiClient, owned: Map<string, Tracked>, server: Tracked): Promise<void> {
    const before = server.statuses;
    server.statuses = [...before, GONE];
    this.unknown += 1;
    const reply = await client.call('DELETE', `/compute/v2.1/servers/${server.id}`);
    if (isUnknown(reply)) return;
    this.unknown -= 1;
    if (reply.status === BUSY) {
      server.statuses = before;
      return;
    }
    if (reply.status !== 204) throw refused('delete', reply);
    server.statuses = [GONE];
    owned.delete(server.id);
    this.#deleted.set(server.id, server);
    this.#note(server.id, reply);
  }
  readonly #deleted = new Map<string, Tracked>();

  async #act(client: ApiClient, server: Tracked, random: SeededRandom): Promise<void> {
    const before = server.statuses;
    const action = random.pick<Action>(possible[before[0] ?? ''] ?? ['reboot']);
    const after = actions[action];
    const argument = action === 'reboot' ? { type: random.pick(['SOFT', 'HARD']) } : null;
    server.statuses = [...before, after];
    this.unknown += 1;
    const reply = await client.call('POST', `/compute/v2.1/servers/${server.id}/action`, {
      [action]: argument,
    });
    if (isUnknown(reply)) return;
    this.unknown -= 1;
    if (![202, 409, BUSY].includes(reply.status)) throw refused(action, reply);
    server.statuses = reply.status === 202 ? [after] : before;
    if (reply.status === 202) this.#note(server.id, reply);
  }

  #note(id: string, reply: ApiReply): void {
    this.acknowledged += 1;
    this.#requests.set(id, [...(this.#requests.get(id) ?? []), reply.requestId]);
  }

  /** What is not as acknowledged. What was not known is known afterwards: users see what became of it. */
  compare(rows: readonly ServerRow[]): readonly string[] {
    const found = new Map(rows.map((row) => [row.id, row]));
    const wrong: string[] = [];
    for (const [name, owned] of this.#maybe) {
      const row = rows.find((one) => one.name === name);
      if (row !== undefined) owned.set(row.id, { id: row.id, name, statuses: ['ACTIVE'] });
    }
    this.#maybe.clear();
    for (const owned of this.#owned)
      for (const server of owned.values()) {
        const row = found.get(server.id);
        const status = row?.status ?? GONE;
        const hasReason = status === 'ERROR' && (row?.fault?.message ?? '') !== '';
        if (!server.statuses.includes(status) && !hasReason)
          wrong.push(`${server.name} ${server.id}: ${status}, not ${server.statuses.join(' or ')}`);
        server.statuses = [status];
        found.delete(server.id);
        if (status !== GONE) continue;
        owned.delete(server.id);
        this.#deleted.set(server.id, server);
      }
    for (const row of found.values())
      wrong.push(
        this.#deleted.has(row.id)
          ? `${row.name} ${row.id}: ${row.status}, though its delete was acknowledged`
          : `${row.name} ${row.id}: ${row.status}, and nobody asked for it`,
      );
    return wrong;
  }

  /** Acknowledged requests that the servers' lists of actions don't know. */
  async forgotten(client: ApiClient): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const [id, requests] of this.#requests) {
      const { instanceActions } = await client.get<{
        instanceActions: readonly { readonly request_id: string }[];
      }>(`/compute/v2.1/servers/${id}/os-instance-actions`);
      const known = new Set(instanceActions.map((action) => action.request_id));
      for (const request of requests) if (!known.has(request)) missing.push(`${id}: ${request}`);
    }
    return missing;
  }
}

/** A busy cloud says whether it left the request undone. */
function isUnknown({ status, body }: ApiReply): boolean {
  return status === BUSY && verdictOf(status, body) === 'unknown';
}

function refused(what: string, reply: ApiReply): Error {
  return new Error(`${what} was refused: ${reply.status} ${JSON.stringify(reply.body)}`);
}

/** Resolves when nothing is under way; fails with what still is. */
export async function restingServers(
  client: ApiClient,
  withinMs: number,
): Promise<readonly ServerRow[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const rows = await listServers(client);
    const busy = rows.filter((row) => row['OS-EXT-STS:task_state'] !== null);
    if (busy.length === 0) return rows;
    if (performance.now() > deadline)
      throw new Error(
        `still under way after ${withinMs} ms: ${busy
          .map((row) => `${row.id} ${row.status}/${row['OS-EXT-STS:task_state']}`)
          .join(', ')}`,
      );
    await new Promise((done) => setTimeout(done, 25));
  }
}
