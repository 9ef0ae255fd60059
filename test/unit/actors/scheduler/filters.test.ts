import { describe, expect, test } from 'vitest';
import { filterNames, filtersInForce } from '#actors/scheduler/filters/all.ts';
import { availabilityZoneFilter } from '#actors/scheduler/filters/availability-zone.ts';
import { computeFilter, upFilter } from '#actors/scheduler/filters/compute.ts';
import { differentHostFilter } from '#actors/scheduler/filters/different-host.ts';
import type { Filter } from '#actors/scheduler/filters/filter.ts';
import { imagePropertiesFilter } from '#actors/scheduler/filters/image-properties.ts';
import { diskFilter, ramFilter, vcpuFilter } from '#actors/scheduler/filters/resources.ts';
import { requestedHostFilter } from '#actors/scheduler/filters/requested-host.ts';
import { sameHostFilter } from '#actors/scheduler/filters/same-host.ts';
import { triedHostFilter } from '#actors/scheduler/filters/tried-host.ts';
import type { HostView } from '#actors/scheduler/host-view.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import { context, flavor, hostView, image, resource, spec } from './host-samples.ts';

const asked = (
  filter: Filter,
  host: Partial<HostView> = {},
  request: Partial<RequestSpec> = {},
  servers: Record<string, string> = {},
) => filter.refuse(hostView('h1', host), spec(request), context(servers));

test('a usual host and a usual request pass every filter', () => {
  const filters = filtersInForce({ filters: filterNames });
  expect(filters.map((filter) => asked(filter))).toEqual(filters.map(() => undefined));
});

test('the settings name the filters in force; a name that is none is told, with those that are', () => {
  expect(filtersInForce({ filters: ['IoOpsFilter'] }).map(({ name }) => name)).toEqual([
    'RequestedHost',
    'RetryFilter',
    'ComputeFilter',
    'IoOpsFilter',
    'TraitsFilter',
    'CoreFilter',
    'RamFilter',
    'DiskFilter',
    'ResourceClassFilter',
  ]);
  expect(() => filtersInForce({ filters: ['NoFilter'] })).toThrow('there is no filter NoFilter');
});

test('compute: the service must be enabled', () => {
  expect(asked(computeFilter, { enabled: false })).toBe('its compute service is disabled');
  expect(asked(computeFilter, { enabled: false, disabledReason: 'repair' })).toBe(
    'its compute service is disabled (repair)',
  );
});

test('compute: the host must answer and not be forced down', () => {
  expect(asked(upFilter, { isUp: false })).toBe('it does not answer');
  expect(asked(upFilter, { forcedDown: true })).toBe('an administrator has forced it down');
});

describe('resources', () => {
  test('memory is refused with what is needed, free and there', () => {
    const resources = { MEMORY_MB: resource(1024, 600) };
    expect(asked(ramFilter, { resources })).toBe('needs 512 MiB, has 424 MiB free of 1024 MiB');
    expect(asked(ramFilter, { resources: { MEMORY_MB: resource(1024, 512) } })).toBeUndefined();
  });

  test('disk counts root, ephemeral and swap rounded up', () => {
    const big = { ...flavor, diskGiB: 5, ephemeralGiB: 4, swapMiB: 1025 };
    expect(asked(diskFilter, { resources: { DISK_GB: resource(10) } }, { flavor: big })).toBe(
      'needs 11 GiB, gives at most 10 GiB to one server',
    );
    const resources = { DISK_GB: resource(20, 10) };
    expect(asked(diskFilter, { resources }, { flavor: big })).toBe(
      'needs 11 GiB, has 10 GiB free of 20 GiB',
    );
    const none = { ...flavor, diskGiB: 0 };
    expect(asked(diskFilter, { resources: {} }, { flavor: none })).toBeUndefined();
  });

  test('processors are refused with every kind of misfit', () => {
    const vcpu = { ...resource(64), inventory: { ...resource(4).inventory, allocationRatio: 16 } };
    const refused = (vcpus: number, inventory: Partial<typeof vcpu.inventory> = {}) =>
      asked(
        vcpuFilter,
        { resources: { VCPU: { ...vcpu, inventory: { ...vcpu.inventory, ...inventory } } } },
        { flavor: { ...flavor, vcpus } },
      );
    expect(refused(8)).toBe('needs 8 VCPU, gives at most 4 VCPU to one server');
    expect(refused(1, { minUnit: 2 })).toBe('needs 1 VCPU, gives at least 2 VCPU to one server');
    expect(refused(3, { stepSize: 2 })).toBe('needs 3 VCPU, gives multiples of 2 VCPU');
    expect(asked(vcpuFilter, { resources: {} })).toBe('needs 1 VCPU, offers none');
  });

  test('an inventory that shrank below its use has nothing free, not less', () => {
    expect(asked(ramFilter, { resources: { MEMORY_MB: resource(600, 700) } })).toBe(
      'needs 512 MiB, has 0 MiB free of 600 MiB',
    );
  });
});

describe('image properties', () => {
  const refused = (properties: Record<string, string>, host: Partial<HostView> = {}) =>
    asked(imagePropertiesFilter, host, { image: image(properties) });

  test('architecture, by whatever of its names', () => {
    expect(refused({ hw_architecture: 'aarch64' })).toBe(
      'the image needs architecture aarch64, the host has x86_64',
    );
    expect(refused({ hw_architecture: 'AMD64' })).toBeUndefined();
    expect(refused({ architecture: 'i386' })).toBe(
      'the image needs architecture i386, the host has x86_64',
    );
  });

  test('hypervisor type', () => {
    expect(refused({ img_hv_type: 'kvm' })).toBeUndefined();
    expect(refused({ hypervisor_type: 'xen' })).toBe(
      'the image needs hypervisor xen, the host has qemu, kvm',
    );
    const { hypervisor } = hostView('h1');
    expect(refused({ img_hv_type: 'kvm' }, { hypervisor: { ...hypervisor, type: 'fake' } })).toBe(
      'the image needs hypervisor kvm, the host has fake',
    );
  });

  test('machine mode', () => {
    expect(refused({ hw_vm_mode: 'hvm' })).toBeUndefined();
    expect(refused({ vm_mode: 'hv' })).toBeUndefined();
    expect(refused({ hw_vm_mode: 'xen' })).toBe(
      'the image needs machine mode xen, the host has hvm',
    );
  });

  test('no image and no properties pass', () => {
    expect(asked(imagePropertiesFilter)).toBeUndefined();
    expect(refused({})).toBeUndefined();
  });
});

test('availability zone: the host must be in the one that is asked for', () => {
  expect(asked(availabilityZoneFilter, {}, { availabilityZone: 'nova' })).toBeUndefined();
  expect(asked(availabilityZoneFilter, {}, { availabilityZone: 'z2' })).toBe(
    'the server asks for zone z2, the host is in nova',
  );
});

test('different host: none of the named servers may be there', () => {
  const hints = { different_host: ['a', 'b'] };
  expect(asked(differentHostFilter, {}, { hints }, { a: 'h2' })).toBeUndefined();
  expect(asked(differentHostFilter, {}, { hints }, { b: 'h1' })).toBe(
    'it holds server b, which the hint different_host names',
  );
});

test('same host: one of the named servers must be there', () => {
  const hints = { same_host: ['a', 'b'] };
  expect(asked(sameHostFilter, {}, { hints }, { b: 'h1' })).toBeUndefined();
  expect(asked(sameHostFilter, {}, { hints }, { b: 'h2' })).toBe(
    'it holds none of the servers that the hint same_host names: a, b',
  );
});

test('requested host: by its name or its hypervisor’s hostname', () => {
  expect(asked(requestedHostFilter, {}, { requestedHost: 'h1' })).toBeUndefined();
  expect(asked(requestedHostFilter, {}, { requestedHost: 'h1.example' })).toBeUndefined();
  expect(asked(requestedHostFilter, {}, { requestedHost: 'h2' })).toBe('the request names host h2');
});

test('a host that failed already is not tried again', () => {
  expect(asked(triedHostFilter, {}, { excludedHosts: ['h1'] })).toBe('it was tried and failed');
  expect(asked(triedHostFilter, {}, { excludedHosts: ['h2'] })).toBeUndefined();
});
