// A libvirt daemon of our own beside the machine's: in a mount namespace where libvirt's directories are ours, so that
// it can be killed, restarted and thrown away. It shares QEMU, networks and disks with the machine. Needs root.

import { mkdir, open, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HypervisorEnv } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import {
  answers,
  endProcess,
  killProcess,
  readPidFile,
  startDetached,
  waitFor,
} from './daemon-process.ts';

export interface PrivateLibvirtDaemon {
  readonly uri: string;
  /** Where it keeps all that it writes: run/, lib/, etc/, log/, cache/, output. */
  readonly directory: string;
  pids(): Promise<{ readonly libvirtd: number | undefined; readonly virtlogd: number | undefined }>;
  /** The process that runs this guest. */
  guestPid(name: string): Promise<number | undefined>;
  /** SIGKILL to libvirtd; guests and virtlogd go on. */
  kill(): Promise<void>;
  /** Starts what does not run. Resolves when the socket answers. */
  restart(): Promise<void>;
  /** Ends guests and daemons. The directory stays. */
  stop(): Promise<void>;
}

/** Of libvirtd.conf, by name. */
export type DaemonSettings = Readonly<Record<string, string | number | readonly string[]>>;

export interface PrivateDaemonOptions {
  readonly env: HypervisorEnv;
  /** Must exist; keep it short, socket paths end at 107 bytes. */
  readonly directory: string;
  /** More settings for libvirtd.conf, and `--listen` on its command line. */
  readonly listen?: DaemonSettings;
  /** A host name of its own; libvirt takes daemons of one name and host uuid (`host_uuid` of `listen`) for one host. */
  readonly hostName?: string;
}

const START_TIMEOUT_MS = 20_000;
const KINDS = ['run', 'lib', 'etc', 'log', 'cache'] as const;
const SYSTEM_DIRECTORIES: Readonly<Record<(typeof KINDS)[number], string>> = {
  run: '/run/libvirt',
  lib: '/var/lib/libvirt',
  etc: '/etc/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
};
const LOG_SETTING = { log_outputs: '3:file:/var/log/libvirt/libvirtd.log' };
/** Of the machine's own settings, so that guests meet the same confinement as under the system's daemon. */
const QEMU_SETTINGS = '/etc/libvirt/qemu.conf';

export async function startPrivateDaemon(
  options: PrivateDaemonOptions,
): Promise<PrivateLibvirtDaemon> {
  const daemon = new PrivateDaemon(options);
  await daemon.prepare();
  await daemon.restart();
  return daemon;
}

class PrivateDaemon implements PrivateLibvirtDaemon {
  readonly directory: string;
  readonly #env: HypervisorEnv;
  readonly #listen: DaemonSettings | undefined;
  readonly #hostName: string | undefined;
  /** Mount points that were not there before. */
  readonly #made: string[] = [];

  constructor(options: PrivateDaemonOptions) {
    this.directory = options.directory;
    this.#env = options.env;
    this.#listen = options.listen;
    this.#hostName = options.hostName;
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${encodeURIComponent(this.#socket)}`;
  }

  get #socket(): string {
    return join(this.directory, 'run/libvirt-sock');
  }

  async prepare(): Promise<void> {
    if (process.getuid?.() !== 0) {
      throw new HypervisorFault('unsupported', 'a private libvirt daemon needs root');
    }
    for (const kind of KINDS) {
      await mkdir(join(this.directory, kind), { recursive: true });
      const made = await mkdir(SYSTEM_DIRECTORIES[kind], { recursive: true });
      if (made !== undefined) this.#made.push(SYSTEM_DIRECTORIES[kind]);
    }
    const packaged = await readFile(QEMU_SETTINGS, 'utf8').catch(() => '');
    // Control groups belong to the whole machine and would stay behind after a kill.
    const qemu = `${packaged}\ncgroup_controllers = []\n`;
    await writeFile(join(this.directory, 'etc/qemu.conf'), qemu);
    const settings = {
      auth_unix_ro: 'none',
      auth_unix_rw: 'none',
      ...LOG_SETTING,
      ...this.#listen,
    };
    await writeFile(join(this.directory, 'etc/libvirtd.conf'), settingsText(settings));
    await writeFile(join(this.directory, 'start'), this.#script(), { mode: 0o755 });
  }

  async pids(): Promise<{ libvirtd: number | undefined; virtlogd: number | undefined }> {
    return {
      libvirtd: await readPidFile(join(this.directory, 'run/libvirtd.pid')),
      virtlogd: await readPidFile(join(this.directory, 'run/virtlogd.pid')),
    };
  }

  guestPid(name: string): Promise<number | undefined> {
    return readPidFile(join(this.directory, 'run/qemu', `${name}.pid`));
  }

  async kill(): Promise<void> {
    const { libvirtd } = await this.pids();
    if (libvirtd !== undefined) await killProcess(this.#env, libvirtd);
  }

  async restart(): Promise<void> {
    const { libvirtd, virtlogd } = await this.pids();
    const wanted = [
      ...(virtlogd === undefined ? ['virtlogd'] : []),
      ...(libvirtd === undefined ? ['libvirtd'] : []),
    ];
    if (wanted.length > 0) {
      await using output = await open(join(this.directory, 'output'), 'a');
      const namespace = ['unshare', '--mount', '--uts', '--propagation', 'slave'];
      startDetached([...namespace, join(this.directory, 'start'), ...wanted], output.fd);
    }
    if (await waitFor(this.#env, START_TIMEOUT_MS, () => answers(this.#socket))) return;
    const words = [join(this.directory, 'output'), join(this.directory, 'log/libvirtd.log')].map(
      (path) => readFile(path, 'utf8').catch(() => ''),
    );
    throw new HypervisorFault(
      'failed',
      `private libvirtd does not answer: ${(await Promise.all(words)).join('').slice(-2_000)}`,
    );
  }

  async stop(): Promise<void> {
    const { libvirtd, virtlogd } = await this.pids();
    if (libvirtd !== undefined) await endProcess(this.#env, libvirtd);
    for (const pid of await this.#guestPids()) await killProcess(this.#env, pid);
    if (virtlogd !== undefined) await endProcess(this.#env, virtlogd);
    for (const directory of this.#made) {
      // Not empty when the system's daemon has begun to use it meanwhile.
      await rmdir(directory).catch(() => undefined);
    }
  }

  async #guestPids(): Promise<number[]> {
    const files = await readdir(join(this.directory, 'run/qemu')).catch(() => []);
    const pids: number[] = [];
    for (const file of files.filter((name) => name.endsWith('.pid'))) {
      const pid = await this.guestPid(file.slice(0, -'.pid'.length));
      if (pid === undefined) continue;
      // A pid file of a guest that ended while no libvirtd ran may name somebody else's process by now.
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(`guest=${file.slice(0, -'.pid'.length)}`)) pids.push(pid);
    }
    return pids;
  }

  #script(): string {
    const mounts = KINDS.map((kind) => {
      const own = join(this.directory, kind);
      return `mount --bind '${own}' ${SYSTEM_DIRECTORIES[kind]}`;
    });
    const listen = this.#listen === undefined ? '' : ' --listen';
    const kvm = join(this.directory, 'kvm');
    return [
      '#!/bin/sh',
      'set -e',
      ...(this.#hostName === undefined
        ? []
        : [`echo '${this.#hostName}' > /proc/sys/kernel/hostname`]),
      ...mounts,
      // Without udev /dev/kvm is root's alone, and libvirt then probes QEMU anew for every single call.
      'if [ -e /dev/kvm ]; then',
      `  cp -a /dev/kvm '${kvm}'`,
      `  chgrp kvm '${kvm}' && chmod 660 '${kvm}'`,
      `  mount --bind '${kvm}' /dev/kvm`,
      'fi',
      'for daemon in "$@"; do',
      '  case $daemon in',
      '    virtlogd) /usr/sbin/virtlogd -d -p /run/libvirt/virtlogd.pid ;;',
      `    libvirtd) /usr/sbin/libvirtd -d -p /run/libvirt/libvirtd.pid${listen} ;;`,
      '  esac',
      'done',
      '',
    ].join('\n');
  }
}

function settingsText(settings: DaemonSettings): string {
  // Numbers, strings and lists of strings are written there as in JSON.
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join('');
}
