// HostNetwork on a Linux host: a bridge, a dnsmasq and packet rules per network (bridge-link.ts, dhcp-server.ts,
// firewall.ts). What it set up is described in its directory, one folder per network, so that a new process can change
// and remove it. Plugging a port, which every boot waits for, writes one file and adds three set elements.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createCommandRunner } from '../command.ts';
import type { RunCommand } from '../command.ts';
import {
  ensureDirectory,
  listIfThere,
  readIfThere,
  removeDirectory,
  replaceFile,
  sweepUnfinished,
  withFileFaults,
} from '../host-files.ts';
import { Lane } from '../lane.ts';
import type { HostNetwork, HostNetworkSpec, HostPort } from '../network-port.ts';
import { checkUuid, isUuid } from '../path-names.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import { BridgeLinks } from './bridge-link.ts';
import { DhcpServer } from './dhcp-server.ts';
import { parseHostEntry, renderHostEntry, servesDhcp } from './dnsmasq-config.ts';
import type { KnownPort } from './dnsmasq-config.ts';
import { Firewall } from './firewall.ts';
import { HostForwarding } from './host-forwarding.ts';
import { checkNetworkSpec, checkPort } from './network-checks.ts';
import { tapName } from './tap-name.ts';

const maxWaiting = 10_000;
/** A network found right is taken to be right for so long. */
const defaultRecheckMs = 30_000;
const cloudIdPattern = /^[a-z0-9]{1,16}$/;

export interface LinuxHostNetworkOptions {
  /** Absolute path; made if it is not there. */
  readonly directory: string;
  /** Names what is ours on a host that several clouds share: lower-case letters and digits, at most 16. */
  readonly cloudId: string;
  readonly env: HypervisorEnv;
  readonly run?: RunCommand;
  /** Name of a network namespace (ip-netns) to work in instead of the process's own. */
  readonly namespace?: string;
  readonly recheckMs?: number;
}

interface NetworkOnHost {
  readonly lane: Lane;
  readonly dhcp: DhcpServer;
  readonly ports: Map<string, KnownPort>;
  spec: HostNetworkSpec;
  /** Its description is on disk: it is on this host, or half made. */
  described: boolean;
  /** When everything was last made right, or looked after; undefined: not by this process. */
  rightSinceMs: number | undefined;
}

export class LinuxHostNetwork implements HostNetwork {
  readonly #options: LinuxHostNetworkOptions;
  readonly #prefix: readonly string[];
  readonly #links: BridgeLinks;
  readonly #firewall: Firewall;
  readonly #forwarding: HostForwarding;
  readonly #networks = new Map<string, NetworkOnHost>();

  private constructor(options: LinuxHostNetworkOptions) {
    const { env, namespace, cloudId } = options;
    if (!cloudIdPattern.test(cloudId)) {
      throw new HypervisorFault('failed', `'${cloudId}' cannot name a cloud on this host`);
    }
    this.#options = options;
    this.#prefix = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
    const runHere = options.run ?? createCommandRunner(env);
    const run: RunCommand = (command, how) =>
      runHere([...this.#prefix, ...command] as unknown as typeof command, how);
    this.#links = new BridgeLinks(run, { cloudId, elsewhere: namespace !== undefined });
    this.#firewall = new Firewall({
      table: `kilonova_${cloudId}`,
      env,
      run,
      networks: () => this.#described(),
    });
    this.#forwarding = new HostForwarding({
      env,
      run,
      rememberPath: join(options.directory, 'ip-forward.before'),
      comment: `kilonova_${cloudId}`,
    });
  }

  /** Reads what an earlier process set up; changes nothing on the host yet. */
  static async open(options: LinuxHostNetworkOptions): Promise<LinuxHostNetwork> {
    const network = new LinuxHostNetwork(options);
    await withFileFaults('reading the networks of this host', () => network.#load());
    return network;
  }

  async ensureNetwork(spec: HostNetworkSpec): Promise<void> {
    checkNetworkSpec(spec);
    const network = this.#networks.get(spec.id) ?? this.#remember(spec);
    if (this.#isSetUp(network, spec)) {
      this.#recheckLater(network);
      return;
    }
    await network.lane.run(() =>
      withFileFaults(`setting up network ${spec.id}`, () => this.#setUp(network, spec)),
    );
  }

  async #setUp(network: NetworkOnHost, spec: HostNetworkSpec): Promise<void> {
    if (this.#isSetUp(network, spec)) return;
    this.#networks.set(spec.id, network);
    try {
      await this.#links.check(spec);
    } catch (error) {
      if (!network.described) this.#networks.delete(spec.id);
      throw error;
    }
    const former = network.spec;
    if (JSON.stringify(former) !== JSON.stringify(spec)) {
      await this.#forwarding.closeForeignFirewall(former);
      if (former.bridge !== spec.bridge) await this.#links.remove(former);
    }
    await this.#describe(network, spec);
    const madeAnew = await this.#links.ensure(spec);
    await Promise.all([
      this.#forwarding.enable(),
      this.#firewall.replace(),
      this.#forwarding.openForeignFirewall(spec),
      servesDhcp(spec) ? this.#serveDhcp(network, madeAnew) : network.dhcp.stop(),
    ]);
    network.rightSinceMs = this.#options.env.clock.monotonic();
  }

  /** Before anything is made, so that whatever is made can be found and removed by any later process. */
  async #describe(network: NetworkOnHost, spec: HostNetworkSpec): Promise<void> {
    network.rightSinceMs = undefined;
    await network.dhcp.prepare();
    const path = join(this.#directoryOf(spec.id), 'spec.json');
    const text = JSON.stringify(spec);
    if ((await readIfThere(path)) !== text) {
      await replaceFile(this.#options.env, path, text, { durable: true });
    }
    network.spec = spec;
    network.described = true;
  }

  #isSetUp(network: NetworkOnHost, spec: HostNetworkSpec): boolean {
    if (network.rightSinceMs === undefined) return false;
    return JSON.stringify(network.spec) === JSON.stringify(spec);
  }

  #serveDhcp(network: NetworkOnHost, anew: boolean): Promise<void> {
    return network.dhcp.ensure(network.spec, { anew, ports: network.ports.values() });
  }

  /** Boots do not wait for this: a network that was right is looked after now and then, beside them. */
  #recheckLater(network: NetworkOnHost): void {
    const { clock, log } = this.#options.env;
    const recheckMs = this.#options.recheckMs ?? defaultRecheckMs;
    if (clock.monotonic() - (network.rightSinceMs ?? 0) < recheckMs) return;
    network.rightSinceMs = clock.monotonic();
    network.lane
      .run(() => this.#recheck(network))
      .catch((error: unknown) => {
        network.rightSinceMs = undefined;
        log.error({ networkId: network.spec.id, error }, 'a network could not be looked after');
      });
  }

  async #recheck(network: NetworkOnHost): Promise<void> {
    if (network.rightSinceMs === undefined) return;
    const madeAnew = await this.#links.ensure(network.spec);
    await this.#firewall.ensure();
    if (servesDhcp(network.spec)) await this.#serveDhcp(network, madeAnew);
  }

  async removeNetwork(networkId: string): Promise<void> {
    const network = this.#networks.get(checkUuid(networkId, 'network id'));
    if (network?.described !== true) return;
    await network.lane.run(() =>
      withFileFaults(`removing network ${networkId}`, () => this.#remove(network)),
    );
  }

  /** Each step finds its work done if an earlier try got further; the description goes last. */
  async #remove(network: NetworkOnHost): Promise<void> {
    const { env } = this.#options;
    const { spec } = network;
    if (this.#networks.get(spec.id) !== network) return;
    network.rightSinceMs = undefined;
    await network.dhcp.stop();
    this.#networks.delete(spec.id);
    try {
      await this.#firewall.replace();
      await this.#forwarding.closeForeignFirewall(spec);
      await this.#links.remove(spec);
      if (this.#networks.size === 0) await this.#forwarding.restore();
      await removeDirectory(env, this.#directoryOf(spec.id));
    } catch (error) {
      this.#networks.set(spec.id, network);
      throw error;
    }
    network.ports.clear();
    network.described = false;
  }

  async plug(
    port: HostPort,
  ): Promise<{ readonly bridge: string; readonly tap: string; readonly mtu: number }> {
    const network = this.#networks.get(port.networkId);
    if (network?.described !== true) {
      throw new HypervisorFault('failed', `network ${port.networkId} is not on this host`);
    }
    checkPort(port, network.spec);
    await withFileFaults(`plugging port ${port.id}`, () => this.#plug(network, port));
    return { bridge: network.spec.bridge, tap: tapName(port.id), mtu: network.spec.mtu };
  }

  async #plug(network: NetworkOnHost, port: HostPort): Promise<void> {
    const entry = renderHostEntry(port);
    const path = join(network.dhcp.hostsDirectory, port.id);
    const former = network.ports.get(port.id);
    if (former !== undefined && (await readIfThere(path)) === entry) return;
    const known = { mac: port.mac, addresses: port.fixedIps.map(({ address }) => address) };
    if (former !== undefined) {
      await this.#firewall.changePort('delete', { id: port.id, ...former });
    }
    network.ports.set(port.id, known);
    await Promise.all([
      replaceFile(this.#options.env, path, entry),
      this.#firewall.changePort('add', { id: port.id, ...known }),
    ]);
    // An added host is noticed by dnsmasq itself; of a changed one it would keep the old lines, too.
    if (former !== undefined) await network.dhcp.dropPort(former);
  }

  async unplug(port: {
    readonly id: string;
    readonly networkId: string;
    readonly mac: string;
  }): Promise<void> {
    checkUuid(port.id, 'port id');
    await withFileFaults(`unplugging port ${port.id}`, () => this.#unplug(port));
  }

  async #unplug(port: { readonly id: string; readonly networkId: string }): Promise<void> {
    const network = this.#networks.get(port.networkId);
    const known = network?.ports.get(port.id);
    await this.#links.removeTap(tapName(port.id));
    if (network === undefined || known === undefined) return;
    await rm(join(network.dhcp.hostsDirectory, port.id), { force: true });
    network.ports.delete(port.id);
    try {
      await Promise.all([
        network.dhcp.dropPort(known),
        this.#firewall.changePort('delete', { id: port.id, ...known }),
      ]);
    } catch (error) {
      // So that another try finds what is left to do.
      network.ports.set(port.id, known);
      throw error;
    }
  }

  async listPorts(): Promise<readonly string[]> {
    await Promise.resolve();
    return [...this.#networks.values()].flatMap((network) => [...network.ports.keys()]);
  }

  async listNetworks(): Promise<readonly string[]> {
    await Promise.resolve();
    return this.#described().map((network) => network.spec.id);
  }

  #described(): readonly NetworkOnHost[] {
    return [...this.#networks.values()].filter((network) => network.described);
  }

  async close(): Promise<void> {
    for (const network of this.#networks.values()) {
      await network.lane.run(() => network.dhcp.stop());
      network.rightSinceMs = undefined;
    }
  }

  async #load(): Promise<void> {
    const { directory } = this.#options;
    await ensureDirectory(directory);
    await sweepUnfinished(directory);
    for (const id of (await listIfThere(directory)).filter((name) => isUuid(name))) {
      const text = await readIfThere(join(this.#directoryOf(id), 'spec.json'));
      // Without a description nothing was made yet: the process ended right after making the directory.
      if (text === '') continue;
      const network = this.#remember(JSON.parse(text) as HostNetworkSpec);
      network.described = true;
      await mkdir(network.dhcp.hostsDirectory, { recursive: true });
      await sweepUnfinished(network.dhcp.hostsDirectory);
      await this.#loadPorts(network);
    }
  }

  async #loadPorts(network: NetworkOnHost): Promise<void> {
    const { hostsDirectory } = network.dhcp;
    for (const id of (await listIfThere(hostsDirectory)).filter((name) => isUuid(name))) {
      const known = parseHostEntry(await readFile(join(hostsDirectory, id), 'utf8'));
      if (known !== undefined) network.ports.set(id, known);
    }
  }

  #remember(spec: HostNetworkSpec): NetworkOnHost {
    const { env } = this.#options;
    const directory = this.#directoryOf(spec.id);
    const network: NetworkOnHost = {
      lane: new Lane(`network ${spec.id}`, 1, maxWaiting),
      dhcp: new DhcpServer({ directory, env, prefix: this.#prefix }),
      ports: new Map(),
      spec,
      described: false,
      rightSinceMs: undefined,
    };
    this.#networks.set(spec.id, network);
    return network;
  }

  #directoryOf(networkId: string): string {
    return join(this.#options.directory, networkId);
  }
}
