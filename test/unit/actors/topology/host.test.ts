import { describe, expect, test } from 'vitest';
import { hostInvariants, hostNumber } from '#actors/topology/core.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import type { HostCommand, HypervisorFacts } from '#actors/topology/protocol.ts';
import { runEntity } from '../run-entity.ts';

const hypervisor: HypervisorFacts = {
  hostname: 'h1.example',
  type: 'QEMU',
  version: 7_002_000,
  hostIp: '127.0.0.1',
  cpus: 2,
  memoryMiB: 4096,
  diskGiB: 50,
  architecture: 'x86_64',
  cpuModel: 'EPYC',
  cpuVendor: 'AMD',
  cpuTopology: { sockets: 1, cores: 2, threads: 1 },
  cpuFeatures: ['sse', 'avx'],
};
const register = (more: Partial<Extract<HostCommand, { type: 'host.register' }>> = {}) =>
  ({
    type: 'host.register',
    serviceId: 'svc',
    providerId: 'rp',
    hypervisor,
    availabilityZone: 'nova',
    ...more,
  }) as const satisfies HostCommand;

describe('a host', () => {
  test('keeps the ids of its first registration', () => {
    const host = runEntity(hostDefinition, 'h1');
    expect(host.send(register())).toEqual({ serviceId: 'svc', providerId: 'rp' });
    host.nowMs = 2_000;
    expect(
      host.send(
        register({ serviceId: 'x', providerId: 'y', hypervisor: { ...hypervisor, cpus: 4 } }),
      ),
    ).toEqual({ serviceId: 'svc', providerId: 'rp' });
    expect(host.state).toEqual({
      id: 'h1',
      registered: true,
      serviceId: 'svc',
      providerId: 'rp',
      number: hostNumber('h1'),
      hypervisor: { ...hypervisor, cpus: 4 },
      availabilityZone: 'nova',
      enabled: true,
      disabledReason: undefined,
      forcedDown: false,
      updatedAtMs: 2_000,
    });
  });

  test('that registers with nothing new, in whatever order of keys, stores nothing', () => {
    const host = runEntity(hostDefinition, 'h1');
    host.send(register());
    const reordered = Object.fromEntries(Object.entries(hypervisor).reverse());
    host.send(register({ hypervisor: reordered as HypervisorFacts }));
    expect(host.events).toHaveLength(1);
    host.send(register({ availabilityZone: 'other' }));
    expect(host.events).toHaveLength(2);
  });

  test('is disabled with a reason and loses it when enabled', () => {
    const host = runEntity(hostDefinition, 'h1');
    host.send(register());
    host.send({ type: 'host.set-enabled', enabled: false, reason: 'repair' });
    host.send({ type: 'host.set-enabled', enabled: false, reason: 'repair' });
    expect(host.state).toMatchObject({ enabled: false, disabledReason: 'repair' });
    host.send({ type: 'host.set-enabled', enabled: true, reason: 'ignored' });
    expect(host.state).toMatchObject({ enabled: true, disabledReason: undefined });
    expect(host.events).toHaveLength(3);
  });

  test('is forced down and up again, each once', () => {
    const host = runEntity(hostDefinition, 'h1');
    host.send(register());
    host.send({ type: 'host.force-down', forcedDown: true });
    host.send({ type: 'host.force-down', forcedDown: true });
    expect(host.state.forcedDown).toBe(true);
    host.send({ type: 'host.force-down', forcedDown: false });
    expect(host.events).toHaveLength(3);
  });

  test('that was taken out is as new, and gets the ids of its next registration', () => {
    const host = runEntity(hostDefinition, 'h1');
    host.send(register());
    host.send({ type: 'host.set-enabled', enabled: false });
    host.nowMs = 3_000;
    host.send({ type: 'host.unregister' });
    host.send({ type: 'host.unregister' });
    expect(host.state).toEqual({ ...hostDefinition.initial('h1'), updatedAtMs: 3_000 });
    expect(host.events).toHaveLength(3);
    expect(host.send(register({ serviceId: 'svc2', providerId: 'rp2' }))).toEqual({
      serviceId: 'svc2',
      providerId: 'rp2',
    });
  });

  test('that never registered is not found', () => {
    const host = runEntity(hostDefinition, 'h1');
    expect(host.refusal({ type: 'host.force-down', forcedDown: true })).toEqual({
      refused: 'host-not-found',
      detail: { host: 'h1' },
    });
  });
});

test('the number follows from the name, fits a signed 32-bit integer and rarely repeats', () => {
  expect(hostNumber('h1')).toBe(hostNumber('h1'));
  const numbers = Array.from({ length: 10_000 }, (_, i) =>
    hostNumber(`compute-${i}.cell1.example`),
  );
  expect(Math.min(...numbers)).toBeGreaterThan(0);
  expect(Math.max(...numbers)).toBeLessThan(2 ** 31);
  expect(new Set(numbers).size).toBeGreaterThan(9_995);
});

test('a registered host without what it needs is reported', () => {
  const host = runEntity(hostDefinition, 'h1');
  expect(hostInvariants(host.state)).toEqual([]);
  host.send(register());
  expect(
    hostInvariants({
      ...host.state,
      serviceId: '',
      number: 1,
      hypervisor: undefined,
      disabledReason: 'x',
    }),
  ).toEqual([
    'registered without ids',
    'number 1 is not its name’s',
    'registered without a hypervisor',
    'enabled, but with a reason for being disabled',
  ]);
});
