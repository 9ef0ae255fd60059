// The migration contract on two real libvirt daemons of this machine, each taken for a host of its own; and what only real
// disks can show: a local disk that is copied with the guest.

import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import type { LibvirtDriver } from '#hypervisor/libvirt/driver.ts';
import { startPrivateDaemon } from '#hypervisor/libvirt/private-daemon.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import { migrationContract } from '#test/contract/hypervisor/migration-contract.ts';
import type { MigrationHarness, Side } from '#test/contract/hypervisor/migration-contract.ts';
import { GUEST_BANNER, pollUntil } from '#test/contract/hypervisor/scene.ts';
import { tinyGuestSpec } from './libvirt-harness.ts';
import { realEnv } from './real-env.ts';

const sides: readonly Side[] = ['source', 'destination'];

async function makeHarness(): Promise<MigrationHarness> {
  const env = realEnv();
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-mg-'));
  const daemons = await Promise.all(
    sides.map(async (side) => {
      const own = join(directory, side.slice(0, 1));
      await mkdir(own);
      const listen = { host_uuid: randomUUID(), listen_tcp: 0, listen_tls: 0 };
      return startPrivateDaemon({ env, directory: own, hostName: side, listen });
    }),
  );
  const open = async (index: number): Promise<LibvirtDriver> => {
    const uri = daemons[index]?.uri ?? '';
    const driver = openLibvirtDriver({ uri, env, virtType: 'qemu' });
    await driver.ready(10_000);
    return driver;
  };
  const drivers = await Promise.all(sides.map((_, index) => open(index)));
  const driverOf = (side: Side): LibvirtDriver => {
    const driver = drivers[sides.indexOf(side)];
    if (driver === undefined) throw new Error(`no driver of the ${side}`);
    return driver;
  };
  let lastNumber = 0;
  return {
    driver: driverOf,
    address: '127.0.0.1',
    newSpec: async () => {
      lastNumber += 1;
      return tinyGuestSpec(directory, lastNumber);
    },
    there: (spec) => spec,
    slowly: () => ({ copiedDisks: [], autoConverge: true, bandwidthMiBps: 1 }),
    restartCaller: async (side) => {
      await driverOf(side).close();
      drivers[sides.indexOf(side)] = await open(sides.indexOf(side));
    },
    restartDaemon: async (side) => {
      await daemons[sides.indexOf(side)]?.kill();
      await daemons[sides.indexOf(side)]?.restart();
      await driverOf(side).ready(10_000);
      await pollUntil('the driver to be connected again', () =>
        driverOf(side)
          .list()
          .then(
            () => true,
            () => false,
          ),
      );
    },
    until: pollUntil,
    close: async () => {
      await Promise.all(drivers.map((driver) => driver.close()));
      await Promise.all(daemons.map((daemon) => daemon.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

migrationContract('libvirt', makeHarness);

test('a disk of its own goes with the guest, and both stand still until finish', async () => {
  const harness = await makeHarness();
  try {
    const [source, destination] = [harness.driver('source'), harness.driver('destination')];
    const spec = await harness.newSpec();
    const [disk] = spec.disks;
    if (disk === undefined) throw new Error('the guest has no disk');
    const content = await readFile(disk.path);
    const path = `${disk.path}.copy`;
    await writeFile(path, Buffer.alloc(content.length));
    const there: GuestSpec = {
      ...spec,
      disks: [{ ...disk, path }],
      consoleLogPath: `${spec.consoleLogPath}.there`,
      mark: { ...spec.mark, host: 'there', runEpoch: 2 },
    };
    await source.create(spec);
    await harness.until('the banner', async () =>
      new TextDecoder().decode(await source.consoleOutput(spec, 4_096)).includes(GUEST_BANNER),
    );
    const settings = { copiedDisks: ['vda'], autoConverge: true };
    const offer = await source.migrations.begin(there, settings);
    const order = { offer, settings, address: harness.address };
    const invitation = await destination.migrations.prepare(there, order);
    const { cookie } = await source.migrations.perform(there, { offer, invitation, settings });
    expect(await source.find(spec.id)).toMatchObject({ power: 'paused', isInMigration: true });
    expect(await destination.find(spec.id)).toMatchObject({ power: 'paused', isInMigration: true });
    await destination.migrations.finish(there, { isPaused: offer.isPaused, cookie, settings });
    await source.migrations.confirm(spec.id);
    expect(await source.find(spec.id)).toBeUndefined();
    expect((await destination.find(spec.id))?.power).toBe('running');
    await destination.destroy(spec.id);
    expect((await readFile(path)).equals(content)).toBe(true);
  } finally {
    await harness.close();
  }
});
