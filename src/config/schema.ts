// What can be configured, with its defaults. cluster.config.ts gives a partial one; the command line overrides it.
import { type Static, Type } from 'typebox';

const port = Type.Integer({ minimum: 0, maximum: 65_535 });
const ratio = Type.Number({ exclusiveMinimum: 0, maximum: 1_000 });
function oneOf<const V extends readonly string[]>(...values: V) {
  return Type.Unsafe<V[number]>(Type.String({ enum: [...values] }));
}

const closed = { additionalProperties: false } as const;

export const configSchema = Type.Object(
  {
    /** Where the APIs listen; port 0 takes a free one. */
    listen: Type.Object({ host: Type.String({ minLength: 1 }), port }, closed),
    /** Directory of journal, images, guests, secrets and logs. */
    data: Type.String({ minLength: 1 }),
    region: Type.String({ minLength: 1 }),
    availabilityZone: Type.String({ minLength: 1, pattern: '^[^:]+$' }),
    hypervisor: Type.Object(
      {
        kind: oneOf('libvirt', 'simulated'),
        /** For libvirt; `qemu:///system` starts the system's daemon if none runs. */
        uri: Type.String({ minLength: 1 }),
        /** How many simulated hosts. */
        hosts: Type.Integer({ minimum: 1, maximum: 10_000 }),
      },
      closed,
    ),
    network: Type.Object(
      {
        /** Of the network `private`. */
        cidr: Type.String({ pattern: '^[0-9.]+/[0-9]{1,2}$' }),
        dnsServers: Type.Array(Type.String()),
        /** Where the metadata service listens on each network's gateway; port 0 takes a free one. */
        metadataPort: port,
      },
      closed,
    ),
    allocationRatios: Type.Object({ cpu: ratio, ram: ratio, disk: ratio }, closed),
    tokenLifetimeMs: Type.Integer({ minimum: 60_000 }),
    logLevel: oneOf('debug', 'info', 'warn', 'error'),
  },
  closed,
);

export type Config = Static<typeof configSchema>;

/** A configuration with parts left out, at any depth. */
export type PartialConfig = {
  readonly [K in keyof Config]?: Config[K] extends readonly unknown[]
    ? Config[K]
    : Config[K] extends object
      ? Partial<Config[K]>
      : Config[K];
};

export const defaultConfig: Config = {
  listen: { host: '127.0.0.1', port: 8774 },
  data: 'data',
  region: 'RegionOne',
  availabilityZone: 'nova',
  hypervisor: { kind: 'libvirt', uri: 'qemu:///system', hosts: 1 },
  network: { cidr: '10.87.0.0/20', dnsServers: [], metadataPort: 0 },
  allocationRatios: { cpu: 16, ram: 1, disk: 1 },
  tokenLifetimeMs: 24 * 3_600_000,
  logLevel: 'info',
};
