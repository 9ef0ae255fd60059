// The contract's harness on real libvirt: a private daemon in a temporary directory that only root may enter, tiny
// guests, and the machine's own means (kill, virsh's XML) for what lies outside the port.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { LibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import { startPrivateDaemon } from '#hypervisor/libvirt/private-daemon.ts';
import type { DaemonSettings, PrivateLibvirtDaemon } from '#hypervisor/libvirt/private-daemon.ts';
import { procedures } from '#hypervisor/libvirt/rpc/procedures.ts';
import { openSession } from '#hypervisor/libvirt/rpc/session.ts';
import { parseLibvirtUri } from '#hypervisor/libvirt/rpc/uri.ts';
import type { GuestSpec, HypervisorEnv } from '#hypervisor/port.ts';
import { pollUntil } from '#test/contract/hypervisor/scene.ts';
import type { HypervisorHarness } from '#test/contract/hypervisor/scene.ts';
import { realEnv } from './real-env.ts';
import { POWER_OFF_BYTE, writeTinyGuest } from './tiny-guest.ts';

const run = promisify(execFile);

export interface LibvirtHarness extends HypervisorHarness {
  readonly driver: LibvirtDriver;
  readonly daemon: PrivateLibvirtDaemon;
  readonly env: HypervisorEnv;
  /** Private to root; guests' disks and logs are under it. */
  readonly directory: string;
}

export async function makeLibvirtHarness(listen?: DaemonSettings): Promise<LibvirtHarness> {
  const env = realEnv();
  // mkdtemp gives mode 0700: QEMU must manage with that.
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-lv-'));
  const daemonDirectory = join(directory, 'd');
  await mkdir(daemonDirectory);
  const daemon = await startPrivateDaemon({
    env,
    directory: daemonDirectory,
    ...(listen === undefined ? {} : { listen }),
  });
  const open = async (): Promise<LibvirtDriver> => {
    const driver = openLibvirtDriver({ uri: daemon.uri, env, virtType: 'qemu' });
    await driver.ready(10_000);
    return driver;
  };
  const driver = await open();
  // Its own namespace of names: other tests make bridges at the same time.
  const bridge = `kvti${process.pid % 100_000}`;
  await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  let lastInterface = 0;
  const names = new Map<string, string>();
  let lastNumber = 0;

  const newSpec = async (overrides: Partial<GuestSpec> = {}): Promise<GuestSpec> => {
    lastNumber++;
    const spec = { ...(await tinyGuestSpec(directory, lastNumber)), ...overrides };
    names.set(spec.id, spec.name);
    return spec;
  };

  return {
    driver,
    daemon,
    env,
    directory,
    newSpec,
    newInterface: () => {
      lastInterface += 1;
      const mac = `fa:16:3e:00:01:${lastInterface.toString(16).padStart(2, '0')}`;
      return { mac, bridge, tap: `${bridge}n${lastInterface}`, model: 'virtio' };
    },
    // A boot sector has no driver for it.
    heedsUnplug: false,
    hasAgent: false,
    newPath: () => join(directory, `memory-${randomUUID()}`),
    fileExists: (path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    powerOffInside: async (id) => {
      const stream = await driver.openConsole(id);
      await stream.write(Uint8Array.of(POWER_OFF_BYTE));
      for await (const _ of stream.output);
      await stream.close();
    },
    killGuest: async (id) => {
      const pid = await daemon.guestPid(names.get(id) ?? '');
      if (pid === undefined) throw new Error(`no process runs guest ${id}`);
      process.kill(pid, 'SIGKILL');
    },
    startForeignGuest: () => startForeignGuest(daemon, env),
    stopForeignGuest: (id) => driver.destroy(id),
    loseConnection: () => daemon.kill(),
    restoreConnection: () => daemon.restart(),
    newDriver: open,
    until: pollUntil,
    close: async () => {
      await driver.close();
      await daemon.stop();
      await run('ip', ['link', 'del', bridge]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A domain without disks or mark, as an admin might start it by virsh. */
async function startForeignGuest(
  daemon: PrivateLibvirtDaemon,
  env: HypervisorEnv,
): Promise<{ readonly id: string; readonly name: string }> {
  const id = randomUUID();
  const name = `foreign-${id.slice(0, 8)}`;
  const connection = await openSession({
    uri: parseLibvirtUri(daemon.uri),
    env,
    name: 'foreign connection',
    timeoutMs: 10_000,
    maxInFlight: 1,
    maxQueued: 1,
  });
  const xml = `<domain type='qemu'><name>${name}</name><uuid>${id}</uuid><memory unit='MiB'>16</memory>
    <metadata><other:thing xmlns:other='urn:other'/></metadata><vcpu>1</vcpu>
    <os><type arch='x86_64'>hvm</type></os></domain>`;
  await connection.call(procedures.domainCreateXml, { xml, flags: 0 }, 30_000);
  connection.close('the foreign guest runs');
  return { id, name };
}

/** A guest of one processor with a disk of its own, which prints and does no more. */
export async function tinyGuestSpec(directory: string, number: number): Promise<GuestSpec> {
  const id = randomUUID();
  const path = join(directory, `${id}.raw`);
  await writeTinyGuest(path);
  return {
    id,
    name: `instance-${String(number).padStart(8, '0')}`,
    title: `guest ${number}`,
    vcpus: 1,
    memoryMiB: 32,
    disks: [
      {
        target: 'vda',
        device: 'disk',
        bus: 'virtio',
        format: 'raw',
        path,
        readonly: false,
        bootOrder: 1,
      },
    ],
    interfaces: [],
    consoleLogPath: join(directory, `${id}.log`),
    mark: { cluster: 'test', host: 'host-a', runEpoch: 1 },
  };
}
