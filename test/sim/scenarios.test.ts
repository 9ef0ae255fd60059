// Trouble of one kind at a time, against a whole cloud: what a user sees of it, and that nothing is left over.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperationName } from '#actors/instance/protocol.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { SimulatedOperation } from '#hypervisor/simulated/faults.ts';
import { testFlavor } from '#test/support/servers.ts';
import {
  projectId,
  SimulatedCloud,
  type SimulatedCloudOptions,
} from '#test/support/simulated-cloud.ts';
import { seededRandom } from '#test/support/seeded-random.ts';

const one = 'aaaa0001-0000-4000-8000-000000000000';
const two = 'aaaa0002-0000-4000-8000-000000000000';

let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud({ seed: 3 });
});
afterEach(() => cloud.dispose());

/** Another cloud than the usual one. */
function cloudOf(options: Partial<SimulatedCloudOptions>): SimulatedCloud {
  cloud.dispose();
  cloud = new SimulatedCloud({ seed: 3, ...options });
  return cloud;
}

async function bootWith(...ids: readonly string[]): Promise<void> {
  await cloud.boot();
  for (const id of ids) await cloud.create(id);
  await cloud.rest();
}

/** What is to be said of a server at the end. */
function outcome(id = one) {
  const server = cloud.server(id);
  return { vmState: server?.vmState, host: server?.grant?.host, runEpoch: server?.runEpoch };
}

async function expectSound(): Promise<void> {
  await cloud.quiet();
  expect({ violations: await cloud.violations(), alarms: cloud.alarms }).toEqual({
    violations: [],
    alarms: [],
  });
}

describe('a create', () => {
  it('whose first host fails is taken over by the second, under a new run-epoch', async () => {
    cloudOf({ hosts: 2 });
    await bootWith(two);
    const best = Number(outcome(two).host === 'host-1') + 1;
    cloud.host(best).faults.next('create', new HypervisorFault('failed', 'this host is broken'));
    await cloud.create(one);
    await cloud.rest();
    expect(outcome()).toEqual({ vmState: 'active', host: `host-${3 - best}`, runEpoch: 2 });
    await expectSound();
  });

  it('whose hosts all fail says what each of them said, and holds nothing', async () => {
    cloudOf({ hosts: 2 });
    await cloud.boot();
    for (const host of cloud.hosts)
      host.faults.next('create', new HypervisorFault('failed', `${host.name} is broken`));
    await cloud.create(one);
    await cloud.rest();
    expect(outcome()).toEqual({ vmState: 'error', host: undefined, runEpoch: 2 });
    const { details = '' } = cloud.server(one)?.fault ?? {};
    expect(details).toContain('host-1 is broken');
    expect(details).toContain('host-2 is broken');
    await expectSound();
  });

  it('that no host has room for says so for each host, and holds nothing', async () => {
    cloudOf({ hosts: 2 });
    await cloud.boot();
    await cloud.create(one, { flavor: { ...testFlavor, ramMiB: 1_000_000 } });
    await cloud.rest();
    expect(outcome()).toEqual({ vmState: 'error', host: undefined, runEpoch: 0 });
    const { details = '' } = cloud.server(one)?.fault ?? {};
    const hosts = details.split('\n').map((line) => line.split(':')[0]);
    expect(new Set(hosts)).toEqual(new Set(['host-1', 'host-2']));
    await expectSound();
  });

  it('that was reserved for and never sent gives its quota back', async () => {
    await cloud.boot();
    expect(await cloud.reserve(one)).toBe('acknowledged');
    const used = () =>
      cloud.running?.assembly.entities.view(projectDefinition).get(projectId)?.used;
    expect(used()).toEqual({ instances: 1, cores: 1, ram: 96 });
    await expectSound();
    expect(used()).toEqual({ instances: 0, cores: 0, ram: 0 });
    expect(await cloud.create(one)).toBe('refused');
    await expectSound();
  });

  it('on a full disk ends in error, says so, and leaves no partial file', async () => {
    await cloud.boot();
    cloud.host(1).files.resize(70_000);
    await cloud.create(one);
    await cloud.rest();
    expect(outcome().vmState).toBe('error');
    expect(cloud.server(one)?.fault?.message).toMatch(/no space/i);
    await expectSound();
    expect(cloud.host(1).files.guests()).toEqual([]);
  });

  it('is interrupted by a delete at any moment, and nothing is left', async () => {
    await cloud.boot();
    const { boundaries } = cloud.running!;
    const idle = boundaries.passed;
    await cloud.create(one);
    await cloud.rest();
    const passed = boundaries.passed - idle;
    expect(passed).toBeGreaterThan(20);
    for (let after = 0; after < passed; after += 1) {
      cloudOf({ seed: 3 + after });
      const running = await cloud.boot();
      const start = running.boundaries.passed;
      await cloud.create(one);
      await cloud.env.runUntil(
        () =>
          running.boundaries.passed >= start + after || cloud.server(one)?.operation === undefined,
        'the moment of the delete',
      );
      expect(await cloud.operate(one, 'delete')).toBe('acknowledged');
      await cloud.rest();
      expect(cloud.server(one)?.existence).toBe('gone');
      await expectSound();
    }
  });

  it('is interrupted by a delete and then by a kill, anywhere, and nothing is left', {
    timeout: 60_000,
  }, async () => {
    const random = seededRandom('delete and kill');
    for (let round = 0; round < 60; round += 1) {
      cloudOf({ seed: round, hosts: 1 + random.below(2) });
      const running = await cloud.boot(8 + random.below(60));
      if (!running.isDead) await cloud.create(one);
      const from = running.boundaries.passed;
      const moment = from + random.below(20);
      const isOver = () =>
        running.isDead ||
        running.boundaries.passed >= moment ||
        cloud.server(one)?.operation === undefined;
      if (!running.isDead) await cloud.env.runUntil(isOver, 'the moment of the delete');
      const answer = running.isDead ? 'unknown' : await cloud.operate(one, 'delete');
      if (!running.isDead) await cloud.rest();
      cloud.kill();
      await cloud.boot();
      await cloud.quiet();
      const isDeleted = answer !== 'acknowledged' || cloud.server(one)?.existence === 'gone';
      const violations = await cloud.violations();
      expect({ round, isDeleted, violations }).toEqual({ round, isDeleted: true, violations: [] });
    }
  });
});

const operations: readonly {
  name: OperationName;
  before: readonly OperationName[];
  ends: string;
  /** Where it ends when its host is away at first; default: as usual. */
  away?: string;
  call: SimulatedOperation;
}[] = [
  { name: 'stop', before: [], ends: 'stopped', call: 'shutdown' },
  { name: 'start', before: ['stop'], ends: 'active', call: 'create' },
  { name: 'reboot', before: [], ends: 'active', call: 'create' },
  { name: 'reboot-hard', before: [], ends: 'active', call: 'destroy' },
  { name: 'pause', before: [], ends: 'paused', call: 'pause' },
  { name: 'unpause', before: ['pause'], ends: 'active', call: 'resume' },
  { name: 'suspend', before: [], ends: 'suspended', call: 'save' },
  { name: 'resume', before: ['suspend'], ends: 'active', call: 'restore' },
  { name: 'rebuild', before: [], ends: 'active', call: 'create' },
  { name: 'rescue', before: [], ends: 'rescued', call: 'createOverlay' },
  { name: 'snapshot', before: [], ends: 'active', call: 'copyDisk' },
  { name: 'soft-delete', before: [], ends: 'soft-delete', call: 'destroy' },
  { name: 'restore', before: ['soft-delete'], ends: 'active', call: 'create' },
  { name: 'backup', before: [], ends: 'active', call: 'flattenDisk' },
  { name: 'unrescue', before: ['rescue'], ends: 'active', call: 'removeDisk' },
  { name: 'shelve', before: [], ends: 'shelved', call: 'copyDisk' },
  { name: 'shelve-offload', before: ['shelve'], ends: 'shelved_offloaded', call: 'destroy' },
  { name: 'unshelve', before: ['shelve'], ends: 'active', call: 'create' },
  {
    name: 'unshelve-offloaded',
    before: ['shelve', 'shelve-offload'],
    ends: 'active',
    away: 'shelved_offloaded',
    call: 'createWhole',
  },
  { name: 'delete', before: [], ends: 'deleted', call: 'destroy' },
];

describe.each(operations)('$name', ({ name, before, ends, away = ends, call }) => {
  beforeEach(async () => {
    await bootWith(one);
    for (const earlier of before) {
      await cloud.operate(one, earlier);
      await cloud.rest();
    }
  });

  it('ends well when the hypervisor’s reply is lost', async () => {
    cloud.host(1).faults.loseReply(call);
    await cloud.operate(one, name);
    await cloud.rest();
    expect(outcome().vmState).toBe(ends);
    await expectSound();
  });

  it('waits for a hypervisor that is away for a while', async () => {
    cloud.host(1).loseConnection();
    await cloud.operate(one, name);
    await cloud.env.advance(12_000);
    cloud.host(1).restoreConnection();
    await cloud.rest();
    expect(outcome().vmState).toBe(away);
    await expectSound();
  });

  it('ends well when the connection is lost in the middle of it and comes back', async () => {
    const release = cloud.host(1).faults.hang(call);
    await cloud.operate(one, name);
    await cloud.env.settle();
    cloud.host(1).loseConnection();
    release();
    await cloud.env.advance(1_000);
    cloud.host(1).restoreConnection();
    await cloud.rest();
    expect(outcome().vmState).toBe(ends);
    await expectSound();
  });

  it('ends within its deadline when the hypervisor hangs, and the host is believed afterwards', async () => {
    const release = cloud.host(1).faults.hang(call);
    await cloud.operate(one, name);
    await cloud.rest(1_900_000);
    expect(cloud.server(one)?.actions.at(-1)?.message).toBe('Error');
    release();
    await cloud.quiet();
    expect(await cloud.violations()).toEqual([]);
  });

  it('ends well while the journal is away and full for a while', async () => {
    const { journal } = cloud.running!;
    const release = cloud.host(1).faults.hang(call);
    expect(await cloud.operate(one, name)).toBe('acknowledged');
    journal.setFaults({ isUnavailable: true });
    release();
    await cloud.env.advance(4_000);
    journal.setFaults({ isFull: true });
    await cloud.env.advance(4_000);
    journal.setFaults({});
    await cloud.rest();
    expect(outcome().vmState).toBe(ends);
    await expectSound();
  });

  it('is sound when the guest dies in the middle of it', async () => {
    const release = cloud.host(1).faults.hang(call);
    await cloud.operate(one, name);
    await cloud.env.settle();
    const guest = cloud.host(1).guests.find(one);
    if (guest !== undefined && guest.power !== 'off') cloud.host(1).crashGuest(one);
    release();
    await cloud.quiet();
    expect({ violations: await cloud.violations(), alarms: cloud.alarms }).toEqual({
      violations: [],
      alarms: [],
    });
  });

  it('is sound after two kills in a row at different boundaries', async () => {
    const random = seededRandom(`twice ${name}`);
    for (let pair = 0; pair < 6; pair += 1) {
      cloudOf({ seed: pair });
      await bootWith(one);
      for (const earlier of before) {
        await cloud.operate(one, earlier);
        await cloud.rest();
      }
      cloud.kill();
      const dieAt = [1 + random.below(24), 1 + random.below(24)];
      const first = await cloud.boot(dieAt[0]);
      if (!first.isDead) await cloud.operate(one, name);
      if (!first.isDead) await cloud.rest();
      cloud.kill();
      await cloud.boot(dieAt[1]);
      await cloud.quiet();
      cloud.kill();
      await cloud.boot();
      await cloud.quiet();
      expect({ dieAt, violations: await cloud.violations() }).toEqual({ dieAt, violations: [] });
    }
  });
});

describe('a host', () => {
  it('that is down at the start is taken up when it comes, and its servers are as they are', async () => {
    await bootWith(one, two);
    cloud.kill();
    cloud.host(1).loseConnection();
    cloud.host(1).killGuest(two);
    await cloud.boot();
    expect(cloud.running?.assembly.nodes.isUp('host-1')).toBe(false);
    expect(await cloud.operate(one, 'stop')).toBe('acknowledged');
    await cloud.env.advance(20_000);
    cloud.host(1).restoreConnection();
    await cloud.rest();
    await cloud.quiet();
    expect([one, two].map((id) => outcome(id).vmState)).toEqual(['stopped', 'stopped']);
    await expectSound();
  });

  it('that is down gets no servers, and says so', async () => {
    cloudOf({ hosts: 2 });
    cloud.host(1).loseConnection();
    await bootWith(one);
    expect(outcome()).toMatchObject({ vmState: 'active', host: 'host-2' });
    cloud.host(2).loseConnection();
    await cloud.create(two);
    await cloud.rest();
    expect(outcome(two).vmState).toBe('error');
  });

  it('that lost its power comes back with its servers shut off', async () => {
    await bootWith(one);
    cloud.host(1).losePower();
    await cloud.env.advance(30_000);
    cloud.host(1).restoreConnection();
    await cloud.env.settle();
    expect(outcome().vmState).toBe('stopped');
    await expectSound();
  });

  it('whose guest dies shows it within seconds', async () => {
    await bootWith(one);
    cloud.host(1).killGuest(one);
    await cloud.env.advance(3_000);
    expect(outcome().vmState).toBe('stopped');
    await expectSound();
  });

  it('whose guest dies before its start is on record shows it within seconds, too', async () => {
    await cloud.boot();
    cloud.running?.journal.setFaults({ minLatencyMs: 50, maxLatencyMs: 50 });
    await cloud.create(one);
    await cloud.env.runUntil(() => cloud.host(1).guests.find(one) !== undefined, 'the guest');
    await cloud.env.advance(1);
    cloud.host(1).crashGuest(one);
    await cloud.rest();
    await cloud.env.advance(3_000);
    expect(outcome().vmState).toBe('stopped');
    await expectSound();
  });
});

describe('a server that was deleted softly', () => {
  it('is deleted for good when its time is over, also across a restart', async () => {
    await bootWith(one);
    await cloud.operate(one, 'soft-delete');
    await cloud.rest();
    expect(outcome().vmState).toBe('soft-delete');
    const leftMs = (cloud.server(one)?.reclaimAtMs ?? 0) - cloud.env.clock.now();
    await cloud.env.advance(leftMs / 2);
    cloud.kill();
    await cloud.boot();
    await cloud.env.advance(leftMs / 2 - 10_000);
    expect(cloud.server(one)?.existence).toBe('exists');
    await cloud.env.advance(11_000);
    await cloud.rest();
    expect(cloud.server(one)?.existence).toBe('gone');
    await expectSound();
  });
});
