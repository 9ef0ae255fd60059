// A whole cluster of this command's own: controllers, compute members with one simulated host each, and a Redis, each a
// process, on free ports of this machine, everything in one directory. Members are made as people make them: `up --redis`,
// then `token create` and `join`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { PartialConfig } from '#config/schema.ts';
import { ask } from '../control-client.ts';
import { findRunning } from '../run-file.ts';
import { root } from '../settings.ts';
import { type Account, ApiClient } from './api-client.ts';
import { ManagedProcess } from './managed-process.ts';
import type { Target } from './plan.ts';
import { answersPing, privateRedis } from './private-redis.ts';

export interface ClusterSize {
  readonly controllers: number;
  readonly computes: number;
}

export interface Member {
  readonly name: string;
  readonly role: 'controller' | 'compute';
  readonly data: string;
  readonly process: ManagedProcess;
  /** Controllers: where the APIs answer. */
  readonly url: string;
}

const READY_WITHIN_MS = 60_000;
const LOOK_MS = 25;
/** A member that ends by itself while it starts is started again so many times. */
const MOST_ENDS = 5;
const PING_MS = 1_000;
const SHARDS_MS = 900;

export class PrivateCluster {
  readonly directory: string;
  readonly redis: ManagedProcess;
  readonly redisPort: number;
  readonly controllers: readonly Member[];
  readonly computes: readonly Member[];
  readonly #config: string;

  private constructor(
    directory: string,
    redisPort: number,
    members: { readonly controllers: readonly Member[]; readonly computes: readonly Member[] },
  ) {
    this.directory = directory;
    this.redisPort = redisPort;
    this.redis = privateRedis(directory, redisPort);
    this.controllers = members.controllers;
    this.computes = members.computes;
    this.#config = join(directory, 'cluster.config.ts');
  }

  /** Nothing runs yet. */
  static async prepare(directory: string, size: ClusterSize): Promise<PrivateCluster> {
    mkdirSync(directory, { recursive: true });
    const redisPort = await freePort();
    const controllers: Member[] = [];
    for (let index = 1; index <= size.controllers; index += 1)
      controllers.push(newMember(directory, { role: 'controller', index, port: await freePort() }));
    const computes = Array.from({ length: size.computes }, (_, index) =>
      newMember(directory, { role: 'compute', index: index + 1, port: 0 }),
    );
    return new PrivateCluster(directory, redisPort, { controllers, computes });
  }

  get redisUrl(): string {
    return `redis://127.0.0.1:${this.redisPort}`;
  }

  get urls(): readonly string[] {
    return this.controllers.map(({ url }) => url);
  }

  get members(): readonly Member[] {
    return [...this.controllers, ...this.computes];
  }

  get processes(): readonly ManagedProcess[] {
    return [this.redis, ...this.members.map((member) => member.process)];
  }

  /** Where the simulated hosts keep what they are. */
  get statePaths(): readonly string[] {
    return this.computes.map(({ data, name }) => join(data, 'simulated', `${name}.state`));
  }

  processOf({ kind, index }: Target): ManagedProcess {
    if (kind === 'redis') return this.redis;
    const member = (kind === 'controller' ? this.controllers : this.computes)[index];
    if (member === undefined) throw new Error(`the cluster has no ${kind} ${index}`);
    return member.process;
  }

  /** Resolves when all members serve; rejects in words, with what the one that does not has printed. */
  async up(): Promise<void> {
    this.#writeSettings();
    this.redis.start();
    await this.#until(`redis-server on port ${this.redisPort}`, this.redis, () =>
      answersPing(this.redisPort, PING_MS),
    );
    const [first, ...others] = this.controllers;
    if (first === undefined) throw new Error('a cluster needs a controller');
    const found = ['--redis', this.redisUrl, '--role', 'controller'];
    first.process.useArguments(this.#arguments('up', first, [...found, ...listenOf(first)]));
    first.process.start();
    await this.ready(first);
    first.process.useArguments(this.#arguments('up', first));
    await Promise.all(others.map((member) => this.#join(first, member)));
    await Promise.all(this.computes.map((member) => this.#join(first, member)));
  }

  /** Whether one more process may go: another one of its kind serves; without Redis some controller could, later. */
  canSpare({ kind, index }: Target): boolean {
    const kin = kind === 'compute' ? this.computes : this.controllers;
    return kin.some((member, at) => (kind === 'redis' || at !== index) && isServing(member));
  }

  serves({ kind, index }: Target): boolean {
    if (kind === 'redis') return this.redis.isRunning && !this.redis.isFrozen;
    const member = (kind === 'controller' ? this.controllers : this.computes)[index];
    return member !== undefined && isServing(member);
  }

  /** Resolves when it serves. */
  ready(member: Member): Promise<void> {
    return this.#until(`${member.name} to be ready`, member.process, () =>
      Promise.resolve(isServing(member)),
    );
  }

  redisAnswers(): Promise<boolean> {
    return answersPing(this.redisPort, PING_MS);
  }

  /** The passwords of the cloud's first users. */
  accounts(): { readonly demo: Account; readonly admin: Account } {
    const path = join(this.controllers[0]?.data ?? '', 'secrets.json');
    const secrets = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly adminPassword: string;
      readonly userPassword: string;
    };
    return {
      demo: { user: 'demo', password: secrets.userPassword, project: 'demo' },
      admin: { user: 'admin', password: secrets.adminPassword, project: 'admin' },
    };
  }

  login(account: 'demo' | 'admin', timeoutMs: number): Promise<ApiClient> {
    return ApiClient.login(this.urls[0] ?? '', this.accounts()[account], timeoutMs);
  }

  /** How many shards are served, as one controller that runs sees it; undefined if it does not say. */
  async servedShards(): Promise<{ readonly served: number; readonly all: number } | undefined> {
    const one = this.controllers.find(isServing);
    if (one === undefined) return undefined;
    const asked = ask<{ readonly shards: readonly { readonly state: string }[] }>(
      one.data,
      'GET',
      '/shards',
    ).then(
      ({ shards }) => ({
        served: shards.filter(({ state }) => state === 'served').length,
        all: shards.length,
      }),
      () => undefined,
    );
    const late = new Promise<undefined>((done) => setTimeout(() => done(undefined), SHARDS_MS));
    return Promise.race([asked, late]);
  }

  /** Ends every process; Redis last, so that the others can leave in order. */
  async down(): Promise<void> {
    await Promise.all(this.members.map((member) => member.process.stop()));
    await this.redis.stop();
  }

  /** At once. */
  async kill(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.kill()));
  }

  #writeSettings(): void {
    const settings: PartialConfig = {
      hypervisor: { kind: 'simulated' },
      network: { cidr: '10.120.0.0/16' },
      images: { directory: join(this.directory, 'images') },
    };
    writeFileSync(this.#config, `export default ${JSON.stringify(settings)};\n`);
  }

  async #join(through: Member, member: Member): Promise<void> {
    const { role, name } = member;
    const { token } = await ask<{ readonly token: string }>(through.data, 'POST', '/tokens', {
      role,
    });
    const asWhat = ['--role', role, '--name', name, ...listenOf(member)];
    member.process.useArguments([...this.#arguments('join', member, asWhat), token]);
    member.process.start();
    await this.ready(member);
    member.process.useArguments(this.#arguments('up', member));
  }

  #arguments(
    command: string,
    { data }: Pick<Member, 'data'>,
    more: readonly string[] = [],
  ): readonly string[] {
    return [command, '--config', this.#config, '--data', data, ...more];
  }

  async #until(what: string, one: ManagedProcess, look: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    const ends = one.surprises.length;
    while (!(await look())) {
      if (one.surprises.length > ends + MOST_ENDS)
        throw new Error(`${one.name} ended with ${one.surprises.at(-1)}:\n${lastLines(one.log)}`);
      if (performance.now() > deadline)
        throw new Error(`waited ${READY_WITHIN_MS / 1000} s for ${what}:\n${lastLines(one.log)}`);
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }
}

export function isServing({ data, process: { isRunning, isFrozen, pid } }: Member): boolean {
  return isRunning && !isFrozen && findRunning(data)?.pid === pid;
}

function listenOf({ role, url }: Member): readonly string[] {
  return role === 'controller'
    ? ['--listen', new URL(url).host, '--peer-listen', '127.0.0.1:0']
    : [];
}

function newMember(
  directory: string,
  {
    role,
    index,
    port,
  }: { readonly role: Member['role']; readonly index: number; readonly port: number },
): Member {
  const name = `${role}-${index}`;
  const data = join(directory, name);
  mkdirSync(data, { recursive: true });
  return {
    name,
    role,
    data,
    url: port === 0 ? '' : `http://127.0.0.1:${port}`,
    process: new ManagedProcess({
      name,
      command: join(root, 'kilonova'),
      args: [],
      logPath: join(directory, `${name}.log`),
    }),
  };
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
