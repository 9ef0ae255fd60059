// The orders for one guest over a simulated host: what each leaves behind, done once, done twice, and in bad company.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeOrder } from '#actors/node/protocol.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import { otherImage } from '#test/support/test-image.ts';
import { networkId, NodeWorld, plan, portId, serverId } from './node-world.ts';

let world: NodeWorld;
beforeEach(() => {
  world = new NodeWorld();
});
afterEach(() => world.dispose());

const signal = new AbortController().signal;
const running = { power: 'running', stopped: false };
const shutDown = { power: 'shutdown', stopped: false };
const hardReboot: Partial<NodeOrder> = { hard: true };

/** How to bring a built guest to where each order makes sense, and what the order leaves. */
const orders = [
  { type: 'node.build', before: [], report: running, guest: 'running' },
  { type: 'node.start', before: ['node.build', 'node.stop'], report: running, guest: 'running' },
  { type: 'node.stop', before: ['node.build'], report: shutDown, guest: undefined },
  { type: 'node.reboot', before: ['node.build'], report: running, guest: 'running' },
  {
    type: 'node.pause',
    before: ['node.build'],
    report: { power: 'paused', stopped: false },
    guest: 'paused',
  },
  { type: 'node.crash-dump', before: ['node.build'], report: running, guest: 'running' },
  { type: 'node.unpause', before: ['node.build', 'node.pause'], report: running, guest: 'running' },
  { type: 'node.suspend', before: ['node.build'], report: shutDown, guest: undefined },
  {
    type: 'node.resume',
    before: ['node.build', 'node.suspend'],
    report: running,
    guest: 'running',
  },
  { type: 'node.snapshot', before: ['node.build'], report: running, guest: 'running' },
  {
    type: 'node.upload-snapshot',
    before: ['node.build', 'node.snapshot'],
    report: running,
    guest: 'running',
  },
  {
    type: 'node.drop-snapshot',
    before: ['node.build', 'node.snapshot'],
    report: running,
    guest: 'running',
  },
  { type: 'node.fetch-image', before: ['node.build'], report: running, guest: 'running' },
  { type: 'node.rebuild', before: ['node.build'], report: running, guest: 'running' },
  { type: 'node.rescue', before: ['node.build'], report: running, guest: 'running' },
  {
    type: 'node.unrescue',
    before: ['node.build', 'node.rescue'],
    report: running,
    guest: 'running',
  },
  {
    type: 'node.destroy',
    before: ['node.build'],
    report: { power: 'nostate', stopped: true },
    guest: undefined,
  },
] as const;

describe.each(orders)('$type', ({ type, before, report, guest }) => {
  beforeEach(async () => {
    for (const earlier of before) await world.perform(earlier);
  });

  it('done once and done twice leave the same', async () => {
    expect(await world.perform(type)).toEqual(report);
    const once = { guest: world.guest()?.power, left: world.left(), saved: world.hasSavedMemory() };
    expect(await world.perform(type)).toEqual(report);
    expect(once.guest).toBe(guest);
    expect({
      guest: world.guest()?.power,
      left: world.left(),
      saved: world.hasSavedMemory(),
    }).toEqual(once);
  });

  it('under a superseded grant changes nothing', async () => {
    await world.grants().admit({ serverId, runEpoch: 2 });
    const was = { guest: world.guest(), left: world.left(), files: world.host.files.guests() };
    expect(await world.faultOf(type)).toBe(type === 'node.destroy' ? undefined : 'stale-grant');
    expect({ guest: world.guest(), left: world.left(), files: world.host.files.guests() }).toEqual(
      was,
    );
  });

  it('of an owner whose successor has given an order changes nothing', async () => {
    await world.grants().admit({ serverId, runEpoch: 1, ownerEpoch: 8 });
    const was = { guest: world.guest(), left: world.left(), files: world.host.files.guests() };
    expect(await world.faultOf(type, { ownerEpoch: 7 })).toBe('stale-owner');
    expect({ guest: world.guest(), left: world.left(), files: world.host.files.guests() }).toEqual(
      was,
    );
    expect(await world.faultOf(type, { ownerEpoch: 8 })).toBeUndefined();
    expect(await world.faultOf(type, { ownerEpoch: 9 })).toBeUndefined();
    expect(await world.faultOf(type, { ownerEpoch: 8 })).toBe('stale-owner');
  });

  it('under a grant that is over changes nothing', async () => {
    await world.perform('node.destroy');
    await world.perform('node.destroy');
    expect(await world.faultOf(type)).toBe(type === 'node.destroy' ? undefined : 'stale-grant');
    expect(world.left()).toEqual([]);
  });

  it.each([
    ['another cloud', { cluster: 'other', host: 'host-1', runEpoch: 1 }],
    ['nobody', undefined],
  ])('leaves a domain alone that is of %s', async (_whose, mark) => {
    await world.machine.hypervisor.destroy(serverId);
    if (mark === undefined) world.host.startForeignGuest({ id: serverId, name: 'stranger' });
    else await world.startGuest(mark);
    expect(await world.faultOf(type)).toBe('hypervisor');
    expect(world.guest()).toEqual({ power: 'running', runEpoch: mark?.runEpoch });
  });

  it('that can not reach the hypervisor says so, and that it may be asked again', async () => {
    world.host.loseConnection();
    const done = world.executor().perform(world.order(type), signal);
    await expect(world.env.complete(done, type)).rejects.toMatchObject({
      code: 'host-unreachable',
      retryable: true,
    });
  });
});

describe('a build', () => {
  it('starts the guest under its grant, with disks, drive and port', async () => {
    await world.perform('node.build');
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 1 });
    expect(world.left()).toEqual(['guest', 'files', 'tap', 'grant']);
    const names = ['disk.qcow2', 'disk.eph0.qcow2', 'disk.swap.qcow2', 'config-drive.iso'];
    for (const name of names) expect(world.host.files.find(serverId, name)).toBeDefined();
  });

  it('without an image has an empty disk, and without wishes nothing else', async () => {
    const flavor = { ...plan.flavor, ephemeralGiB: 0, swapMiB: 0 };
    const bare = { ...plan, flavor, image: undefined, configDrive: false, ports: [] };
    await world.perform('node.build', { plan: bare });
    expect(world.host.files.find(serverId, 'disk.qcow2')?.base).toBeUndefined();
    for (const name of ['disk.eph0.qcow2', 'disk.swap.qcow2', 'config-drive.iso'])
      expect(world.host.files.find(serverId, name)).toBeUndefined();
  });

  it('takes a guest of an older grant away first', async () => {
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 });
    await world.perform('node.build', { runEpoch: 2 });
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 2 });
  });

  it('does not start what stands there paused: it starts it anew', async () => {
    await world.perform('node.build');
    await world.machine.hypervisor.pause(serverId);
    await world.perform('node.build');
    expect(world.guest()?.power).toBe('running');
  });

  it('is not started before its grant is kept', async () => {
    const grants = world.grants();
    const kept = Promise.withResolvers<void>();
    world.grants = () => ({ ...grants, admit: () => kept.promise });
    const done = world.executor().perform(world.order('node.build'), signal);
    await world.env.settle();
    expect(world.guest()).toBeUndefined();
    kept.resolve();
    await world.env.complete(done, 'the build');
    expect(world.guest()?.power).toBe('running');
  });

  it.each([
    ['ensureImage', 'no-space', 'no-space'],
    ['createOverlay', 'image-refused', 'image-refused'],
    ['createBlank', 'failed', 'hypervisor'],
    ['createConfigDrive', 'no-space', 'no-space'],
    ['plug', 'failed', 'hypervisor'],
    ['ensureNetwork', 'timeout', 'timeout'],
    ['create', 'connection-lost', 'host-unreachable'],
  ] as const)('whose %s fails with %s starts nothing', async (call, code, told) => {
    world.host.faults.next(call, new HypervisorFault(code, 'the test says no'));
    expect(await world.faultOf('node.build')).toBe(told);
    expect(world.guest()).toBeUndefined();
    expect(await world.faultOf('node.build')).toBeUndefined();
  });

  it('on a network that is gone says which', async () => {
    world.networkIds = [];
    const done = world.executor().perform(world.order('node.build'), signal);
    await expect(world.env.complete(done, 'the build')).rejects.toMatchObject({
      code: 'network',
      message: `network ${networkId} is not there any more`,
    });
  });

  it('whose reply is lost finds its guest when it is asked again', async () => {
    world.host.faults.loseReply('create');
    expect(await world.faultOf('node.build')).toBe('host-unreachable');
    const { incarnation } = world.host.guests.find(serverId)!;
    expect(await world.perform('node.build')).toEqual(running);
    expect(world.host.guests.find(serverId)?.incarnation).toBe(incarnation);
  });

  it('that is given up waits for no image and starts nothing', async () => {
    const release = world.host.faults.hang('ensureImage');
    const abort = new AbortController();
    const done = world.executor().perform(world.order('node.build'), abort.signal);
    await world.env.settle();
    abort.abort();
    await expect(world.env.complete(done, 'the build')).rejects.toThrow('given up for a later one');
    release();
    await world.env.settle();
    expect(world.guest()).toBeUndefined();
  });
});

describe('a stop', () => {
  it('waits for the guest, and hears of its end at once', async () => {
    world.dispose();
    world = new NodeWorld({ shutdownMs: 2_500 });
    await world.perform('node.build');
    await world.perform('node.stop');
    expect(world.env.clock.monotonic()).toBe(2_500);
  });

  it('notices the end within a second when nobody tells', async () => {
    world.dispose();
    world = new NodeWorld({ shutdownMs: 2_500 });
    await world.perform('node.build');
    world.host.faults.loseEvents(1);
    await world.perform('node.stop');
    expect(world.env.clock.monotonic()).toBe(3_000);
  });

  it('pulls the plug of a guest that ignores its button, after the grace', async () => {
    await world.perform('node.build');
    world.host.heedShutdown(serverId, false);
    expect(await world.perform('node.stop', { graceMs: 5_000 })).toEqual(shutDown);
    expect(world.env.clock.monotonic()).toBe(5_000);
    expect(world.guest()).toBeUndefined();
  });

  it('pulls the plug at once when a later order waits', async () => {
    await world.perform('node.build');
    world.host.heedShutdown(serverId, false);
    const abort = new AbortController();
    const done = world.executor().perform(world.order('node.stop'), abort.signal);
    await world.env.settle();
    abort.abort();
    await world.env.complete(done, 'the stop', 1_000);
    expect(world.guest()).toBeUndefined();
  });

  it('does not ask a paused guest', async () => {
    await world.perform('node.build');
    await world.perform('node.pause');
    await world.perform('node.stop');
    expect(world.env.clock.monotonic()).toBe(0);
  });

  it('is done when the guest goes between the look and the button', async () => {
    await world.perform('node.build');
    world.host.faults.next('shutdown', new HypervisorFault('guest-not-found', 'it went'));
    world.env.timers.after(500, () => world.host.powerOffGuest(serverId));
    expect(await world.perform('node.stop')).toEqual(shutDown);
  });

  it('leaves disks, tap and grant for the next start', async () => {
    await world.perform('node.build');
    await world.perform('node.stop');
    expect(world.left()).toEqual(['files', 'tap', 'grant']);
  });
});

describe('a reboot', () => {
  it('soft gives the guest its grace, hard does not', async () => {
    await world.perform('node.build');
    world.host.heedShutdown(serverId, false);
    await world.perform('node.reboot', { graceMs: 5_000 });
    expect(world.env.clock.monotonic()).toBe(5_000);
    await world.perform('node.reboot', hardReboot);
    expect(world.env.clock.monotonic()).toBe(5_000);
    expect(world.host.guests.find(serverId)?.incarnation).toBe(3);
  });

  it('hard starts a guest that is suspended without its memory', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    await world.perform('node.reboot', hardReboot);
    expect({ guest: world.guest()?.power, saved: world.hasSavedMemory() }).toEqual({
      guest: 'running',
      saved: false,
    });
  });
});

describe('suspend and resume', () => {
  it('keep the memory in between and only then', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    expect({ guest: world.guest(), saved: world.hasSavedMemory() }).toEqual({
      guest: undefined,
      saved: true,
    });
    await world.perform('node.resume');
    expect({
      boots: world.host.guests.find(serverId)?.boots,
      saved: world.hasSavedMemory(),
    }).toEqual({
      boots: 1,
      saved: false,
    });
  });

  it('without a memory file boot the guest', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    await world.machine.storage.removeSavedMemory(serverId);
    expect(await world.perform('node.resume')).toEqual(running);
    expect(world.guest()?.power).toBe('running');
  });

  it.each(['node.suspend', 'node.pause', 'node.unpause'] as const)(
    '%s of a guest that does not run is refused',
    async (type) => {
      await world.perform('node.build');
      await world.perform('node.stop');
      expect(await world.faultOf(type)).toBe('not-found');
    },
  );

  it('whose replies are lost are found done', async () => {
    await world.perform('node.build');
    world.host.faults.loseReply('save');
    expect(await world.faultOf('node.suspend')).toBe('host-unreachable');
    expect(await world.perform('node.suspend')).toEqual(shutDown);
    world.host.faults.loseReply('restore');
    expect(await world.faultOf('node.resume')).toBe('host-unreachable');
    expect(await world.perform('node.resume')).toEqual(running);
    expect(world.hasSavedMemory()).toBe(false);
  });

  it('never go back to memory of before a start: the disk has changed since', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    await world.perform('node.start');
    expect(world.hasSavedMemory()).toBe(false);
    world.host.killGuest(serverId);
    expect(await world.faultOf('node.suspend')).toBe('not-found');
  });
});

describe('a destroy', () => {
  it('leaves nothing but the tombstone, whatever was there', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    expect(await world.perform('node.destroy')).toEqual({ power: 'nostate', stopped: true });
    expect(world.left()).toEqual([]);
    expect(await world.faultOf('node.build')).toBe('stale-grant');
  });

  it('of what never was is done, and nothing can come of it later', async () => {
    await world.perform('node.destroy');
    expect(await world.faultOf('node.build')).toBe('stale-grant');
    expect(world.left()).toEqual([]);
  });

  it.each(['destroy', 'unplug', 'removeGuest'] as const)(
    'that fails at %s keeps the grant open and is done by the next one',
    async (call) => {
      await world.perform('node.build');
      world.host.faults.next(call, new HypervisorFault('failed', 'the test says no'));
      expect(await world.faultOf('node.destroy')).toBe('hypervisor');
      expect(world.open()).toBe(1);
      await world.perform('node.destroy');
      expect(world.left()).toEqual([]);
    },
  );

  it('takes a guest of an older grant away, too', async () => {
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 });
    await world.perform('node.destroy', { runEpoch: 2 });
    expect(world.left()).toEqual([]);
    expect(world.host.ports.has(portId)).toBe(false);
  });
});

describe('a rebuild', () => {
  const disk = (name = 'disk') => world.host.files.find(serverId, `${name}.qcow2`);
  const anew: Partial<NodeOrder> = { plan: { ...plan, image: otherImage } };

  beforeEach(() => world.perform('node.build'));

  it('makes root, ephemeral and swap disk anew, from the new image', async () => {
    const before = [disk(), disk('disk.eph0'), disk('disk.swap')];
    await world.perform('node.rebuild', anew);
    expect(disk()?.base).toContain(otherImage.id);
    for (const [index, name] of ['disk', 'disk.eph0', 'disk.swap'].entries())
      expect(disk(name)).not.toBe(before[index]);
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 1 });
  });

  it('keeps the extra disks if it is told to', async () => {
    const before = [disk('disk.eph0'), disk('disk.swap')];
    await world.perform('node.rebuild', { ...anew, keepsExtraDisks: true });
    expect([disk('disk.eph0'), disk('disk.swap')]).toEqual(before);
    expect(disk('disk.eph0')).toBe(before[0]);
  });

  it('of a server that is off leaves it off', async () => {
    await world.perform('node.stop');
    const off: Partial<NodeOrder> = { ...anew, isOff: true };
    expect(await world.perform('node.rebuild', off)).toEqual(shutDown);
    expect(world.guest()).toBeUndefined();
    expect(disk()?.base).toContain(otherImage.id);
  });

  it('whose image can not be had leaves guest and disks as they were', async () => {
    const before = disk();
    world.host.faults.next('ensureImage', new HypervisorFault('image-refused', 'not that one'));
    expect(await world.faultOf('node.rebuild', anew)).toBe('image-refused');
    expect(disk()).toBe(before);
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 1 });
  });
});

describe('a rescue', () => {
  const rescueDisk = () => world.host.files.find(serverId, 'disk.rescue.qcow2');

  beforeEach(() => world.perform('node.build'));

  it('boots a disk of its own beside the root disk, and unrescue takes it away', async () => {
    const root = world.host.files.find(serverId, 'disk.qcow2');
    await world.perform('node.rescue');
    expect(rescueDisk()?.base).toContain(otherImage.id);
    await world.perform('node.unrescue');
    expect(rescueDisk()).toBeUndefined();
    expect(world.host.files.find(serverId, 'disk.qcow2')).toBe(root);
  });

  it('that was left by a hard reboot leaves no disk', async () => {
    await world.perform('node.rescue');
    await world.perform('node.reboot', hardReboot);
    expect(rescueDisk()).toBeUndefined();
  });
});

describe('a snapshot', () => {
  const copy = () => world.host.files.find(serverId, 'snapshot.qcow2');

  beforeEach(() => world.perform('node.build'));

  it('is a copy of the root disk, whole in itself, and the guest runs on', async () => {
    await world.perform('node.snapshot');
    expect(copy()).toMatchObject({ virtualSizeBytes: 1024 ** 3, base: undefined });
    expect(world.guest()?.power).toBe('running');
    await world.perform('node.upload-snapshot');
    expect(world.given.get('image-1')).toBeGreaterThan(196_608);
    await world.perform('node.drop-snapshot');
    expect(copy()).toBeUndefined();
  });

  it('that was cut off while the guest stood still lets it go on the next time', async () => {
    await world.perform('node.pause');
    expect(await world.perform('node.snapshot')).toEqual(running);
    expect(world.guest()?.power).toBe('running');
  });

  it('of a guest that its owner has paused leaves it paused, and of one that is off leaves it off', async () => {
    await world.perform('node.pause');
    const still: Partial<NodeOrder> = { isRunning: false };
    expect(await world.perform('node.snapshot', still)).toMatchObject({ power: 'paused' });
    await world.perform('node.stop');
    expect(await world.perform('node.snapshot', still)).toMatchObject({ power: 'shutdown' });
    expect(copy()).toBeDefined();
  });

  it.each(['copyDisk', 'flattenDisk'] as const)(
    'that fails at %s leaves no copy, and the guest runs on',
    async (call) => {
      world.host.faults.next(call, new HypervisorFault('no-space', 'the disk is full'));
      expect(await world.faultOf('node.snapshot')).toBe('no-space');
      expect(copy()).toBeUndefined();
      expect(world.guest()?.power).toBe('running');
    },
  );
});
