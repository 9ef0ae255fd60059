// The part `scheduler` of the settings: which filters choose hosts, and how much each weigher counts. Names and meaning are
// Nova's; what is left out has the default of src/actors/scheduler/settings.ts.
import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const number = Type.Optional(Type.Number());
const texts = Type.Optional(Type.Array(Type.String({ minLength: 1 })));

/** Those of src/actors/scheduler/filters; a test holds the two to each other. */
export const schedulerFilters = [
  'AvailabilityZoneFilter',
  'ComputeFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'ServerGroupAntiAffinityFilter',
  'ServerGroupAffinityFilter',
  'DifferentHostFilter',
  'SameHostFilter',
  'SimpleCIDRAffinityFilter',
  'AggregateInstanceExtraSpecsFilter',
  'AggregateImagePropertiesIsolation',
  'AggregateMultiTenancyIsolation',
  'AggregateTypeAffinityFilter',
  'AggregateIoOpsFilter',
  'AggregateNumInstancesFilter',
  'IoOpsFilter',
  'NumInstancesFilter',
  'IsolatedHostsFilter',
  'JsonFilter',
  'MetricsFilter',
  'NUMATopologyFilter',
  'PciPassthroughFilter',
] as const;

export const schedulerSchema = Type.Object(
  {
    /** In the order in which they are asked. What a host has to have for the flavor is checked in any case. */
    filters: Type.Optional(
      Type.Array(
        Type.Unsafe<(typeof schedulerFilters)[number]>(
          Type.String({ enum: [...schedulerFilters] }),
        ),
        { uniqueItems: true },
      ),
    ),
    /** Nova's `*_weight_multiplier`; an aggregate's metadata under that name goes before. */
    weights: Type.Optional(
      Type.Object(
        {
          ram: number,
          cpu: number,
          disk: number,
          ioOps: number,
          pci: number,
          softAffinity: number,
          softAntiAffinity: number,
          buildFailure: number,
          crossCellMove: number,
          hypervisorVersion: number,
          numInstances: number,
          imageProperties: number,
          metrics: number,
        },
        closed,
      ),
    ),
    maxIoOpsPerHost: Type.Optional(Type.Integer({ minimum: 1 })),
    maxInstancesPerHost: Type.Optional(Type.Integer({ minimum: 1 })),
    isolatedHosts: texts,
    isolatedImages: texts,
    restrictIsolatedHostsToIsolatedImages: Type.Optional(Type.Boolean()),
    imageIsolationNamespace: Type.Optional(Type.String()),
    imageIsolationSeparator: Type.Optional(Type.String({ minLength: 1 })),
    defaultArchitecture: Type.Optional(Type.String()),
    /** Metric → ratio. */
    metricWeights: Type.Optional(Type.Record(Type.String(), Type.Number())),
    metricsRequired: Type.Optional(Type.Boolean()),
    weightOfUnavailableMetrics: number,
    pciAliases: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ minLength: 1 }),
            resourceClass: Type.String({ pattern: '^[A-Z0-9_]+$' }),
          },
          closed,
        ),
      ),
    ),
  },
  closed,
);
