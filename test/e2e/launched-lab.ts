// A lab for tests, by its commands alone, in a private directory; `remove` takes down what a failed test has left.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineStatus } from '#cli/lab/lab.ts';
import { type CommandResult, root, run } from './launched-cloud.ts';

const COMMAND_MS = 240_000;

export class LaunchedLab {
  readonly directory: string;
  readonly #parent: string;

  constructor() {
    this.#parent = mkdtempSync(join(tmpdir(), 'kilonova-lab-'));
    this.directory = join(this.#parent, 'lab');
  }

  /** Never rejects: the exit code tells. */
  kilonova(...args: readonly string[]): Promise<CommandResult> {
    const [command = '', ...more] = args;
    return run(join(root, 'kilonova'), ['lab', command, '--data', this.directory, ...more], {
      timeoutMs: COMMAND_MS,
    });
  }

  /** Its output; throws with its words if it fails. */
  async ask(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.kilonova(...args);
    if (code !== 0) throw new Error(`lab ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  async machines(): Promise<readonly MachineStatus[]> {
    return JSON.parse(await this.ask('status', '--json')) as readonly MachineStatus[];
  }

  async status(name: string): Promise<MachineStatus> {
    const found = (await this.machines()).find((machine) => machine.name === name);
    if (found === undefined) throw new Error(`the lab has no ${name}`);
    return found;
  }

  /** By the real client, as the cloud's administrator. */
  async openstack(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run('openstack', args, {
      env: {
        OS_CLIENT_CONFIG_FILE: join(this.directory, 'machines/c1/data/clouds.yaml'),
        OS_CLOUD: 'kilonova-admin',
      },
      timeoutMs: 120_000,
    });
    if (code !== 0) throw new Error(`openstack ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Of a host's libvirtd, from outside of the lab. */
  libvirtUri(host: string): string {
    const text = readFileSync(join(this.directory, 'machines', host, 'init.json'), 'utf8');
    const { pid } = JSON.parse(text) as { readonly pid: number };
    const socket = `/proc/${pid}/root/run/libvirt/libvirt-sock`;
    return `qemu+unix:///system?socket=${encodeURIComponent(socket)}`;
  }

  async remove(): Promise<void> {
    if (existsSync(this.directory)) await this.ask('down');
    rmSync(this.#parent, { recursive: true, force: true });
  }
}
