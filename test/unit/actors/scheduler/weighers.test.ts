import { describe, expect, it } from 'vitest';
import { defaultSchedulerSettings } from '#actors/scheduler/settings.ts';
import { allWeighers } from '#actors/scheduler/weighers/all.ts';
import { buildFailureWeigher } from '#actors/scheduler/weighers/build-failure.ts';
import { cpuWeigher } from '#actors/scheduler/weighers/cpu.ts';
import { crossCellWeigher } from '#actors/scheduler/weighers/cross-cell.ts';
import { diskWeigher } from '#actors/scheduler/weighers/disk.ts';
import { hypervisorVersionWeigher } from '#actors/scheduler/weighers/hypervisor-version.ts';
import { imagePropertiesWeigher } from '#actors/scheduler/weighers/image-properties.ts';
import { ioOpsWeigher } from '#actors/scheduler/weighers/io-ops.ts';
import { metricsWeigher } from '#actors/scheduler/weighers/metrics.ts';
import { numInstancesWeigher } from '#actors/scheduler/weighers/num-instances.ts';
import { pciWeigher } from '#actors/scheduler/weighers/pci.ts';
import { ramWeigher } from '#actors/scheduler/weighers/ram.ts';
import { softAffinityWeigher } from '#actors/scheduler/weighers/soft-affinity.ts';
import { softAntiAffinityWeigher } from '#actors/scheduler/weighers/soft-anti-affinity.ts';
import {
  multiplierOf,
  type Weigher,
  weighEach,
  weightOf,
} from '#actors/scheduler/weighers/weigher.ts';
import type { HostView } from '#actors/scheduler/host-view.ts';
import { aggregate, context, hostView, image, resource, spec } from './host-samples.ts';

const figure = (weigher: Weigher, host: Partial<HostView>, around = context()): number =>
  weigher.weigh(hostView('h1', host), spec(), around);
const withFree = (host: string, memory: number, cpus = 64): HostView =>
  hostView(host, {
    resources: {
      VCPU: resource(64, 64 - cpus),
      MEMORY_MB: resource(8192, 8192 - memory),
      DISK_GB: resource(40),
    },
  });
const weigh = (hosts: readonly HostView[], weighers: readonly Weigher[], around = context()) =>
  weighEach(hosts, weighers, { spec: spec(), context: around }).map(weightOf);

describe('the figure of', () => {
  it('memory, processors and disk is what is left of them', () => {
    const host = withFree('a', 1000, 10);
    expect([ramWeigher, cpuWeigher, diskWeigher].map((one) => figure(one, host))).toEqual([
      1000, 10, 40,
    ]);
    expect(figure(ramWeigher, { resources: {} })).toBe(0);
  });

  it('servers, busy servers, failed builds and the hypervisor is what the host has of them', () => {
    const host = { instances: 7, ioOps: 3, failedBuilds: 2 };
    expect(
      [numInstancesWeigher, ioOpsWeigher, buildFailureWeigher, hypervisorVersionWeigher].map(
        (one) => figure(one, host),
      ),
    ).toEqual([7, 3, -2, 7_002_000]);
    expect(figure(crossCellWeigher, host)).toBe(0);
  });

  it('PCI is the less, the more devices are left, and never nothing', () => {
    const pciAliases = [{ name: 'gpu', resourceClass: 'CUSTOM_GPU' }];
    const of = (free: number): number =>
      figure(
        pciWeigher,
        { resources: { CUSTOM_GPU: resource(free) } },
        context({}, { settings: { pciAliases } }),
      );
    expect([of(0), of(10), of(5000)]).toEqual([100, 90, 1]);
  });

  it('metrics is their sum by the settings’ ratios, or what stands for those that are not told', () => {
    const around = context({}, { settings: { metricWeights: { load: -2, idle: 1 } } });
    expect(figure(metricsWeigher, { metrics: { load: 3, idle: 10 } }, around)).toBe(4);
    expect(figure(metricsWeigher, { metrics: { load: 3 } }, around)).toBe(-10_000);
    expect(figure(metricsWeigher, {})).toBe(0);
  });

  it('soft policies is how many of the group’s servers are there', () => {
    const group = (policy: 'soft-affinity' | 'soft-anti-affinity') =>
      context({}, { group: { policy, maxServerPerHost: 1, hosts: new Map([['h1', 2]]) } });
    expect(figure(softAffinityWeigher, {}, group('soft-affinity'))).toBe(2);
    expect(figure(softAffinityWeigher, {}, group('soft-anti-affinity'))).toBe(0);
    expect(figure(softAntiAffinityWeigher, {}, group('soft-anti-affinity'))).toBe(-2);
    expect(figure(softAntiAffinityWeigher, {})).toBe(0);
  });

  it('image properties is how many servers there share them', () => {
    const host = hostView('h1', { imageProperties: new Map([['os_distro=debian', 3]]) });
    const asked = spec({ image: image({ os_distro: 'debian', hw_disk_bus: 'scsi' }) });
    expect(imagePropertiesWeigher.weigh(host, asked, context())).toBe(3);
  });
});

describe('weights', () => {
  const hosts = [withFree('a', 1000, 10), withFree('b', 2000, 30), withFree('c', 4000, 20)];

  it('bring figures to 0…1, from 0 where the weigher begins there, multiply and add', () => {
    expect(weigh(hosts, [ramWeigher])).toEqual([0.25, 0.5, 1]);
    expect(weigh(hosts, [ramWeigher, cpuWeigher])).toEqual([0.25 + 10 / 30, 0.5 + 1, 1 + 20 / 30]);
    const weights = { ...defaultSchedulerSettings.weights, ram: -2 };
    expect(weigh(hosts, [ramWeigher], context({}, { settings: { weights } }))).toEqual([
      -0.5, -1, -2,
    ]);
    expect(weigh([], [ramWeigher])).toEqual([]);
  });

  it('begin at the least figure of the hosts for the other weighers, and equal ones count for nothing', () => {
    const failing = [0, 1, 4].map((failedBuilds, i) => hostView(`h${i}`, { failedBuilds }));
    expect(weigh(failing, [buildFailureWeigher])).toEqual([1_000_000, 750_000, 0]);
    expect(weigh(hosts, [hypervisorVersionWeigher])).toEqual([0, 0, 0]);
  });

  it('take the multiplier of the host’s aggregates, the least of several', () => {
    const key = 'ram_weight_multiplier';
    const aggregates = [aggregate({ [key]: '3.5' }), aggregate({ [key]: '0.5' })];
    const { settings } = context();
    expect(multiplierOf(ramWeigher, hostView('h', { aggregates }), settings)).toBe(0.5);
    expect(multiplierOf(ramWeigher, hostView('h'), settings)).toBe(1);
    const odd = [aggregate({ [key]: 'much' }), aggregate({ [key]: ' ' })];
    expect(multiplierOf(ramWeigher, hostView('h', { aggregates: odd }), settings)).toBe(1);
  });
});

it('every weigher has a name and a key of its own', () => {
  const names = new Set(allWeighers.flatMap(({ name, aggregateKey }) => [name, aggregateKey]));
  expect(names.size).toBe(2 * allWeighers.length);
});
