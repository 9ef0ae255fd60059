// The dnsmasq of one network: started, found again after a crash of ours, watched, restarted when it dies.
// dnsmasq cannot be told to forget a lease, so a new one with a cleaned lease file is started before the old one ends;
// both would answer alike meanwhile. Files in its directory: dnsmasq.conf, hosts/, run-<n>.{pid,leases}, dnsmasq.log.

import { rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureDirectory, listIfThere, readIfThere, replaceFile } from '../host-files.ts';
import { Lane } from '../lane.ts';
import type { HostNetworkSpec } from '../network-port.ts';
import type { HypervisorEnv } from '../port.ts';
import { onlyLeasesOf, renderDnsmasqConfig, withoutLeases } from './dnsmasq-config.ts';
import type { KnownPort } from './dnsmasq-config.ts';
import { startDnsmasq } from './dnsmasq-process.ts';
import { endProcess, isRunning, sendSignal } from './process-table.ts';

const watchMs = 1_000;
const endGraceMs = 2_000;
const firstRestartMs = 100;
const longestRestartMs = 30_000;
/** A process that lived so long was well; its next death is a new story. */
const steadyMs = 30_000;
const maxLogBytes = 1_048_576;
const maxWaiting = 10_000;
const runFile = /^run-(\d+)\.(?:pid|leases)$/;

export interface DhcpServerOptions {
  readonly directory: string;
  readonly env: HypervisorEnv;
  /** Put before the program: how to get into the network namespace. */
  readonly prefix: readonly string[];
}

interface Running {
  readonly generation: number;
  readonly pid: number;
  readonly sinceMs: number;
}

type CleanLeases = (leases: string) => string;
const keepLeases: CleanLeases = (leases) => leases;

export class DhcpServer {
  readonly hostsDirectory: string;
  readonly #options: DhcpServerOptions;
  readonly #configArgument: string;
  readonly #lane = new Lane('dnsmasq', 1, maxWaiting);
  #running: Running | undefined;
  #generation = 0;
  #wanted = false;
  #deaths = 0;
  #cancelWatch: (() => void) | undefined;
  #portsToDrop: KnownPort[] = [];

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    this.hostsDirectory = join(options.directory, 'hosts');
    this.#configArgument = `--conf-file=${join(options.directory, 'dnsmasq.conf')}`;
  }

  /** Makes the directories; needed before hosts are written. */
  async prepare(): Promise<void> {
    await ensureDirectory(this.#options.directory);
    await ensureDirectory(this.hostsDirectory);
  }

  /** Runs with this network's configuration and these ports. `anew`: also when nothing differs. */
  async ensure(
    spec: HostNetworkSpec,
    how: { readonly anew: boolean; readonly ports: Iterable<KnownPort> },
  ): Promise<void> {
    const macs = new Set(Array.from(how.ports, (port) => port.mac));
    const clean: CleanLeases = (leases) => onlyLeasesOf(leases, macs);
    await this.#lane.run(async () => {
      await this.#adopt();
      const changed = await this.#writeConfig(spec);
      this.#wanted = true;
      // What was unplugged by a process that died before it could say so is still leased.
      const leases = await readIfThere(this.#path(this.#generation, 'leases'));
      const stale = clean(leases) !== leases;
      if (this.#running === undefined || changed || stale || how.anew) await this.#replace(clean);
      this.#watch(watchMs);
    });
  }

  get isServing(): boolean {
    return this.#running !== undefined;
  }

  /** Hosts were removed or changed: dnsmasq reads them all again. Added ones it notices by itself. */
  async reload(): Promise<void> {
    const running = this.#running;
    if (running !== undefined && (await this.#isAlive(running.pid))) {
      sendSignal(running.pid, 'SIGHUP');
    }
  }

  /** The host entry of this port was removed: dnsmasq forgets it and its leases. */
  async dropPort(port: KnownPort): Promise<void> {
    this.#portsToDrop.push(port);
    await this.#lane.run(async () => {
      const ports = this.#portsToDrop.splice(0);
      if (ports.length === 0 || this.#running === undefined) return;
      const leases = await readIfThere(this.#path(this.#generation, 'leases'));
      const clean: CleanLeases = (text) => ports.reduce(withoutLeases, text);
      if (clean(leases) === leases) await this.reload();
      else await this.#replace(clean);
    });
  }

  /** Ends the process; files stay. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelWatch?.();
    await this.#lane.run(async () => {
      await this.#adopt();
      const running = this.#running;
      this.#running = undefined;
      if (running !== undefined) await this.#end(running);
    });
  }

  /** Finds the process that this object, or a former one, left running; ends all but the newest. */
  async #adopt(): Promise<void> {
    if (this.#running !== undefined && (await this.#isAlive(this.#running.pid))) return;
    this.#running = undefined;
    for (const generation of await this.#listGenerations()) {
      this.#generation = Math.max(this.#generation, generation);
      const pid = Number(await readIfThere(this.#path(generation, 'pid')));
      if (pid === 0 || !(await this.#isAlive(pid))) continue;
      const found = { generation, pid, sinceMs: this.#options.env.clock.monotonic() };
      if (this.#running === undefined) this.#running = found;
      else await this.#end(found);
    }
    // Its former owner may have died between removing a host and saying so.
    await this.reload();
  }

  /** Newest first. */
  async #listGenerations(): Promise<readonly number[]> {
    const names = await listIfThere(this.#options.directory);
    const numbers = names.flatMap((name) => runFile.exec(name)?.[1] ?? []).map(Number);
    return [...new Set(numbers)].toSorted((left, right) => right - left);
  }

  #isAlive(pid: number): Promise<boolean> {
    return isRunning(pid, this.#configArgument);
  }

  async #writeConfig(spec: HostNetworkSpec): Promise<boolean> {
    const path = join(this.#options.directory, 'dnsmasq.conf');
    const config = renderDnsmasqConfig(spec, {
      hostsDirectory: this.hostsDirectory,
      logPath: this.#logPath,
      user: (await isOpenToAll(this.hostsDirectory)) ? 'nobody' : 'root',
    });
    if ((await readIfThere(path)) === config) return false;
    await replaceFile(this.#options.env, path, config);
    return true;
  }

  /** Starts the next generation with the leases of the last, then ends the last. */
  async #replace(clean: CleanLeases): Promise<void> {
    const { env, prefix } = this.#options;
    const former = this.#running;
    const last = this.#generation;
    const generation = last + 1;
    const leasesPath = this.#path(generation, 'leases');
    const pidPath = this.#path(generation, 'pid');
    await replaceFile(env, leasesPath, clean(await readIfThere(this.#path(last, 'leases'))));
    await this.#boundLog();
    const pid = await startDnsmasq({
      env,
      prefix,
      configArgument: this.#configArgument,
      pidPath,
      leasesPath,
      ended: (ended) => this.#hearEnd(ended),
    });
    this.#generation = generation;
    this.#running = { generation, pid, sinceMs: env.clock.monotonic() };
    if (former !== undefined) await this.#end(former);
    await this.#removeRunFiles(last);
  }

  #hearEnd(pid: number): void {
    if (this.#running?.pid === pid) this.#watch(0);
  }

  /** Looks after the process in `afterMs`, and again and again while it is wanted. */
  #watch(afterMs: number): void {
    this.#cancelWatch?.();
    if (!this.#wanted) return;
    this.#cancelWatch = this.#options.env.timers.after(afterMs, () => {
      void this.#lane.run(() => this.#lookAfter());
    });
  }

  async #lookAfter(): Promise<void> {
    const { env, directory } = this.#options;
    if (!this.#wanted) return;
    try {
      const running = this.#running;
      if (running !== undefined && (await this.#isAlive(running.pid))) return this.#watch(watchMs);
      if (running !== undefined) {
        this.#running = undefined;
        const lived = env.clock.monotonic() - running.sinceMs;
        this.#deaths = lived > steadyMs ? 1 : this.#deaths + 1;
        env.log.warn({ directory, deaths: this.#deaths }, 'dnsmasq died; it is started again');
        return this.#watch(this.#deaths === 1 ? 0 : this.#restartDelay());
      }
      await this.#replace(keepLeases);
      this.#watch(watchMs);
    } catch (error) {
      this.#deaths += 1;
      env.log.error({ directory, error, afterMs: this.#restartDelay() }, 'dnsmasq does not start');
      this.#watch(this.#restartDelay());
    }
  }

  #restartDelay(): number {
    return Math.min(longestRestartMs, firstRestartMs * 2 ** Math.min(this.#deaths, 16));
  }

  async #end(running: Running): Promise<void> {
    const target = { pid: running.pid, argument: this.#configArgument };
    await endProcess(this.#options.env, target, endGraceMs);
    await rm(this.#path(running.generation, 'pid'), { force: true });
  }

  async #removeRunFiles(generation: number): Promise<void> {
    await rm(this.#path(generation, 'pid'), { force: true });
    await rm(this.#path(generation, 'leases'), { force: true });
  }

  get #logPath(): string {
    return join(this.#options.directory, 'dnsmasq.log');
  }

  async #boundLog(): Promise<void> {
    const log = (await listIfThere(this.#options.directory)).includes('dnsmasq.log');
    if (log && (await stat(this.#logPath)).size > maxLogBytes) await truncate(this.#logPath);
  }

  #path(generation: number, kind: 'pid' | 'leases'): string {
    return join(this.#options.directory, `run-${generation}.${kind}`);
  }
}

/** Whether an account without rights, as dnsmasq takes on, can get to this directory: not below /root, for one. */
async function isOpenToAll(path: string): Promise<boolean> {
  for (let place = path; ; place = dirname(place)) {
    if (((await stat(place)).mode & 0o001) === 0) return false;
    if (place === dirname(place)) return true;
  }
}
