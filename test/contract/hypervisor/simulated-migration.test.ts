// The migration contract on two simulated hosts: joined by a wire, and as in two processes that share nothing; and what
// happens on the wire when one end is gone.

import { describe, expect, it } from 'vitest';
import type { MigrationSettings } from '#hypervisor/migration-port.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedWire } from '#hypervisor/simulated/wire.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { simulatedSpec } from '#test/support/simulated-specs.ts';
import { migrationContract } from './migration-contract.ts';
import type { MigrationHarness, Side } from './migration-contract.ts';
import { faultOf, GUEST_BANNER, pollUntil } from './scene.ts';

interface Hosts {
  readonly source: SimulatedHost;
  readonly destination: SimulatedHost;
}

function hostsOf(wire: SimulatedWire | undefined): Hosts {
  const made = (name: string): SimulatedHost =>
    new SimulatedHost({
      env: realEnv(silentLog),
      name,
      bootText: () => GUEST_BANNER,
      ...(wire === undefined ? {} : { wire }),
    });
  return { source: made('here'), destination: made('there') };
}

async function makeHarness(wire?: SimulatedWire): Promise<MigrationHarness> {
  const hosts = hostsOf(wire);
  const drivers = {
    source: new SimulatedHypervisor(hosts.source),
    destination: new SimulatedHypervisor(hosts.destination),
  };
  let lastNumber = 0;
  return {
    driver: (side) => drivers[side],
    address: 'there',
    newSpec: async () => newSpec(hosts, (lastNumber += 1)),
    there,
    slowly: () => {
      hosts.source.faults.next('migrations.perform', { kind: 'delay', delayMs: 300 });
      return { copiedDisks: [], autoConverge: true };
    },
    restartCaller: async (side: Side) => {
      await drivers[side].close();
      drivers[side] = new SimulatedHypervisor(hosts[side]);
    },
    restartDaemon: async (side) => {
      hosts[side].loseConnection();
      hosts[side].restoreConnection();
    },
    until: pollUntil,
    close: async () => {
      await drivers.source.close();
      await drivers.destination.close();
    },
  };
}

/** Each host has its disk, in a place of its own. */
function newSpec({ source, destination }: Hosts, number: number): GuestSpec {
  simulatedSpec(destination, number);
  return simulatedSpec(source, number, { mark: { cluster: 'c1', host: 'here', runEpoch: 1 } });
}

function there(spec: GuestSpec): GuestSpec {
  const placed = (path: string): string => path.replace('/simulated/here/', '/simulated/there/');
  const disks = spec.disks.map((disk) => ({ ...disk, path: placed(disk.path) }));
  return { ...spec, disks, consoleLogPath: placed(spec.consoleLogPath) };
}

migrationContract('simulated hosts on a wire', () => makeHarness(new SimulatedWire()));
migrationContract('simulated hosts of two processes', () => makeHarness());

describe('a simulated copy on a wire', () => {
  const settings: MigrationSettings = { copiedDisks: [], autoConverge: true };

  it.each([
    ['the wire is cut', (_: Hosts, wire: SimulatedWire) => wire.cut('here', 'there')],
    [
      'the incoming guest is killed',
      ({ destination }: Hosts) => destination.killGuest('00000000-0000-4000-8000-000000000001'),
    ],
    ['the destination’s daemon is lost', ({ destination }: Hosts) => destination.loseConnection()],
    ['the destination loses its power', ({ destination }: Hosts) => destination.losePower()],
  ])('fails when %s, and the guest runs on', async (_, happen) => {
    const wire = new SimulatedWire();
    const hosts = hostsOf(wire);
    const source = new SimulatedHypervisor(hosts.source);
    const destination = new SimulatedHypervisor(hosts.destination);
    const spec = newSpec(hosts, 1);
    await source.create(spec);
    const offer = await source.migrations.begin(spec, settings);
    const order = { offer, settings, address: 'there' };
    const invitation = await destination.migrations.prepare(there(spec), order);
    happen(hosts, wire);
    const copied = source.migrations.perform(spec, { offer, invitation, settings });
    expect(await faultOf(copied)).toBe('failed');
    await source.migrations.cancelOutgoing(spec.id);
    expect((await source.find(spec.id))?.power).toBe('running');
  });
});
