// Users at work, each on its own servers, flavors and keypairs: they look, choose what makes sense, ask, and remember
// what they were told. All together ask at a given rate, as far as the cloud keeps up. What they read is checked at once.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';
import type { Account, ApiClient, ServerRow } from './api-client.ts';
import { ExpectedNames, type ExpectedServer, ExpectedServers, GONE } from './expected.ts';
import type { Front, Question } from './front.ts';
import type { Noted, Record } from './record.ts';

export interface Offer {
  readonly imageId: string;
  readonly flavorId: string;
  readonly networkId: string;
}

export interface UsersOptions {
  readonly random: SeededRandom;
  readonly count: number;
  /** Requests per second of all users. */
  readonly rate: number;
  readonly front: Front;
  readonly record: Record;
  readonly offer: Offer;
  readonly demo: ApiClient;
  readonly admin: ApiClient;
  readonly account: Account;
}

const SERVERS_EACH = 8;
const SERVERS = '/compute/v2.1/servers';
const FLAVORS = '/compute/v2.1/flavors';
const KEYPAIRS = '/compute/v2.1/os-keypairs';
/** A public key of nobody: users' keys are only kept and shown. */
const PUBLIC_KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString('base64')} chaos`;

const results = {
  'os-start': 'ACTIVE',
  'os-stop': 'SHUTOFF',
  pause: 'PAUSED',
  unpause: 'ACTIVE',
  suspend: 'SUSPENDED',
  resume: 'ACTIVE',
  reboot: 'ACTIVE',
} as const;
type Action = keyof typeof results;
const possible: { readonly [status: string]: readonly Action[] } = {
  ACTIVE: ['os-stop', 'pause', 'suspend', 'reboot'],
  SHUTOFF: ['os-start'],
  PAUSED: ['unpause'],
  SUSPENDED: ['resume'],
};

export class Users {
  readonly servers = new ExpectedServers();
  readonly flavors = new ExpectedNames('flavor');
  readonly keypairs = new ExpectedNames('keypair');
  readonly #options: UsersOptions;
  #names = 0;
  #isOver = false;
  #nextTurnMs = 0;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** Until `stop`; resolves when every user has heard its last answer. */
  async run(): Promise<void> {
    const { random, count } = this.#options;
    this.#isOver = false;
    this.#nextTurnMs = performance.now();
    await Promise.all(
      Array.from({ length: count }, (_, user) =>
        this.#work(user, random.fork(`user ${user} ${this.#names}`)),
      ),
    );
  }

  stop(): void {
    this.#isOver = true;
  }

  async #work(user: number, random: SeededRandom): Promise<void> {
    while (!this.#isOver) await this.#step(user, random);
  }

  #step(user: number, random: SeededRandom): Promise<unknown> {
    const die = random.float();
    if (die < 0.01) return this.#token();
    if (die < 0.04) return this.#flavor(user, random);
    if (die < 0.08) return this.#keypair(user, random);
    const owned = this.servers.ownedBy(user);
    if (owned.length === 0 || (owned.length < SERVERS_EACH && random.chance(0.3)))
      return this.#create(user);
    return this.#use(random.pick(owned), random);
  }

  /** Waits for its turn, so that all together keep to the rate; time lost is not caught up. */
  async #ask(question: Question): Promise<Noted> {
    await this.#turn();
    return this.#options.front.send(question);
  }

  async #turn(): Promise<void> {
    const nowMs = performance.now();
    const gapMs = 1_000 / this.#options.rate;
    const turnMs = Math.max(this.#nextTurnMs, nowMs - gapMs);
    this.#nextTurnMs = turnMs + gapMs;
    if (turnMs > nowMs) await new Promise((done) => setTimeout(done, turnMs - nowMs));
  }

  #newName(kind: string): string {
    this.#names += 1;
    return `${kind}-${this.#names}`;
  }

  async #create(user: number): Promise<void> {
    const { demo, offer } = this.#options;
    const { imageId: imageRef, flavorId: flavorRef, networkId: uuid } = offer;
    const name = this.#newName('s');
    const server = { name, imageRef, flavorRef, networks: [{ uuid }], metadata: { mark: 'new' } };
    const noted = await this.#ask({
      as: demo,
      what: 'create',
      subject: name,
      method: 'POST',
      path: SERVERS,
      body: { server },
      never: [400, 401, 404, 409],
    });
    this.servers.created(name, user, noted);
  }

  async #use(server: ExpectedServer, random: SeededRandom): Promise<void> {
    const row = await this.#look(server);
    if (row === undefined) return;
    if (row['OS-EXT-STS:task_state'] !== null && !random.chance(0.1)) return;
    const die = random.float();
    if (row.status === 'ERROR' || die < 0.25) return this.#delete(server);
    if (die < 0.4) return this.#mark(server);
    const action = random.pick<Action>(possible[row.status] ?? ['reboot']);
    const argument = action === 'reboot' ? { type: random.pick(['SOFT', 'HARD']) } : null;
    const noted = await this.#ask({
      as: this.#options.demo,
      what: action,
      subject: server.id,
      method: 'POST',
      path: `${SERVERS}/${server.id}/action`,
      body: { [action]: argument },
      never: neverOf(server),
    });
    this.servers.asked(server, action, results[action], noted);
  }

  /** A read sees every acknowledged write; while the store is away it may be stale, but never says that there is none. */
  async #look(server: ExpectedServer): Promise<ServerRow | undefined> {
    const { requestId, reply } = await this.#ask({
      as: this.#options.demo,
      what: 'look',
      subject: server.id,
      method: 'GET',
      path: `${SERVERS}/${server.id}`,
      isRead: true,
      never: [400, 401],
    });
    if (reply?.status === 200) return (reply.body as { readonly server: ServerRow }).server;
    if (reply?.status === 404 && !server.may.has(GONE))
      this.#options.record.violated(
        `server ${server.name} ${server.id} was not found (${requestId}), though ${server.acknowledged[0]?.requestId} made it`,
      );
    return undefined;
  }

  async #delete(server: ExpectedServer): Promise<void> {
    const noted = await this.#ask({
      as: this.#options.demo,
      what: 'delete',
      subject: server.id,
      method: 'DELETE',
      path: `${SERVERS}/${server.id}`,
      never: neverOf(server),
    });
    this.servers.asked(server, 'delete', GONE, noted);
  }

  async #mark(server: ExpectedServer): Promise<void> {
    const mark = this.#newName('m');
    const noted = await this.#ask({
      as: this.#options.demo,
      what: 'metadata',
      subject: server.id,
      method: 'POST',
      path: `${SERVERS}/${server.id}/metadata`,
      body: { metadata: { mark } },
      never: neverOf(server),
    });
    this.servers.marked(server, mark, noted);
  }

  async #token(): Promise<void> {
    const { demo, account, front } = this.#options;
    await this.#turn();
    const asked = { what: 'token', subject: account.user, never: [400, 401, 404, 409] };
    await front.through(asked, async (url) => (await demo.at(url).tokenOf(account)).reply);
  }

  #flavor(user: number, random: SeededRandom): Promise<void> {
    const { admin: as } = this.#options;
    const flavor = { ram: 64, vcpus: 1, disk: 1 };
    return this.#thing(this.flavors, random, {
      make: (name) => ({ as, path: FLAVORS, body: { flavor: { name, id: name, ...flavor } } }),
      end: (name) => ({ as, path: `${FLAVORS}/${name}` }),
      name: `flavor-${user}`,
    });
  }

  #keypair(user: number, random: SeededRandom): Promise<void> {
    const { demo: as } = this.#options;
    return this.#thing(this.keypairs, random, {
      make: (name) => ({
        as,
        path: KEYPAIRS,
        body: { keypair: { name, type: 'ssh', public_key: PUBLIC_KEY } },
      }),
      end: (name) => ({ as, path: `${KEYPAIRS}/${name}` }),
      name: `key-${user}`,
    });
  }

  /** Makes one, or deletes one that this user made. */
  async #thing(
    things: ExpectedNames,
    random: SeededRandom,
    how: {
      readonly make: (name: string) => Pick<Question, 'as' | 'path' | 'body'>;
      readonly end: (name: string) => Pick<Question, 'as' | 'path'>;
      /** Names of this user begin so. */
      readonly name: string;
    },
  ): Promise<void> {
    const own = things.there().filter((name) => name.startsWith(`${how.name}-`));
    if (own.length > 0 && random.chance(0.5)) {
      const name = random.pick(own);
      const what = `${things.kind} delete`;
      const question = { ...how.end(name), method: 'DELETE', what, subject: name };
      return things.deleted(name, await this.#ask({ ...question, never: [400, 401, 404, 409] }));
    }
    const name = this.#newName(how.name);
    const question = { ...how.make(name), method: 'POST', what: things.kind, subject: name };
    things.made(name, await this.#ask({ ...question, never: [400, 401, 409] }));
  }
}

/** Its own server is there, unless a delete whose outcome nobody heard has come through. */
function neverOf(server: ExpectedServer): readonly number[] {
  return server.may.has(GONE) ? [400, 401] : [400, 401, 404];
}

/** What each cloud has from its start. */
export async function findOffer(demo: ApiClient): Promise<Offer> {
  type Named = readonly { readonly id: string; readonly name: string }[];
  const idOf = (list: Named, name: string): string => {
    const found = list.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the cloud offers no ${name}`);
    return found.id;
  };
  const { images } = await demo.get<{ images: Named }>('/image/v2/images');
  const { flavors } = await demo.get<{ flavors: Named }>('/compute/v2.1/flavors');
  const { networks } = await demo.get<{ networks: Named }>('/network/v2.0/networks');
  return {
    imageId: idOf(images, 'tiny'),
    flavorId: idOf(flavors, 'm1.tiny'),
    networkId: idOf(networks, 'private'),
  };
}
