import { expect, it } from 'vitest';
import { filterNames } from '#actors/scheduler/filters/all.ts';
import { defaultSchedulerSettings, schedulerSettings } from '#actors/scheduler/settings.ts';
import { schedulerFilters, schedulerSchema } from '#config/scheduler-schema.ts';

it('what can be set is what there is', () => {
  expect([...schedulerFilters]).toEqual(filterNames);
  const { weights, ...others } = schedulerSchema.properties;
  expect(['weights', ...Object.keys(others)].sort()).toEqual(
    Object.keys(defaultSchedulerSettings).sort(),
  );
  expect(Object.keys(weights.properties).sort()).toEqual(
    Object.keys(defaultSchedulerSettings.weights).sort(),
  );
});

it('what is not set has its default, weights one by one', () => {
  expect(schedulerSettings({})).toEqual(defaultSchedulerSettings);
  expect(schedulerSettings({ weights: { ram: -1 }, maxInstancesPerHost: 5 })).toEqual({
    ...defaultSchedulerSettings,
    maxInstancesPerHost: 5,
    weights: { ...defaultSchedulerSettings.weights, ram: -1 },
  });
});
