// Real libvirt in bad moments: killed, frozen, stuck guests, full disks.

import { execFile } from 'node:child_process';
import { access, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestEvent, GuestSpec } from '#hypervisor/port.ts';
import { GUEST_BANNER } from '#test/contract/hypervisor/scene.ts';
import { makeLibvirtHarness } from './libvirt-harness.ts';
import type { LibvirtHarness } from './libvirt-harness.ts';

const run = promisify(execFile);

let harness: LibvirtHarness;
let events: GuestEvent[] = [];
let guests: string[] = [];

/** A file system of 64 KiB. */
let small: string;

beforeAll(async () => {
  // Before the daemon: its namespace may see only what was mounted when it began.
  small = await mkdtemp(join(tmpdir(), 'kilonova-small-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]);
  harness = await makeLibvirtHarness();
  harness.driver.subscribe((event) => events.push(event));
});

afterEach(async () => {
  for (const id of guests) await harness.driver.destroy(id);
  guests = [];
  events = [];
});

afterAll(async () => {
  await harness.close();
  await run('umount', [small]);
  await rmdir(small);
});

async function startGuest(): Promise<GuestSpec> {
  const spec = await harness.newSpec();
  guests.push(spec.id);
  await harness.driver.create(spec);
  await harness.until(`the banner of ${spec.name}`, async () =>
    Buffer.from(await harness.driver.consoleOutput(spec, 1_000))
      .toString()
      .includes(GUEST_BANNER),
  );
  return spec;
}

async function untilEvent(type: GuestEvent['type']): Promise<void> {
  await harness.until(`event ${type}`, () => events.some((event) => event.type === type));
}

async function guestPid(spec: GuestSpec): Promise<number> {
  const pid = await harness.daemon.guestPid(spec.name);
  if (pid === undefined) throw new Error(`no process runs ${spec.name}`);
  return pid;
}

async function faultCodeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no fault',
    (error: unknown) => {
      if (error instanceof HypervisorFault) return error.code;
      throw error;
    },
  );
}

describe('libvirtd', () => {
  test('killed and restarted: guests run on, the driver is back within two seconds', async () => {
    const [first, second] = [await startGuest(), await startGuest()];
    const before = [await guestPid(first), await guestPid(second)];
    await harness.daemon.kill();
    await untilEvent('connection.down');
    for (const pid of before) expect(process.kill(pid, 0)).toBe(true);
    await harness.daemon.restart();
    const back = performance.now();
    await untilEvent('connection.up');
    expect(performance.now() - back).toBeLessThan(2_000);
    const marks = new Map((await harness.driver.list()).map((guest) => [guest.id, guest]));
    for (const spec of [first, second]) {
      expect(marks.get(spec.id)).toEqual({
        id: spec.id,
        name: spec.name,
        power: 'running',
        mark: spec.mark,
      });
    }
    expect([await guestPid(first), await guestPid(second)]).toEqual(before);
  });

  test('a guest that died while libvirtd was away is not listed any more', async () => {
    const [dies, lives] = [await startGuest(), await startGuest()];
    const pid = await guestPid(dies);
    await harness.daemon.kill();
    process.kill(pid, 'SIGKILL');
    await harness.daemon.restart();
    await untilEvent('connection.up');
    await harness.until('the dead guest to be noticed', async () => {
      return (await harness.driver.find(dies.id)) === undefined;
    });
    expect((await harness.driver.find(lives.id))?.power).toBe('running');
  });

  test('frozen: keepalive declares it lost, pending calls end, and it is used again when it thaws', async () => {
    const { libvirtd } = await harness.daemon.pids();
    if (libvirtd === undefined) throw new Error('libvirtd does not run');
    const driver = openLibvirtDriver({
      uri: harness.daemon.uri,
      env: harness.env,
      virtType: 'qemu',
      keepalive: { intervalMs: 200, count: 2 },
    });
    const told: string[] = [];
    driver.subscribe((event) => told.push(event.type));
    await driver.ready(10_000);
    process.kill(libvirtd, 'SIGSTOP');
    try {
      const pending = faultCodeOf(driver.list());
      await harness.until('connection.down', () => told.includes('connection.down'));
      expect(await pending).toBe('connection-lost');
    } finally {
      process.kill(libvirtd, 'SIGCONT');
    }
    await harness.until('connection.up again', () => told.at(-1) === 'connection.up');
    expect(await faultCodeOf(driver.list())).toBe('no fault');
    expect(told).toEqual(['connection.up', 'connection.down', 'connection.up']);
    await driver.close();
  });
});

describe('guests', () => {
  test('one whose QEMU hangs holds up neither lists nor other guests, and can be destroyed', async () => {
    const [hangs, lives] = [await startGuest(), await startGuest()];
    const pid = await guestPid(hangs);
    process.kill(pid, 'SIGSTOP');
    try {
      const stuck = Array.from({ length: 3 }, () =>
        harness.driver.pause(hangs.id).then(
          () => 'done',
          (error: Error) => error.message,
        ),
      );
      const others = (async () => {
        for (let round = 0; round < 5; round++) {
          await harness.driver.list();
          await harness.driver.pause(lives.id);
          await harness.driver.resume(lives.id);
        }
        return 'the others went on';
      })();
      expect(await Promise.race([...stuck, others])).toBe('the others went on');
      await harness.driver.destroy(hangs.id);
      expect(await harness.driver.find(hangs.id)).toBeUndefined();
      expect((await Promise.all(stuck)).includes('done')).toBe(false);
    } finally {
      await harness.driver.destroy(hangs.id);
    }
  });

  test('a save onto a full disk is no-space, leaves no file and the guest running', async () => {
    const spec = await startGuest();
    const path = join(small, 'memory');
    expect(await faultCodeOf(harness.driver.save(spec.id, path))).toBe('no-space');
    await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await harness.driver.find(spec.id))?.power).toBe('running');
  });
});
