// A lab as people use it, by its commands alone: hosts of their own on this machine, a guest on one of them by the real
// `openstack` client, everything that can be broken broken and mended, and nothing left behind. Needs root.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineStatus } from '#cli/lab/lab.ts';
import { type CommandResult, run, until } from './launched-cloud.ts';
import { LaunchedLab } from './launched-lab.ts';

let launched: LaunchedLab;
let before: Traces;

interface Traces {
  readonly devices: readonly string[];
  readonly mounts: readonly string[];
  readonly loops: string;
  /** Of all processes, but for those of this test's own making. */
  readonly namespaces: readonly string[];
}

async function traces(): Promise<Traces> {
  const links = (await run('ip', ['-brief', 'link'])).stdout.trim().split('\n');
  const namespaces = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readlinkSync(`/proc/${pid}/ns/pid`), readlinkSync(`/proc/${pid}/ns/net`)];
      } catch {
        return [];
      }
    });
  return {
    devices: links
      .map((line) => line.split(/[@ ]/)[0] ?? '')
      .filter((name) => name.startsWith('kl-')),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes('kilonova-lab')),
    loops: (await run('losetup', ['--all'])).stdout,
    namespaces: [...new Set(namespaces)].toSorted(),
  };
}

const kilonova = (...args: readonly string[]): Promise<CommandResult> => launched.kilonova(...args);
const lab = (...args: readonly string[]): Promise<string> => launched.ask(...args);
const status = (name: string): Promise<MachineStatus> => launched.status(name);
const openstack = (...args: readonly string[]): Promise<string> => launched.openstack(...args);

async function hostState(name: string, wanted: 'up' | 'down'): Promise<void> {
  await until(`host ${name} to be ${wanted}`, async () => {
    const listed = await openstack('hypervisor', 'list', '-f', 'json');
    const rows = JSON.parse(listed) as readonly Record<string, string>[];
    const state = rows.find((row) => row['Hypervisor Hostname'] === name)?.['State'];
    return state === wanted ? true : undefined;
  });
}

const serverStatus = (): Promise<string> =>
  openstack('server', 'show', 'vm', '-f', 'value', '-c', 'status');

beforeAll(async () => {
  launched = new LaunchedLab();
  before = await traces();
});

afterAll(async () => {
  await launched?.remove();
});

describe('a lab of two hosts', () => {
  it('comes up: a store, a controller, two hosts with a libvirtd and a member each', async () => {
    const said = await lab('up', '--hosts', '2', '--storage', 'shared');
    expect(said).toMatch(/ready in [0-9.]+ s\n$/);
    const shape = (await launched.machines()).map(
      ({ name, state, daemon, libvirtd, redis, qemu }) => ({
        name,
        state,
        runs: [daemon.length, libvirtd.length, redis.length, qemu.length],
      }),
    );
    expect(shape).toEqual([
      { name: 'store', state: 'on', runs: [0, 0, 1, 0] },
      { name: 'c1', state: 'on', runs: [1, 0, 0, 0] },
      { name: 'h1', state: 'on', runs: [1, 1, 0, 0] },
      { name: 'h2', state: 'on', runs: [1, 1, 0, 0] },
    ]);
    await hostState('h1', 'up');
    await hostState('h2', 'up');
  });

  it('is refused where there is one already, which is left alone', async () => {
    const { code, stderr } = await kilonova('up', '--hosts', '2');
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is a lab in .* already/);
    expect((await status('h1')).state).toBe('on');
  });

  it('has hosts that are told apart by name and by libvirt’s host uuid', async () => {
    const told = await Promise.all(
      ['h1', 'h2'].map(async (name) => [
        await lab('exec', name, 'hostname'),
        /<uuid>(.*?)<\/uuid>/.exec(await lab('exec', name, 'virsh', 'capabilities'))?.[1],
      ]),
    );
    expect(told.map(([name]) => name)).toEqual(['h1\n', 'h2\n']);
    expect(told[0]?.[1]).toMatch(/^[0-9a-f-]{36}$/);
    expect(told[0]?.[1]).not.toBe(told[1]?.[1]);
  });

  it('lets its hosts reach each other’s libvirtd, and nobody else; the store none but controllers', async () => {
    const uri = (name: string): string => `qemu+tcp://${name}/system`;
    expect(await lab('exec', 'h1', '--', 'virsh', '-c', uri('h2'), 'hostname')).toMatch(/^h2/);
    const { address } = await status('h1');
    const store = (await status('store')).address;
    const knocks = (at: string, port: number): Promise<CommandResult> =>
      run('timeout', ['2', 'bash', '-c', `exec 3<>/dev/tcp/${at}/${port}`]);
    expect((await knocks(address, 16_509)).code).toBe(124);
    expect((await knocks(store, 6_379)).code).toBe(124);
    const fromHost = ['timeout', '2', 'redis-cli', '-h', store, 'ping'];
    expect((await kilonova('exec', 'h1', '--', ...fromHost)).code).toBe(124);
    expect(await lab('exec', 'c1', '--', 'redis-cli', '-h', store, 'ping')).toBe('PONG\n');
  });

  it('boots a guest on the host that is asked for, by the real client', async () => {
    const asked = ['--image', 'tiny', '--flavor', 'm1.tiny', '--network', 'private', '--wait'];
    const where = ['--host', 'h1', '--os-compute-api-version', '2.74'];
    await openstack('server', 'create', ...asked, ...where, 'vm');
    expect(await serverStatus()).toBe('ACTIVE');
    expect((await status('h1')).qemu.length).toBe(1);
    expect((await status('h2')).qemu.length).toBe(0);
    expect(
      await lab('exec', 'h2', 'ls', join(launched.directory, 'self/data/host/instances')),
    ).toMatch(/^[0-9a-f-]{36}\n$/);
    await until('the guest to have booted', async () =>
      /ssh host key/.test(await openstack('console', 'log', 'show', 'vm')) ? true : undefined,
    );
  });
});

describe('what breaks in a lab', () => {
  it('a killed member and a killed libvirtd leave the guest running, and are started again', async () => {
    const guest = (await status('h1')).qemu;
    await lab('kill', 'h1', 'daemon');
    await lab('kill', 'h1', 'libvirtd');
    expect(await status('h1')).toMatchObject({ daemon: [], libvirtd: [], qemu: guest });
    await hostState('h1', 'down');
    await lab('start', 'h1');
    await hostState('h1', 'up');
    expect(await serverStatus()).toBe('ACTIVE');
    expect((await status('h1')).qemu).toEqual(guest);
  });

  it('a machine that is cut off counts as down until the cut is healed', async () => {
    await lab('cut', 'h2', 'c1');
    expect((await status('h2')).cutFrom).toEqual(['c1']);
    expect((await status('c1')).cutFrom).toEqual(['h2']);
    await hostState('h2', 'down');
    expect((await kilonova('exec', 'h2', '--', 'ping', '-c1', '-W1', 'c1')).code).toBe(1);
    await lab('heal');
    expect((await kilonova('exec', 'h2', '--', 'ping', '-c1', '-W1', 'c1')).code).toBe(0);
    await hostState('h2', 'up');
  });

  it('a cut one way lets the other way through', async () => {
    await lab('cut', 'h1', 'h2', '--one-way');
    expect((await status('h2')).cutFrom).toEqual(['h1']);
    expect((await status('h1')).cutFrom).toEqual([]);
    await lab('heal');
    expect((await status('h2')).cutFrom).toEqual([]);
  });

  it('a frozen machine stands still, and goes on when it is thawed', async () => {
    await lab('freeze', 'h2');
    expect((await status('h2')).state).toBe('frozen');
    await hostState('h2', 'down');
    await lab('thaw', 'h2');
    expect((await status('h2')).state).toBe('on');
    await hostState('h2', 'up');
  });

  it('a killed guest is seen to be down', async () => {
    await lab('kill', 'h1', 'qemu');
    await until('vm to be SHUTOFF', async () =>
      (await serverStatus()) === 'SHUTOFF' ? true : undefined,
    );
    expect((await status('h1')).qemu).toEqual([]);
    const { code, stderr } = await kilonova('kill', 'h1', 'qemu');
    expect(code).toBe(1);
    expect(stderr).toMatch(/no qemu runs there/);
  });

  it('a machine without power is off, and comes back as the member that it was', async () => {
    await lab('kill', 'h2', 'machine');
    expect(await status('h2')).toMatchObject({ state: 'off', daemon: [], libvirtd: [] });
    await hostState('h2', 'down');
    await lab('start', 'h2');
    await hostState('h2', 'up');
  });
});

describe('the end of a lab', () => {
  it('leaves nothing: no device, no mount, no process, no file', async () => {
    await openstack('server', 'start', 'vm');
    await until('vm to run', async () =>
      (await status('h1')).qemu.length === 1 ? true : undefined,
    );
    const during = await traces();
    expect(during.namespaces.length).toBeGreaterThan(before.namespaces.length);
    await lab('freeze', 'h1');
    await lab('down');
    await until('its namespaces to be gone', async () => {
      const after = await traces();
      const own = during.namespaces.filter((name) => !before.namespaces.includes(name));
      return own.some((name) => after.namespaces.includes(name)) ? undefined : true;
    });
    const after = await traces();
    expect(after.devices).toEqual(before.devices);
    expect(after.mounts).toEqual(before.mounts);
    expect(after.loops).toBe(before.loops);
    expect(existsSync(launched.directory)).toBe(false);
    expect(await lab('down')).toMatch(/there is no lab in/);
  });
});

describe('a lab with a disk that all hosts see', () => {
  it('gives each host a loop device of its own over one file, and takes them away', async () => {
    await lab('up', '--hosts', '2', '--storage', 'lun');
    const disk = join(launched.directory, 'self/lun');
    const lock = ['flock', '--nonblock', disk];
    const write = `printf from-h1 | dd of='${disk}' conv=notrunc,fsync oflag=sync status=none`;
    await lab('exec', 'h1', '--', 'sh', '-c', write);
    const read = ['dd', `if=${disk}`, 'bs=7', 'count=1', 'iflag=nocache', 'status=none'];
    expect(await lab('exec', 'h2', '--', ...read)).toBe('from-h1');
    const both = `flock --nonblock '${disk}' true && echo free`;
    const held = lab('exec', 'h1', '--', ...lock, 'sleep', '5');
    expect(await lab('exec', 'h2', '--', 'sh', '-c', both)).toBe('free\n');
    await held;
    expect((await run('losetup', ['--all'])).stdout).toContain(launched.directory);
    await lab('down');
    expect((await run('losetup', ['--all'])).stdout).toBe(before.loops);
  });
});
