// A network namespace that plays the host, one that plays the world, and one per guest, joined by veth pairs.
// Everything has a name of its own and is taken down by `close`; the machine's own network is not touched.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostPort } from '#hypervisor/network-port.ts';

const execute = promisify(execFile);

export async function run(...command: readonly string[]): Promise<string> {
  const [program = 'false', ...args] = command;
  const { stdout, stderr } = await execute(program, args, { timeout: 30_000 });
  return `${stdout}${stderr}`;
}

/** The command's output, whatever its exit code. */
export async function attempt(...command: readonly string[]): Promise<string> {
  return run(...command).catch(
    (error: { readonly stdout: string; readonly stderr: string }) =>
      `${error.stdout}${error.stderr}`,
  );
}

export class NetworkLab {
  /** Namespace that is the host. */
  readonly host: string;
  readonly bridge: string;
  readonly directory: string;
  readonly #name: string;
  readonly #namespaces: string[] = [];

  private constructor(name: string, directory: string) {
    this.#name = name;
    this.host = `kn${name}`;
    this.bridge = `kb${name}`;
    this.directory = directory;
  }

  static async open(): Promise<NetworkLab> {
    const name = randomBytes(3).toString('hex');
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-net-'));
    const lab = new NetworkLab(name, directory);
    await lab.#addNamespace(lab.host);
    return lab;
  }

  async #addNamespace(name: string): Promise<void> {
    await run('ip', 'netns', 'add', name);
    this.#namespaces.push(name);
    await run('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }

  /** Runs in the host. */
  onHost(...command: readonly string[]): Promise<string> {
    return run('ip', 'netns', 'exec', this.host, ...command);
  }

  /** Another machine, which the host reaches as 198.51.100.2 (documentation addresses), its own being .1. */
  async addWorld(): Promise<string> {
    const world = `${this.host}w`;
    await this.#addNamespace(world);
    const [near, far] = [`w${this.#name}`, 'eth0'];
    await run(
      'ip',
      '-n',
      this.host,
      'link',
      'add',
      near,
      'type',
      'veth',
      'peer',
      far,
      'netns',
      world,
    );
    await run('ip', '-n', this.host, 'addr', 'add', '198.51.100.1/24', 'dev', near);
    await run('ip', '-n', this.host, 'link', 'set', near, 'up');
    await run('ip', '-n', world, 'addr', 'add', '198.51.100.2/24', 'dev', far);
    await run('ip', '-n', world, 'link', 'set', far, 'up');
    return world;
  }

  /** A guest behind this port: its end is eth0 in the namespace that is returned, the host's end the port's tap. */
  async addGuest(port: Pick<HostPort, 'mac'>, tap: string): Promise<string> {
    const guest = `${this.host}g${this.#namespaces.length}`;
    await this.#addNamespace(guest);
    await run(
      'ip',
      '-n',
      this.host,
      'link',
      'add',
      tap,
      'type',
      'veth',
      'peer',
      'eth0',
      'netns',
      guest,
    );
    await run('ip', '-n', guest, 'link', 'set', 'eth0', 'address', port.mac, 'up');
    await run('ip', '-n', this.host, 'link', 'set', tap, 'master', this.bridge, 'up');
    return guest;
  }

  /** What busybox's DHCP client prints, with what it was given as `name=value` lines. */
  async askDhcp(guest: string, seconds = 5): Promise<string> {
    const script = join(this.directory, 'dhcp-script');
    await writeFile(script, '#!/bin/sh\n[ "$1" = bound ] && env || true\n', { mode: 0o755 });
    const client = ['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-T', '1', '-A', '1'];
    const options = ['-O', 'mtu', '-O', 'staticroutes', '-t', String(seconds), '-s', script];
    return attempt('ip', 'netns', 'exec', guest, ...client, ...options);
  }

  /** Gives a guest its address by hand. */
  async setAddress(guest: string, address: string, gateway: string): Promise<void> {
    await run('ip', '-n', guest, 'addr', 'replace', `${address}/24`, 'dev', 'eth0');
    await run('ip', '-n', guest, 'route', 'replace', 'default', 'via', gateway);
  }

  async close(): Promise<void> {
    for (const name of this.#namespaces.reverse()) await run('ip', 'netns', 'del', name);
    await rm(this.directory, { recursive: true });
  }
}
