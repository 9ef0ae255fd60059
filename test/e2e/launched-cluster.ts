// A cluster as its owners have it: every member a process of its own, started by ./kilonova over simulated hosts, on a
// private Redis. Users come over HTTP to whichever controller; one that refuses the connection is left for another.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, ApiClient, type ApiReply } from '#cli/chaos/api-client.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';
import { type CommandResult, root, run } from './launched-cloud.ts';

export interface ListedMember {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly isSelf: boolean;
  readonly shards: number;
  readonly incarnation: number;
  readonly apiUrl?: string;
}

export interface ListedShard {
  readonly shard: number;
  readonly state: string;
  readonly owner?: string;
  readonly epoch: number;
}

const COMMAND_MS = 120_000;

export class LaunchedCluster {
  readonly directory: string;
  readonly redis: PrivateRedis;
  readonly #config: string;
  /** Directories of members that were started. */
  readonly #started = new Set<string>();

  private constructor(directory: string, redis: PrivateRedis) {
    this.directory = directory;
    this.redis = redis;
    this.#config = join(directory, 'cluster.config.ts');
    const settings = { hypervisor: { kind: 'simulated' }, cluster: { shards: 16 } };
    writeFileSync(this.#config, `export default ${JSON.stringify(settings)};\n`);
  }

  static async prepare(): Promise<LaunchedCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'kilonova-cluster-'));
    return new LaunchedCluster(directory, await PrivateRedis.start());
  }

  data(member: string): string {
    return join(this.directory, member);
  }

  /** Never rejects: the exit code tells. */
  kilonova(member: string, ...args: readonly string[]): Promise<CommandResult> {
    const where = ['--data', this.data(member), '--config', this.#config];
    return run(join(root, 'kilonova'), [...args, ...where], { timeoutMs: COMMAND_MS });
  }

  /** Its output; throws with its words if it fails. */
  async ask(member: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.kilonova(member, ...args);
    if (code !== 0) throw new Error(`kilonova ${args.join(' ')} on ${member}: ${stdout}${stderr}`);
    return stdout.trim();
  }

  async up(member: string, ...args: readonly string[]): Promise<void> {
    this.#started.add(member);
    await this.ask(member, 'up', '--detach', ...args);
  }

  async found(member: string, ...args: readonly string[]): Promise<void> {
    const options = ['--redis', this.redis.url, '--role', 'controller', '--listen', '127.0.0.1:0'];
    await this.up(member, ...options, ...args);
  }

  token(at: string, role: 'controller' | 'compute'): Promise<string> {
    return this.ask(at, 'token', 'create', '--role', role);
  }

  async join(at: string, member: string, role: 'controller' | 'compute'): Promise<void> {
    this.#started.add(member);
    const token = await this.token(at, role);
    const listen = role === 'controller' ? ['--listen', '127.0.0.1:0'] : [];
    await this.ask(member, 'join', token, '--detach', '--name', member, ...listen);
  }

  async members(at: string): Promise<readonly ListedMember[]> {
    return JSON.parse(await this.ask(at, 'members', '--json')) as ListedMember[];
  }

  async shards(at: string): Promise<readonly ListedShard[]> {
    return JSON.parse(await this.ask(at, 'shards', '--json')) as ListedShard[];
  }

  pid(member: string): number {
    const text = readFileSync(join(this.data(member), 'run.json'), 'utf8');
    return (JSON.parse(text) as { readonly pid: number }).pid;
  }

  url(member: string): string {
    const text = readFileSync(join(this.data(member), 'member.json'), 'utf8');
    const { settings } = JSON.parse(text) as {
      readonly settings: { readonly listen: { readonly host: string; readonly port: number } };
    };
    return `http://${settings.listen.host}:${settings.listen.port}`;
  }

  account(member: string, user: 'demo' | 'admin'): Account {
    const text = readFileSync(join(this.data(member), 'secrets.json'), 'utf8');
    const secrets = JSON.parse(text) as { adminPassword: string; userPassword: string };
    const password = user === 'admin' ? secrets.adminPassword : secrets.userPassword;
    return { user, password, project: user };
  }

  login(member: string, user: 'demo' | 'admin' = 'demo'): Promise<ApiClient> {
    return ApiClient.login(this.url(member), this.account(member, user));
  }

  /** Ends every process that was started, and removes all. */
  async remove(): Promise<void> {
    for (const member of this.#started) {
      const { code, stdout, stderr } = await this.kilonova(member, 'down');
      if (code !== 0) throw new Error(`down on ${member} failed: ${stdout}${stderr}`);
    }
    await this.redis.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Failure {
  readonly what: string;
  readonly trouble: string;
}

/** Users that come back all the time until they are told to stop. */
export class ConstantLoad {
  readonly failures: Failure[] = [];
  answered = 0;
  /** Created and not deleted: every one was acknowledged. */
  readonly servers = new Set<string>();
  readonly #client: ApiClient;
  readonly #urls: readonly string[];
  readonly #body: object;
  readonly #users: Promise<void>[];
  #isOver = false;
  #turn = 0;

  constructor(client: ApiClient, urls: readonly string[], body: object, users: number) {
    this.#client = client;
    this.#urls = urls;
    this.#body = body;
    this.#users = Array.from({ length: users }, () => this.#user());
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#users);
  }

  async #user(): Promise<void> {
    while (!this.#isOver) {
      const created = await this.#ask('POST', '/compute/v2.1/servers', 202, this.#body);
      const { id } = (created?.body as { server?: { id: string } } | undefined)?.server ?? {};
      if (id === undefined) continue;
      this.servers.add(id);
      await this.#ask('GET', `/compute/v2.1/servers/${id}`, 200);
      await this.#ask('GET', '/compute/v2.1/servers/detail?limit=20', 200);
      await this.#ask('PUT', `/compute/v2.1/servers/${id}`, 200, { server: { name: 'renamed' } });
      if ((await this.#ask('DELETE', `/compute/v2.1/servers/${id}`, 204)) !== undefined)
        this.servers.delete(id);
    }
  }

  /** A refused connection is nothing but a way to the next controller. */
  async #ask(
    method: string,
    path: string,
    wanted: number,
    body?: object,
  ): Promise<ApiReply | undefined> {
    const what = `${method} ${path}`;
    const first = this.#turn;
    this.#turn += 1;
    const refused: string[] = [];
    for (let next = 0; next < this.#urls.length; next += 1) {
      const url = this.#urls[(first + next) % this.#urls.length] ?? '';
      try {
        const reply = await this.#client.at(url).call(method, path, body);
        this.answered += 1;
        if (reply.status === wanted) return reply;
        this.#fail(what, `${url}: ${reply.status} ${JSON.stringify(reply.body)}`);
        return undefined;
      } catch (error) {
        const { cause } = error as { cause?: { code?: string; message?: string } };
        if (cause?.code !== 'ECONNREFUSED') {
          this.#fail(what, `${url}: ${cause?.code} ${cause?.message ?? String(error)}`);
          return undefined;
        }
        refused.push(url);
      }
    }
    this.#fail(what, `refused by all: ${refused.join(', ')}`);
    return undefined;
  }

  #fail(what: string, trouble: string): void {
    this.failures.push({ what, trouble });
  }
}
