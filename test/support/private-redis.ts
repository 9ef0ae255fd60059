// A Redis of a test's own: Debian's redis-server in a temporary directory, on a unix socket, AOF always. It can be killed,
// frozen, started again on the same files, and started on older ones.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export interface PrivateRedisOptions {
  /** Settings beside or instead of the durable ones, as in redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Listens on a free TCP port as well, for replicas. */
  readonly hasPort?: boolean;
  /** Files of another one that has ended. Default: a new directory. */
  readonly directory?: string;
  /** Default: in the directory. */
  readonly socket?: string;
}

const durable: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  save: '',
};

const startWithinMs = 20_000;

export class PrivateRedis {
  readonly directory: string;
  readonly port: number;
  readonly socket: string;
  readonly #settings: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(
    directory: string,
    port: number,
    { settings = {}, socket = join(directory, 'redis.sock') }: PrivateRedisOptions,
  ) {
    this.directory = directory;
    this.port = port;
    this.socket = socket;
    this.#settings = { ...durable, ...settings };
  }

  static async start(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'kilonova-redis-')));
    const port = options.hasPort === true ? await freePort() : 0;
    const redis = new PrivateRedis(directory, port, options);
    await redis.start();
    return redis;
  }

  /** For RedisStoreOptions. */
  get url(): string {
    return this.port === 0 ? `unix:${this.socket}` : `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** On the files that are there; resolves when it has read them and answers. */
  async start(): Promise<void> {
    try {
      await this.#startOnce();
    } catch (error) {
      // It has mended the torn file and wants to be started again, as its supervisor would do.
      if (!/the truncated file is not the last file/.test(String(error))) throw error;
      await this.#startOnce();
    }
  }

  /** Without warning, as a crash of its machine would look to its clients. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In good order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /**
   * Adds to the end of its file while it is down, as if a power cut had torn a write. While Redis rewrites it has two files;
   * the one that it writes to, alone able to be torn, has the highest number.
   */
  async tear(text: string): Promise<void> {
    const folder = join(this.directory, 'appendonlydir');
    const files = (await readdir(folder)).filter((file) => file.endsWith('.incr.aof'));
    const last = files.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    if (last === undefined) throw new Error(`Redis has no file to tear in ${folder}.`);
    await appendFile(join(folder, last), text);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Stops it and deletes its files. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A plain client for looking and for meddling; close it with `disconnect`. */
  client(): Redis {
    return new Redis({ path: this.socket, protocol: 2, retryStrategy: null });
  }

  /** Runs something with a plain client. */
  async with<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.client();
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  async #startOnce(): Promise<void> {
    const settings = {
      ...this.#settings,
      port: String(this.port),
      bind: '127.0.0.1',
      dir: this.directory,
      unixsocket: this.socket,
      daemonize: 'no',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    this.#output = '';
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-8_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await this.#isReady(child);
  }

  #isReady(child: ChildProcess): Promise<void> {
    const ready = /Ready to accept connections|server is now ready to accept connections/;
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        child.kill('SIGKILL');
        reject(new Error(`redis-server ${why}:\n${this.#output}`));
      };
      const timer = setTimeout(
        () => fail(`was not ready within ${startWithinMs} ms`),
        startWithinMs,
      );
      const look = (): void => {
        if (!ready.test(this.#output)) return;
        clearTimeout(timer);
        child.stdout?.off('data', look);
        resolve();
      };
      child.stdout?.on('data', look);
      child.once('error', (error) => fail(`could not be started (${error.message})`));
      // All that it said has been heard by then.
      child.once('close', (code) => {
        clearTimeout(timer);
        if (!ready.test(this.#output)) fail(`ended with ${code}`);
      });
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
