// A cloud as a user has it: started by ./kilonova in a private data directory on a free port, used by the real
// `openstack` client, and purged at the end. What it prints is kept for failure messages.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects: the exit code tells. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly timeoutMs?: number;
    /** Default: this checkout. */
    readonly cwd?: string;
  } = {},
): Promise<CommandResult> {
  return new Promise((done) => {
    execFile(
      command,
      [...args],
      {
        cwd: options.cwd ?? root,
        env: { ...process.env, ...options.env },
        timeout: options.timeoutMs ?? 120_000,
        maxBuffer: 16 * 1024 ** 2,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        done({
          code,
          stdout,
          stderr: error?.killed === true ? `${stderr}\n(ended after its time limit)` : stderr,
        });
      },
    );
  });
}

export class LaunchedCloud {
  readonly directory: string;
  readonly data: string;
  readonly config: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.data = join(directory, 'data');
    this.config = join(directory, 'cluster.config.ts');
  }

  /** `cidr` keeps clouds that run at the same time on one host apart. */
  static async prepare(options: {
    readonly cidr: string;
    readonly hypervisor?: 'libvirt' | 'simulated';
    readonly hosts?: number;
    /** Address of the store of a cluster; absent: one process on its own. */
    readonly redis?: string;
  }): Promise<LaunchedCloud> {
    const cloud = new LaunchedCloud(mkdtempSync(join(tmpdir(), 'kilonova-e2e-')));
    const config = {
      listen: { host: '127.0.0.1', port: await freePort() },
      data: cloud.data,
      hypervisor: { kind: options.hypervisor ?? 'libvirt', hosts: options.hosts ?? 1 },
      network: { cidr: options.cidr },
      ...(options.redis === undefined ? {} : { cluster: { redis: options.redis } }),
    };
    writeFileSync(cloud.config, `export default ${JSON.stringify(config)};\n`);
    return cloud;
  }

  kilonova(...args: readonly string[]): Promise<CommandResult> {
    return run(join(root, 'kilonova'), [...args, '--config', this.config], { timeoutMs: 300_000 });
  }

  async up(): Promise<CommandResult> {
    const result = await this.kilonova('up', '--detach');
    if (result.code !== 0) throw new Error(`up failed: ${result.stdout}${result.stderr}`);
    return result;
  }

  openstack(...args: readonly string[]): Promise<CommandResult> {
    return this.#openstack('kilonova', args);
  }

  openstackAdmin(...args: readonly string[]): Promise<CommandResult> {
    return this.#openstack('kilonova-admin', args);
  }

  /** What the client prints; throws with its words if it fails. */
  async ask(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.openstack(...args);
    if (code !== 0)
      throw new Error(`openstack ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** One column of one thing. */
  value(column: string, ...args: readonly string[]): Promise<string> {
    return this.ask(...args, '-f', 'value', '-c', column);
  }

  async remove(): Promise<void> {
    const { code, stdout, stderr } = await this.kilonova('down', '--purge');
    if (code !== 0)
      throw new Error(`down --purge failed, look at ${this.directory}: ${stdout}${stderr}`);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #openstack(cloud: string, args: readonly string[]): Promise<CommandResult> {
    return run('openstack', args, {
      env: { OS_CLIENT_CONFIG_FILE: join(this.data, 'clouds.yaml'), OS_CLOUD: cloud },
      timeoutMs: 180_000,
    });
  }
}

/** Polls `look` until it gives something; fails naming what it waited for and what it saw last. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  withinMs = 60_000,
): Promise<T> {
  const endMs = Date.now() + withinMs;
  let trouble = 'nothing';
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      trouble = String(error);
    }
    if (Date.now() > endMs)
      throw new Error(`waited ${withinMs / 1000} s for ${what}; last trouble: ${trouble}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
