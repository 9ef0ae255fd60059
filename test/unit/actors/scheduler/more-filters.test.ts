// The filters of Nova that look at extra specs, aggregates, load and settings; those of every day are in filters.test.ts.
import { describe, expect, it } from 'vitest';
import { aggregateImagePropertiesIsolationFilter } from '#actors/scheduler/filters/aggregate-image-properties-isolation.ts';
import { aggregateInstanceExtraSpecsFilter } from '#actors/scheduler/filters/aggregate-instance-extra-specs.ts';
import { aggregateIoOpsFilter } from '#actors/scheduler/filters/aggregate-io-ops.ts';
import { aggregateMultiTenancyIsolationFilter } from '#actors/scheduler/filters/aggregate-multi-tenancy-isolation.ts';
import { aggregateNumInstancesFilter } from '#actors/scheduler/filters/aggregate-num-instances.ts';
import { aggregateTypeAffinityFilter } from '#actors/scheduler/filters/aggregate-type-affinity.ts';
import { computeCapabilitiesFilter } from '#actors/scheduler/filters/compute-capabilities.ts';
import type { Filter } from '#actors/scheduler/filters/filter.ts';
import { imagePropertiesFilter } from '#actors/scheduler/filters/image-properties.ts';
import { ioOpsFilter } from '#actors/scheduler/filters/io-ops.ts';
import { isolatedHostsFilter } from '#actors/scheduler/filters/isolated-hosts.ts';
import { jsonFilter } from '#actors/scheduler/filters/json.ts';
import { metricsFilter } from '#actors/scheduler/filters/metrics.ts';
import { numInstancesFilter } from '#actors/scheduler/filters/num-instances.ts';
import { numaTopologyFilter } from '#actors/scheduler/filters/numa-topology.ts';
import { pciPassthroughFilter } from '#actors/scheduler/filters/pci-passthrough.ts';
import { customResourceFilter, vcpuFilter } from '#actors/scheduler/filters/resources.ts';
import { serverGroupAffinityFilter } from '#actors/scheduler/filters/server-group-affinity.ts';
import { serverGroupAntiAffinityFilter } from '#actors/scheduler/filters/server-group-anti-affinity.ts';
import { simpleCidrAffinityFilter } from '#actors/scheduler/filters/simple-cidr-affinity.ts';
import { traitsFilter } from '#actors/scheduler/filters/traits.ts';
import type { HostView } from '#actors/scheduler/host-view.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import type { SchedulerSettings } from '#actors/scheduler/settings.ts';
import { meets } from '#actors/scheduler/spec-operators.ts';
import { aggregate, context, flavor, hostView, image, resource, spec } from './host-samples.ts';

interface Case {
  readonly host?: Partial<HostView>;
  readonly request?: Partial<RequestSpec>;
  readonly settings?: Partial<SchedulerSettings>;
}

function ask(filter: Filter, { host = {}, request = {}, settings = {} }: Case): string | undefined {
  return filter.refuse(hostView('h1', host), spec(request), context({}, { settings }));
}
const withSpecs = (extraSpecs: Record<string, string>): Partial<RequestSpec> => ({
  flavor: { ...flavor, extraSpecs },
});
const inAggregates = (...metadata: Record<string, string>[]): Partial<HostView> => ({
  aggregates: metadata.map(aggregate),
});

describe('requirements of extra specs', () => {
  it.each([
    ['5', '= 4', true],
    ['3', '= 4', false],
    ['4', '== 4', true],
    ['4', '!= 4', false],
    ['10', '>= 9', true],
    ['10', '<= 9', false],
    ['abc', 's== abc', true],
    ['abc', 's!= abc', false],
    ['b', 's> a', true],
    ['b', 's>= c', false],
    ['b', 's< c', true],
    ['b', 's<= a', false],
    ['sse avx', '<in> avx', true],
    ['sse avx', '<all-in> avx sse', true],
    ['sse', '<all-in> avx sse', false],
    ['two', '<or> one <or> two', true],
    ['three', '<or> one <or> two', false],
    ['plain', 'plain', true],
    ['plain', 'other', false],
    ['x', '==', false],
    ['x', 'toString', false],
  ])('%s meets %s: %s', (value, requirement, answer) => {
    expect(meets(value, requirement)).toBe(answer);
  });
});

describe('resources and traits of the flavor', () => {
  it('take other classes than the usual ones, and more of them', () => {
    const request = withSpecs({ 'resources:CUSTOM_GPU': '2', 'resources1:CUSTOM_GPU': '1' });
    const resources = { ...hostView('h').resources, CUSTOM_GPU: resource(2) };
    expect(ask(customResourceFilter, { request })).toBe('needs 3 CUSTOM_GPU, offers none');
    expect(ask(customResourceFilter, { request, host: { resources } })).toBe(
      'needs 3 CUSTOM_GPU, gives at most 2 CUSTOM_GPU to one server',
    );
    const enough = { ...resources, CUSTOM_GPU: resource(3) };
    expect(ask(customResourceFilter, { request, host: { resources: enough } })).toBeUndefined();
  });

  it('take the place of the usual ones, and 0 takes them away', () => {
    const request = withSpecs({ 'resources:VCPU': '0' });
    expect(ask(vcpuFilter, { request, host: { resources: {} } })).toBeUndefined();
    const dedicated = withSpecs({ 'hw:cpu_policy': 'dedicated' });
    expect(ask(vcpuFilter, { request: dedicated })).toBeUndefined();
    expect(ask(customResourceFilter, { request: dedicated })).toBe('needs 1 PCPU, offers none');
  });

  it('require and forbid traits, the image too', () => {
    const request: Partial<RequestSpec> = {
      ...withSpecs({ 'trait:HW_A': 'required', 'trait:CUSTOM_OLD': 'forbidden' }),
      image: image({ 'trait:HW_B': 'required' }),
    };
    expect(ask(traitsFilter, { request })).toBe('lacks the required traits HW_A, HW_B');
    const traits = ['HW_A', 'HW_B', 'CUSTOM_OLD'];
    expect(ask(traitsFilter, { request, host: { traits } })).toBe(
      'has the forbidden traits CUSTOM_OLD',
    );
    expect(ask(traitsFilter, { request, host: { traits: ['HW_A', 'HW_B'] } })).toBeUndefined();
  });
});

it('compute capabilities: what the host is must meet the extra specs', () => {
  const refused = (extraSpecs: Record<string, string>) =>
    ask(computeCapabilitiesFilter, { request: withSpecs(extraSpecs) });
  expect(refused({ 'capabilities:hypervisor_type': 's== QEMU' })).toBeUndefined();
  expect(refused({ 'capabilities:cpu_info:vendor': 'Intel' })).toBe(
    'needs cpu_info:vendor Intel, has AMD',
  );
  expect(refused({ 'capabilities:cpu_info:topology:cores': '>= 2' })).toBeUndefined();
  expect(refused({ free_ram_mb: '>= 9999' })).toBe('needs free_ram_mb >= 9999, has 4096');
  expect(refused({ 'capabilities:no:such': '1' })).toBe('has no capability no:such');
  expect(refused({ 'hw:cpu_policy': 'shared', 'trait:X': 'required' })).toBeUndefined();
});

it('image properties: the settings say the architecture of images that don’t', () => {
  const settings = { defaultArchitecture: 'aarch64' };
  expect(ask(imagePropertiesFilter, { settings })).toBe(
    'the image needs architecture aarch64, the host has x86_64',
  );
  const request = { image: image({ hw_architecture: 'x86_64' }) };
  expect(ask(imagePropertiesFilter, { settings, request })).toBeUndefined();
});

it('simple CIDR affinity: the host’s address must be near the hinted one', () => {
  const refused = (hints: Record<string, string[]>) =>
    ask(simpleCidrAffinityFilter, { request: { hints } });
  expect(refused({})).toBeUndefined();
  expect(refused({ build_near_host_ip: ['127.0.0.200'] })).toBeUndefined();
  expect(refused({ build_near_host_ip: ['127.0.1.1'] })).toBe(
    'its address 127.0.0.1 is not in 127.0.1.1/24',
  );
  expect(refused({ build_near_host_ip: ['127.0.1.1'], cidr: ['/16'] })).toBeUndefined();
  expect(refused({ build_near_host_ip: ['127.0.1.1'], cidr: ['/99'] })).toContain('/99');
  expect(refused({ build_near_host_ip: ['nowhere'] })).toContain('nowhere');
  expect(refused({ build_near_host_ip: ['::1'] })).toContain('::1');
});

describe('aggregates', () => {
  it('must meet the flavor’s extra specs', () => {
    const request = withSpecs({ 'aggregate_instance_extra_specs:ssd': 'true', 'hw:x': '1' });
    const filter = aggregateInstanceExtraSpecsFilter;
    expect(ask(filter, { request })).toBe('is in no aggregate with ssd');
    expect(ask(filter, { request, host: inAggregates({ ssd: 'false' }) })).toBe(
      'needs an aggregate with ssd true, its aggregates have false',
    );
    const host = inAggregates({ ssd: 'false' }, { ssd: 'true' });
    expect(ask(filter, { request, host })).toBeUndefined();
  });

  it('keep images with another value of a property away', () => {
    const filter = aggregateImagePropertiesIsolationFilter;
    const host = inAggregates({ os_distro: 'debian, ubuntu', 'own.os_type': 'linux' });
    const request = { image: image({ os_distro: 'windows' }) };
    expect(ask(filter, { host, request })).toBe(
      'its aggregates take images with os_distro debian, ubuntu, this one has windows',
    );
    expect(ask(filter, { host })).toBeUndefined();
    expect(ask(filter, { host, request: { image: image({ os_distro: 'ubuntu' }) } })).toBe(
      undefined,
    );
    const settings = { imageIsolationNamespace: 'own' };
    expect(ask(filter, { host, request, settings })).toBeUndefined();
    expect(
      ask(filter, { host, settings, request: { image: image({ 'own.os_type': 'bsd' }) } }),
    ).toContain('own.os_type linux');
  });

  it('keep other projects away', () => {
    const filter = aggregateMultiTenancyIsolationFilter;
    expect(ask(filter, {})).toBeUndefined();
    expect(ask(filter, { host: inAggregates({ filter_tenant_id: 'p2,p3' }) })).toBe(
      'its aggregates are for the projects p2, p3',
    );
    const host = inAggregates({ filter_tenant_id: 'p2' }, { filter_tenant_id3: 'p1' });
    expect(ask(filter, { host })).toBeUndefined();
  });

  it('take only the flavors that they name', () => {
    const filter = aggregateTypeAffinityFilter;
    expect(ask(filter, {})).toBeUndefined();
    expect(ask(filter, { host: inAggregates({ instance_type: 'big, m1.tiny' }) })).toBe(undefined);
    expect(ask(filter, { host: inAggregates({ instance_type: 'big' }) })).toBe(
      'its aggregates take the flavors big, this one is m1.tiny',
    );
  });
});

it('busy hosts and full ones are refused by the settings’ limits, or their aggregates’', () => {
  const busy = { ioOps: 8, instances: 50 };
  expect(ask(ioOpsFilter, { host: { ioOps: 7 } })).toBeUndefined();
  expect(ask(ioOpsFilter, { host: busy })).toBe(
    '8 of its servers are being built or changed, 8 may be',
  );
  expect(ask(numInstancesFilter, { host: { instances: 49 } })).toBeUndefined();
  expect(ask(numInstancesFilter, { host: busy })).toBe('it has 50 servers, 50 may be');
  const roomy = {
    ...busy,
    ...inAggregates({ max_io_ops_per_host: '9', max_instances_per_host: '51' }),
  };
  expect(ask(aggregateIoOpsFilter, { host: roomy })).toBeUndefined();
  expect(ask(aggregateIoOpsFilter, { host: busy })).toContain('8 may be');
  expect(ask(aggregateNumInstancesFilter, { host: roomy })).toBeUndefined();
  expect(ask(aggregateNumInstancesFilter, { host: busy })).toContain('50 may be');
});

it.each([
  [true, ['h1'], ['i'], undefined],
  [true, ['h1'], [], 'it is for isolated images'],
  [true, [], ['i'], 'image i is for isolated hosts'],
  [true, [], [], undefined],
  [false, ['h1'], [], undefined],
  [false, [], ['i'], 'image i is for isolated hosts'],
])('isolated hosts: restricted %s, hosts %j, images %j', (restrict, hosts, images, answer) => {
  const settings = {
    isolatedHosts: hosts,
    isolatedImages: images,
    restrictIsolatedHostsToIsolatedImages: restrict,
  };
  expect(ask(isolatedHostsFilter, { settings, request: { image: image({}) } })).toBe(answer);
});

describe('a query in JSON', () => {
  const refused = (query: string) => ask(jsonFilter, { request: { hints: { query: [query] } } });

  it.each([
    '[]',
    '["=", "$host", "h1"]',
    '[">=", "$free_ram_mb", 1024]',
    '["and", [">", "$free_ram_mb", 1], ["<=", "$vcpus_used", 0]]',
    '["or", ["=", "$host", "h2"], ["=", "$cpu_info.vendor", "AMD"]]',
    '["not", ["=", "$host", "h2"]]',
    '["in", "$host", "h0", "h1"]',
    '["<", "$num_instances", 1, 2]',
  ])('lets a host pass that meets it: %s', (query) => {
    expect(refused(query)).toBeUndefined();
  });

  it.each([
    '["=", "$host", "h2"]',
    '["=", "$host"]',
    '["<", "$free_ram_mb", "text"]',
    '["in", "$host", "h0"]',
    '["and", ["=", "$host", "h2"]]',
    '["not", ["=", "$host", "h1"]]',
    '["=", "$nothing.there", 1]',
  ])('refuses one that does not: %s', (query) => {
    expect(refused(query)).toBe(`the hint query is not met: ${query}`);
  });

  it('says what is wrong with it', () => {
    expect(refused('{')).toBe('the hint query is no JSON');
    expect(refused('"h1"')).toBe('the hint query is no list');
    expect(refused('["xor", 1, 2]')).toBe('the hint query has no operator xor');
    expect(refused('["constructor", 1, 2]')).toBe('the hint query has no operator constructor');
    expect(refused('["and", ["nand", 1]]')).toBe('the hint query has no operator nand');
    expect(refused(`${'["and",'.repeat(40)}1${']'.repeat(40)}`)).toContain('32 deep');
  });
});

it('metrics: a host that does not tell those that count is refused', () => {
  const settings = { metricWeights: { load: 1, idle: 1 } };
  expect(ask(metricsFilter, { settings, host: { metrics: { load: 1 } } })).toBe(
    'tells no metrics idle',
  );
  expect(ask(metricsFilter, { settings, host: { metrics: { load: 1, idle: 0 } } })).toBe(undefined);
});

describe('NUMA', () => {
  const refused = (specs: Record<string, string>, sockets = 2) => {
    const { hypervisor } = hostView('h1');
    const cpuTopology = { sockets, cores: 2, threads: 1 };
    return ask(numaTopologyFilter, {
      host: { hypervisor: { ...hypervisor, cpuTopology } },
      request: { flavor: { ...flavor, vcpus: 4, ramMiB: 2048, extraSpecs: specs } },
    });
  };

  it('nodes must each fit into one of the host’s', () => {
    expect(refused({})).toBeUndefined();
    expect(refused({ 'hw:numa_nodes': '2' })).toBeUndefined();
    expect(refused({ 'hw:numa_nodes': '2' }, 1)).toBe('needs 2 NUMA nodes, has 1');
    expect(refused({ 'hw:numa_nodes': '1' })).toBe(
      'needs a NUMA node of 4 processors and 2048 MiB, its nodes have 2 and 2048 MiB',
    );
    const uneven = { 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0-2', 'hw:numa_cpus.1': '3' };
    expect(refused(uneven)).toContain('a NUMA node of 3 processors');
  });

  it('is refused in words when the flavor contradicts itself, or wants huge pages', () => {
    expect(refused({ 'hw:numa_nodes': '8' })).toBe(
      'the flavor asks for 8 NUMA nodes and 4 processors',
    );
    expect(refused({ 'hw:numa_nodes': 'x' })).toContain('asks for x');
    expect(refused({ 'hw:numa_nodes': '1', 'hw:numa_mem.0': 'y' })).toContain(
      'can’t be understood',
    );
    expect(refused({ 'hw:mem_page_size': '1GB' })).toContain('pages of size 1GB');
    expect(refused({ 'hw:mem_page_size': 'small' })).toBeUndefined();
  });
});

it('PCI: as many devices of the alias’s class must be free', () => {
  const settings = { pciAliases: [{ name: 'gpu', resourceClass: 'CUSTOM_GPU' }] };
  const request = withSpecs({ 'pci_passthrough:alias': 'gpu:2' });
  expect(ask(pciPassthroughFilter, { request })).toContain('gpu, which is not configured');
  expect(ask(pciPassthroughFilter, { request, settings })).toBe(
    'needs 2 PCI devices gpu, has 0 free',
  );
  const host = { resources: { CUSTOM_GPU: resource(4, 2) } };
  expect(ask(pciPassthroughFilter, { request, settings, host })).toBeUndefined();
  const odd = withSpecs({ 'pci_passthrough:alias': 'gpu:many' });
  expect(ask(pciPassthroughFilter, { request: odd, settings, host })).toContain('many');
});

describe('server groups', () => {
  const ofGroup = (policy: 'affinity' | 'anti-affinity' | 'soft-affinity', host: string) =>
    context({}, { group: { policy, maxServerPerHost: 2, hosts: new Map([[host, 2]]) } });
  const refused = (filter: Filter, around: ReturnType<typeof context>) =>
    filter.refuse(hostView('h1'), spec(), around);

  it('anti-affinity: a host that holds as many as it may is refused', () => {
    expect(refused(serverGroupAntiAffinityFilter, ofGroup('anti-affinity', 'h1'))).toBe(
      'it holds 2 of the group’s servers, and may hold 2',
    );
    expect(refused(serverGroupAntiAffinityFilter, ofGroup('anti-affinity', 'h2'))).toBe(undefined);
    expect(refused(serverGroupAntiAffinityFilter, ofGroup('soft-affinity', 'h1'))).toBe(undefined);
  });

  it('affinity: once members have a host, only that one', () => {
    expect(refused(serverGroupAffinityFilter, ofGroup('affinity', 'h2'))).toBe(
      'the group’s servers are on h2',
    );
    expect(refused(serverGroupAffinityFilter, ofGroup('affinity', 'h1'))).toBeUndefined();
    expect(refused(serverGroupAffinityFilter, context())).toBeUndefined();
  });
});
