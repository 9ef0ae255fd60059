// A cloud in a process of its own over a private libvirt daemon, so that either can be killed without touching the
// machine's. Needs root, libvirt and QEMU; guests are the real tiny image. Nothing is left after `remove`.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type PrivateLibvirtDaemon,
  startPrivateDaemon,
} from '#hypervisor/libvirt/private-daemon.ts';
import { until } from '#test/e2e/launched-cloud.ts';
import { realEnv } from '#test/integration/libvirt/real-env.ts';
import { type ApiClient, findServer, type ServerRow } from '#cli/chaos/api-client.ts';
import { CloudProcess } from './cloud-process.ts';

type Named = readonly { readonly id: string; readonly name: string }[];

export class PrivateLibvirtCloud {
  readonly process: CloudProcess;
  readonly daemon: PrivateLibvirtDaemon;
  readonly #directory: string;
  admin!: ApiClient;
  imageId = '';
  networkId = '';

  private constructor(process: CloudProcess, daemon: PrivateLibvirtDaemon, directory: string) {
    this.process = process;
    this.daemon = daemon;
    this.#directory = directory;
  }

  /** `before` may still change the data directory, which is not there yet. */
  static async start(options: {
    readonly cidr: string;
    readonly before?: (data: string) => Promise<void>;
  }): Promise<PrivateLibvirtCloud> {
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-pl-'));
    const daemonDirectory = join(directory, 'd');
    await mkdir(daemonDirectory);
    const launch = { cidr: options.cidr };
    const prepared = await CloudProcess.prepare(launch);
    // Before the daemon: its mount namespace sees what is mounted when it begins.
    await options.before?.(prepared.data);
    const daemon = await startPrivateDaemon({ env: realEnv(), directory: daemonDirectory });
    prepared.change({ hypervisor: { kind: 'libvirt', uri: daemon.uri } });
    const cloud = new PrivateLibvirtCloud(prepared, daemon, directory);
    try {
      await cloud.up();
    } catch (error) {
      await cloud.remove();
      throw error;
    }
    return cloud;
  }

  async up(): Promise<void> {
    await this.process.up();
    this.admin = await this.process.login('admin');
    const { images } = await this.admin.get<{ images: Named }>('/image/v2/images');
    const { networks } = await this.admin.get<{ networks: Named }>('/network/v2.0/networks');
    this.imageId = images.find(({ name }) => name === 'tiny')?.id ?? '';
    this.networkId = networks.find(({ name }) => name === 'private')?.id ?? '';
  }

  /** Acknowledged, not yet running. */
  async create(
    name: string,
    changes: { readonly imageId?: string; readonly flavorId?: string } = {},
  ): Promise<string> {
    const { server } = await this.admin.ask<{ server: { id: string } }>(
      'POST',
      '/compute/v2.1/servers',
      {
        server: {
          name,
          imageRef: changes.imageId ?? this.imageId,
          flavorRef: changes.flavorId ?? '42',
          networks: [{ uuid: this.networkId }],
        },
      },
    );
    return server.id;
  }

  /** Throws unless it is acknowledged. */
  async act(id: string, action: object): Promise<void> {
    await this.admin.ask('POST', `/compute/v2.1/servers/${id}/action`, action);
  }

  /** A rest that is another one ends the wait, with the server's own words. */
  async untilStatus(id: string, wanted: string, withinMs = 30_000): Promise<ServerRow> {
    let last: ServerRow | undefined;
    await until(
      `server ${id} to be ${wanted}`,
      async () => {
        last = await findServer(this.admin, id);
        if (last?.status === 'ERROR' && wanted !== 'ERROR')
          throw new Error(`it is in ERROR: ${last.fault?.message}`);
        if (last?.status === wanted && last['OS-EXT-STS:task_state'] === null) return true;
        throw new Error(`it is ${last?.status}/${last?.['OS-EXT-STS:task_state']}`);
      },
      withinMs,
    );
    return last as ServerRow;
  }

  async delete(id: string): Promise<void> {
    await this.admin.ask('DELETE', `/compute/v2.1/servers/${id}`);
    await until(`server ${id} to be gone`, async () =>
      (await findServer(this.admin, id)) === undefined ? true : undefined,
    );
  }

  /** Of the QEMU that runs it; undefined while none does. */
  async guestPid(id: string): Promise<number | undefined> {
    const name = (await findServer(this.admin, id))?.['OS-EXT-SRV-ATTR:instance_name'] ?? '';
    return this.daemon.guestPid(name);
  }

  /** Names of all domains that the daemon has ever run since it began: each leaves a log. */
  async domainsEver(): Promise<readonly string[]> {
    const logs = await readdir(join(this.daemon.directory, 'log/qemu')).catch(() => []);
    return logs.filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -4));
  }

  /** How often libvirt has started its domain. */
  async startsOf(id: string): Promise<number> {
    const name = (await findServer(this.admin, id))?.['OS-EXT-SRV-ATTR:instance_name'] ?? '';
    const log = await readFile(join(this.daemon.directory, 'log/qemu', `${name}.log`), 'utf8');
    return log.split('starting up libvirt version').length - 1;
  }

  async hypervisorState(): Promise<string> {
    const { hypervisors } = await this.admin.get<{ hypervisors: { state: string }[] }>(
      '/compute/v2.1/os-hypervisors',
    );
    return hypervisors.map(({ state }) => state).join(' ');
  }

  async untilHypervisorIs(wanted: 'up' | 'down', withinMs = 15_000): Promise<void> {
    await until(
      `the hypervisor to be ${wanted}`,
      async () => ((await this.hypervisorState()) === wanted ? true : undefined),
      withinMs,
    );
  }

  async remove(): Promise<void> {
    await this.daemon.restart();
    await this.process.remove();
    await this.daemon.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
