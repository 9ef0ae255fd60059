// The shape of a request: all that filters and weighers which are not personal may look at, as one text. Two requests of
// equal text get equal answers from them, so that the host index keeps one set of answers for both. Pure.
import type { RequestSpec } from './protocol.ts';
import type { SchedulerSettings } from './settings.ts';

/** Hints that only personal filters look at. */
const personalHints: ReadonlySet<string> = new Set(['group', 'different_host', 'same_host']);
/** Image properties that filters look at whatever is set; the others matter to few settings. */
const usualProperties =
  /^(hw_architecture|architecture|img_hv_type|hypervisor_type|hw_vm_mode|vm_mode|trait:.*)$/;

export function shapeKey(spec: RequestSpec, settings: SchedulerSettings): string {
  const { flavor, image, availabilityZone, forced, hints } = spec;
  const isOn = (name: string): boolean => settings.filters.includes(name);
  const seesAllProperties =
    isOn('AggregateImagePropertiesIsolation') || settings.weights.imageProperties !== 0;
  const properties = Object.entries(image?.properties ?? {}).filter(
    ([name]) => seesAllProperties || usualProperties.test(name),
  );
  const others = Object.entries(hints).filter(([name]) => !personalHints.has(name));
  return JSON.stringify([
    flavor.vcpus,
    flavor.ramMiB,
    flavor.diskGiB,
    flavor.ephemeralGiB,
    flavor.swapMiB,
    flavor.extraSpecs,
    isOn('AggregateTypeAffinityFilter') ? flavor.name : '',
    properties,
    isOn('IsolatedHostsFilter') ? (image?.id ?? '') : '',
    isOn('AggregateMultiTenancyIsolation') ? spec.projectId : '',
    availabilityZone ?? null,
    forced === true,
    others,
  ]);
}
