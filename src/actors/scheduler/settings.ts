// What of the scheduler can be set: which filters are asked, how much each weigher counts, and what single filters need.
// Names and defaults are Nova's (filter_scheduler, metrics, pci), but for the filters that are on by default: besides
// Nova's those of the hints same_host and different_host, and those that keep a guest off a host which can't give it what
// its flavor asks for. Data and types; in cluster.config.ts it is the part `scheduler`.

export interface WeightMultipliers {
  readonly ram: number;
  readonly cpu: number;
  readonly disk: number;
  readonly ioOps: number;
  readonly pci: number;
  readonly softAffinity: number;
  readonly softAntiAffinity: number;
  readonly buildFailure: number;
  readonly crossCellMove: number;
  readonly hypervisorVersion: number;
  readonly numInstances: number;
  readonly imageProperties: number;
  readonly metrics: number;
}

/** A kind of PCI device that flavors may ask for by name; hosts offer it as a resource class of their provider. */
export interface PciAlias {
  readonly name: string;
  readonly resourceClass: string;
}

export interface SchedulerSettings {
  /** Filters by name, in the order in which they are asked. */
  readonly filters: readonly string[];
  readonly weights: WeightMultipliers;
  readonly maxIoOpsPerHost: number;
  readonly maxInstancesPerHost: number;
  readonly isolatedHosts: readonly string[];
  readonly isolatedImages: readonly string[];
  readonly restrictIsolatedHostsToIsolatedImages: boolean;
  /** Only aggregate metadata whose keys begin with it counts for AggregateImagePropertiesIsolation; empty: all. */
  readonly imageIsolationNamespace: string;
  readonly imageIsolationSeparator: string;
  /** For images that don't say theirs; empty: any. */
  readonly defaultArchitecture: string;
  /** Metric → ratio. */
  readonly metricWeights: Readonly<Record<string, number>>;
  readonly metricsRequired: boolean;
  readonly weightOfUnavailableMetrics: number;
  readonly pciAliases: readonly PciAlias[];
}

export const defaultSchedulerSettings: SchedulerSettings = {
  filters: [
    'AvailabilityZoneFilter',
    'ComputeFilter',
    'ComputeCapabilitiesFilter',
    'ImagePropertiesFilter',
    'ServerGroupAntiAffinityFilter',
    'ServerGroupAffinityFilter',
    'DifferentHostFilter',
    'SameHostFilter',
    'NUMATopologyFilter',
    'PciPassthroughFilter',
  ],
  weights: {
    ram: 1,
    cpu: 1,
    disk: 1,
    ioOps: -1,
    pci: 1,
    softAffinity: 1,
    softAntiAffinity: 1,
    buildFailure: 1_000_000,
    crossCellMove: 1_000_000,
    hypervisorVersion: 1,
    numInstances: 0,
    imageProperties: 0,
    metrics: 1,
  },
  maxIoOpsPerHost: 8,
  maxInstancesPerHost: 50,
  isolatedHosts: [],
  isolatedImages: [],
  restrictIsolatedHostsToIsolatedImages: true,
  imageIsolationNamespace: '',
  imageIsolationSeparator: '.',
  defaultArchitecture: '',
  metricWeights: {},
  metricsRequired: true,
  weightOfUnavailableMetrics: -10_000,
  pciAliases: [],
};

/** Some of the settings; `weights` may be given in part, too. */
export type PartialSchedulerSettings = {
  readonly [K in Exclude<keyof SchedulerSettings, 'weights'>]?: SchedulerSettings[K] | undefined;
} & {
  readonly weights?:
    | { readonly [K in keyof WeightMultipliers]?: WeightMultipliers[K] | undefined }
    | undefined;
};

/** The defaults, but for what is set. */
export function schedulerSettings(set: PartialSchedulerSettings): SchedulerSettings {
  const given = (part: object): object =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
  const weights = { ...defaultSchedulerSettings.weights, ...given(set.weights ?? {}) };
  return { ...defaultSchedulerSettings, ...given(set), weights };
}
