// The host index against the choice that looks at every host: random clouds that change between choices, and random
// requests of every sort. Both must name the same hosts, in the same order, with the same weights.
import { describe, expect, it } from 'vitest';
import type { FilterContext } from '#actors/scheduler/filters/filter.ts';
import { filterNames } from '#actors/scheduler/filters/all.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import { selectHosts } from '#actors/scheduler/select.ts';
import { defaultSchedulerSettings, type SchedulerSettings } from '#actors/scheduler/settings.ts';
import { seededRandom } from '#test/support/seeded-random.ts';
import { flavor, image, spec } from './host-samples.ts';
import { hostFleet } from './host-fleet.ts';

type Random = ReturnType<typeof seededRandom>;

const everything: SchedulerSettings = {
  ...defaultSchedulerSettings,
  filters: filterNames.filter((name) => name !== 'MetricsFilter' && name !== 'JsonFilter'),
  maxInstancesPerHost: 6,
  weights: { ...defaultSchedulerSettings.weights, numInstances: -0.5, imageProperties: 0.25 },
};

const pick = <T>(random: Random, all: readonly T[]): T | undefined => all[random.below(all.length)];

function anySpec(random: Random, hosts: number): RequestSpec {
  const host = (): string => `h${random.below(hosts)}`;
  const serverId = `s${random.below(1000)}`;
  const maybe = <T>(chance: number, make: () => T): T | undefined =>
    random.chance(chance) ? make() : undefined;
  const hints: Record<string, string[]> = {};
  if (random.chance(0.1)) hints['different_host'] = [`on-${host()}`, `on-${host()}`, 'nowhere'];
  if (random.chance(0.05)) hints['same_host'] = [`on-${host()}`, `on-${host()}`];
  return spec({
    serverId,
    claimId: 'create/1',
    flavor: pick(random, flavors) ?? flavor,
    image: maybe(0.4, () => image(pick(random, properties) ?? {})),
    availabilityZone: maybe(0.2, () => pick(random, ['nova', 'east']) ?? 'nova'),
    requestedHost: maybe(0.05, host),
    forced: random.chance(0.05),
    excludedHosts: random.chance(0.2) ? [host(), host()] : [],
    hints,
  });
}

const flavors = [
  flavor,
  { ...flavor, vcpus: 4, ramMiB: 4096 },
  { ...flavor, extraSpecs: { 'trait:HW_FAST': 'required' } },
  { ...flavor, extraSpecs: { 'aggregate_instance_extra_specs:ssd': 'true' } },
];
const properties = [{ os_distro: 'debian' }, { hw_architecture: 'aarch64' }, {}];

function anyGroup(random: Random, hosts: number): FilterContext['group'] {
  if (!random.chance(0.4)) return undefined;
  const policies = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const;
  const held = Array.from(
    { length: random.below(6) },
    () => [`h${random.below(hosts)}`, 1 + random.below(3)] as const,
  );
  return {
    policy: pick(random, policies) ?? 'affinity',
    maxServerPerHost: 1 + random.below(2),
    hosts: new Map(held),
  };
}

function contextOf(settings: SchedulerSettings, group: FilterContext['group']): FilterContext {
  return {
    settings,
    hostOf: (serverId) => (serverId.startsWith('on-') ? serverId.slice(3) : undefined),
    ...(group === undefined ? {} : { group }),
  };
}

describe.each([
  ['the default settings', defaultSchedulerSettings, false],
  ['all filters and weighers, and multipliers of aggregates', everything, true],
])('with %s', (_name, settings, hasAggregates) => {
  it.each([1, 5, 63, 64, 65, 130, 700])(
    '%i hosts: the index chooses as a look at all of them does',
    async (hosts) => {
      const random = seededRandom(hosts);
      const fleet = await hostFleet({ hosts, settings, random, hasAggregates });
      for (let round = 0; round < 60; round += 1) {
        for (let n = random.below(4); n > 0; n -= 1) await fleet.change();
        const request = anySpec(random, hosts);
        if (random.chance(0.3)) await fleet.claim(request, `h${random.below(hosts)}`);
        const context = contextOf(settings, anyGroup(random, hosts));
        const chosen = fleet.index.select(request, context);
        const all = selectHosts(fleet.hosts(request), request, context);
        expect(chosen.candidates).toEqual(all.candidates);
        expect(chosen.refusals).toEqual(all.candidates.length > 0 ? [] : all.refusals);
      }
    },
  );
});

it('of many hosts, one that stops answering is not chosen though nobody was told', async () => {
  const random = seededRandom(9);
  const fleet = await hostFleet({ hosts: 300, settings: defaultSchedulerSettings, random });
  const context = contextOf(defaultSchedulerSettings, undefined);
  const request = spec({ serverId: 'one' });
  const [first] = fleet.index.select(request, context).candidates;
  fleet.up.delete(first?.host ?? '');
  const again = fleet.index.select(request, context).candidates;
  expect(again).toHaveLength(3);
  expect(again.map(({ host }) => host)).not.toContain(first?.host);
  fleet.up.clear();
  const { candidates, refusals } = fleet.index.select(request, context);
  expect(candidates).toEqual([]);
  expect(new Set(refusals.map(({ reason }) => reason))).toContain('it does not answer');
  fleet.up.add('h7');
  const back = fleet.index.select(spec({ serverId: 'two' }), context);
  expect(back.candidates.map(({ host }) => host)).toEqual(['h7']);
});

it('follows more changes than it keeps, and hosts that join and leave', async () => {
  const random = seededRandom(4);
  const settings = defaultSchedulerSettings;
  const fleet = await hostFleet({ hosts: 70, settings, random });
  const context = contextOf(settings, undefined);
  const check = (): void => {
    const request = spec({ serverId: `s${random.below(1000)}` });
    const all = selectHosts(fleet.hosts(request), request, context);
    expect(fleet.index.select(request, context).candidates).toEqual(all.candidates);
  };
  check();
  for (let n = 0; n < 200; n += 1) {
    for (let host = 0; host < 70; host += 1) await fleet.touch(`h${host}`);
    fleet.index.table.refresh();
  }
  check();
  await fleet.add('late');
  check();
});
