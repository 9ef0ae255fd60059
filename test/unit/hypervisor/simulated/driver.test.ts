// What the contract suite cannot ask of a real hypervisor: trouble on order, in virtual time.

import { beforeEach, describe, expect, test } from 'vitest';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestEvent, GuestSpec } from '#hypervisor/port.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { simulatedSpec } from '#test/support/simulated-specs.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';

let env: VirtualEnv;
let host: SimulatedHost;
let driver: SimulatedHypervisor;
let events: GuestEvent[];
let spec: GuestSpec;

beforeEach(() => {
  env = createVirtualEnv({ seed: 1 });
  host = new SimulatedHost({ env });
  driver = new SimulatedHypervisor(host);
  events = [];
  driver.subscribe((event) => events.push(event));
  spec = simulatedSpec(host, 1);
});

function typesHeard(): readonly string[] {
  return events.map((event) => event.type);
}

const broken = new HypervisorFault('failed', 'the host is on fire');

describe('a planned fault', () => {
  test('fails the next call of its kind, which then did nothing', async () => {
    host.faults.next('create', broken);
    await expect(driver.create(spec)).rejects.toBe(broken);
    expect(await driver.find(spec.id)).toBeUndefined();
    expect((await driver.create(spec)).power).toBe('running');
  });

  test('that loses the reply leaves the work done', async () => {
    host.faults.loseReply('create');
    await expect(driver.create(spec)).rejects.toMatchObject({ code: 'connection-lost' });
    expect((await driver.find(spec.id))?.power).toBe('running');
    expect(typesHeard()).toContain('guest.started');
  });

  test('that delays lets the call end after that time, and not before', async () => {
    host.faults.next('create', { kind: 'delay', delayMs: 500 });
    const created = driver.create(spec);
    await env.advance(499);
    expect(typesHeard()).toEqual([]);
    await env.advance(1);
    expect((await created).power).toBe('running');
  });

  test('that hangs holds the call until it is let go', async () => {
    const release = host.faults.hang('create');
    const created = driver.create(spec);
    await env.advance(3_600_000);
    expect(await driver.find(spec.id)).toBeUndefined();
    release();
    expect((await created).power).toBe('running');
  });

  test('waits for its turn behind those planned before it', async () => {
    const second = new HypervisorFault('timeout', 'second');
    host.faults.next('pause', broken);
    host.faults.next('pause', second);
    await driver.create(spec);
    await expect(driver.pause(spec.id)).rejects.toBe(broken);
    await expect(driver.pause(spec.id)).rejects.toBe(second);
    await driver.pause(spec.id);
  });

  test('can be taken back', async () => {
    host.faults.next('create', broken);
    host.faults.clear();
    expect((await driver.create(spec)).power).toBe('running');
  });

  test('also befalls storage', async () => {
    const storage = new SimulatedStorage(host);
    host.faults.next('createBlank', new HypervisorFault('no-space', 'full'));
    const disk = { guestId: spec.id, name: 'extra', sizeBytes: 1 };
    await expect(storage.createBlank(disk)).rejects.toMatchObject({ code: 'no-space' });
    expect(host.files.has(storage.diskPath(disk))).toBe(false);
  });
});

describe('a lost connection', () => {
  test('fails a call that hangs, whose work may still be done', async () => {
    const release = host.faults.hang('create');
    const created = driver.create(spec);
    await env.settle();
    host.loseConnection('cable cut');
    await expect(created).rejects.toMatchObject({ code: 'connection-lost', retryable: true });
    host.restoreConnection();
    release();
    await env.settle();
    expect((await driver.find(spec.id))?.power).toBe('running');
  });

  test('hides what happens meanwhile; relisting shows it', async () => {
    await driver.create(spec);
    events = [];
    host.loseConnection();
    host.powerOffGuest(spec.id);
    host.restoreConnection();
    expect(typesHeard()).toEqual(['connection.down', 'connection.up']);
    expect(await driver.list()).toEqual([]);
  });

  test('is told once, however often it is lost', () => {
    host.loseConnection();
    host.loseConnection();
    host.restoreConnection();
    host.restoreConnection();
    expect(typesHeard()).toEqual(['connection.down', 'connection.up']);
  });
});

test('events can get lost without the connection', async () => {
  await driver.create(spec);
  events = [];
  host.faults.loseEvents(1);
  await driver.pause(spec.id);
  await driver.resume(spec.id);
  expect(typesHeard()).toEqual(['guest.resumed']);
});

describe('shutdown', () => {
  beforeEach(() => {
    host = new SimulatedHost({ env, shutdownMs: 2_000 });
    driver = new SimulatedHypervisor(host);
    driver.subscribe((event) => events.push(event));
    spec = simulatedSpec(host, 1);
  });

  test('takes the time that it takes', async () => {
    await driver.create(spec);
    await driver.shutdown(spec.id);
    await env.advance(1_999);
    expect((await driver.find(spec.id))?.power).toBe('running');
    await env.advance(1);
    expect(await driver.find(spec.id)).toBeUndefined();
    expect(events.at(-1)).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'shutdown' });
  });

  test('of a stubborn guest does nothing', async () => {
    await driver.create(spec);
    host.heedShutdown(spec.id, false);
    await driver.shutdown(spec.id);
    await env.advance(60_000);
    expect((await driver.find(spec.id))?.power).toBe('running');
    host.heedShutdown(spec.id, true);
    await driver.shutdown(spec.id);
    await env.advance(60_000);
    expect(await driver.find(spec.id)).toBeUndefined();
  });

  test('does not reach a later run of the same guest', async () => {
    await driver.create(spec);
    await driver.shutdown(spec.id);
    await driver.destroy(spec.id);
    await driver.create(spec);
    await env.advance(60_000);
    expect((await driver.find(spec.id))?.power).toBe('running');
  });

  test('is not heard by a paused guest', async () => {
    await driver.create(spec, { paused: true });
    await driver.shutdown(spec.id);
    await env.advance(60_000);
    expect((await driver.find(spec.id))?.power).toBe('paused');
  });
});

describe('a host', () => {
  test('takes as long for a call as it is set to', async () => {
    const latencyMs = (operation: string): number => (operation === 'create' ? 50 : 0);
    const slow = new SimulatedHypervisor(new SimulatedHost({ env, latencyMs }));
    let failed = false;
    slow.create(spec).catch(() => (failed = true));
    await env.advance(49);
    expect(failed).toBe(false);
    await env.advance(1);
    expect(failed).toBe(true);
  });

  test('that loses power runs nothing afterwards, and told nobody', async () => {
    await driver.create(spec);
    events = [];
    host.losePower();
    host.restoreConnection();
    expect(await driver.list()).toEqual([]);
    expect(typesHeard()).toEqual(['connection.down', 'connection.up']);
    expect((await driver.create(spec)).power).toBe('running');
  });

  test('knows crashes from deaths', async () => {
    await driver.create(spec);
    host.crashGuest(spec.id);
    expect(events.at(-1)).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'crashed' });
    expect(() => host.crashGuest(spec.id)).toThrow(HypervisorFault);
  });

  test('describes itself as it was set up', async () => {
    const small = new SimulatedHost({ env, cpus: 2, memoryMiB: 2_048, diskGiB: 3 });
    expect(await new SimulatedHypervisor(small).hostInfo()).toMatchObject({
      hypervisorType: 'QEMU',
      cpus: 2,
      memoryMiB: 2_048,
    });
    expect(await new SimulatedStorage(small).capacity()).toEqual({
      totalBytes: 3 * 1024 ** 3,
      freeBytes: 3 * 1024 ** 3,
    });
  });

  test('finds names taken among many guests, and free again', async () => {
    for (let number = 1; number <= 600; number += 1) {
      await driver.create(simulatedSpec(host, number));
    }
    const twin = simulatedSpec(host, 601, { name: 'instance-7' });
    await expect(driver.create(twin)).rejects.toMatchObject({ code: 'guest-exists' });
    await driver.destroy(simulatedSpec(host, 7).id);
    expect((await driver.create(twin)).name).toBe('instance-7');
  });
});

describe('memory of a suspended guest', () => {
  test('takes space, and a full disk refuses it and leaves the guest as it was', async () => {
    const { savedMemory } = new SimulatedStorage(host).paths(spec.id);
    await driver.create(spec);
    events = [];
    host.files.resize(1024 ** 2);
    await expect(driver.save(spec.id, savedMemory)).rejects.toMatchObject({ code: 'no-space' });
    expect(host.files.has(savedMemory)).toBe(false);
    expect((await driver.find(spec.id))?.power).toBe('running');
    expect(typesHeard()).toEqual(['guest.paused', 'guest.resumed']);
    host.files.resize(1024 ** 3);
    await driver.save(spec.id, savedMemory);
    expect(host.files.freeBytes).toBe(1024 ** 3 - 128 * 1024 ** 2);
  });
});

describe('a console log', () => {
  test('says who boots, with what, and that it is simulated', async () => {
    const mac = 'fa:16:3e:00:00:01';
    const port = {
      id: '00000000-0000-4000-8000-00000000aaaa',
      networkId: 'n',
      mac,
      fixedIps: [{ subnetId: 's', address: '10.0.0.5' }],
      hostname: 'vm1',
    };
    host.ports.set(port.id, port);
    const nic = { mac, bridge: 'br0', tap: 'tap0', model: 'virtio' } as const;
    await driver.create({ ...spec, interfaces: [nic] });
    const text = new TextDecoder().decode(await driver.consoleOutput(spec, 65_536));
    for (const part of ['simulated', 'instance-1 login:', mac, '10.0.0.5', '131072K', '1 CPU']) {
      expect(text).toContain(part);
    }
  });

  test('is bounded', async () => {
    await driver.create(spec);
    const console = await driver.openConsole(spec.id);
    for (let count = 0; count < 80; count += 1) {
      await console.write(new TextEncoder().encode('x'.repeat(1_000)));
    }
    expect(await driver.consoleOutput(spec, 1e9)).toHaveLength(65_536);
  });

  test('is forgotten with the guest’s files', async () => {
    await driver.create(spec);
    await driver.destroy(spec.id);
    expect((await driver.consoleOutput(spec, 10)).length).toBe(10);
    await new SimulatedStorage(host).removeGuest(spec.id);
    expect((await driver.consoleOutput(spec, 10)).length).toBe(0);
  });
});
