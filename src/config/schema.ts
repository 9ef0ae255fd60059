// What can be configured, with its defaults. cluster.config.ts gives a partial one; the command line overrides it.
import { type Static, Type } from 'typebox';
import { schedulerSchema } from './scheduler-schema.ts';

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
    images: Type.Object(
      {
        /** Directory of the image service's files; in a cluster the same for all controllers. Default: `images` in `data`. */
        directory: Type.Optional(Type.String({ minLength: 1 })),
        /** What users may have images downloaded from (import by `web-download`). */
        webDownload: Type.Object(
          {
            allowedSchemes: Type.Array(oneOf('http', 'https')),
            allowedPorts: Type.Array(port),
            /** Names; empty allows all but `deniedHosts`. */
            allowedHosts: Type.Array(Type.String({ minLength: 1 })),
            deniedHosts: Type.Array(Type.String({ minLength: 1 })),
            /** Addresses, and ranges such as `10.1.0.0/16`, that may be fetched from although they are not public. */
            allowedAddresses: Type.Array(
              Type.String({ pattern: '^[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?$' }),
            ),
            /** How many redirects are followed; each is judged like the first URI. */
            redirects: Type.Integer({ minimum: 0, maximum: 10 }),
          },
          closed,
        ),
        /** Of each project, as Glance's unified limits are called; −1 is unlimited. */
        quotas: Type.Object(
          {
            image_size_total: Type.Integer({ minimum: -1 }),
            image_stage_total: Type.Integer({ minimum: -1 }),
            image_count_total: Type.Integer({ minimum: -1 }),
            image_count_uploading: Type.Integer({ minimum: -1 }),
          },
          closed,
        ),
      },
      closed,
    ),
    cluster: Type.Object(
      {
        /** `redis://[user:password@]host[:port][/database]`: a controller of a cluster. Without it: one process alone. */
        redis: Type.Optional(Type.String({ minLength: 1 })),
        /** durable refuses a Redis that may lose what it has acknowledged; dev warns. */
        profile: oneOf('durable', 'dev'),
        /** How many replicas of Redis must have a write before it counts. Default: what its own settings say. */
        replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
        /** Begins the names of all keys, so that several clusters can share a Redis. */
        cell: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
        /** Serve a store that has lost what this process knows of; for one start, after a restored backup. */
        acceptRollback: Type.Boolean(),
        /** Of a new cluster; never changed afterwards. */
        shards: Type.Integer({ minimum: 1, maximum: 4_096 }),
        /** What this process is when it starts a cluster: controller, and a compute member for each of its hosts. */
        roles: Type.Array(oneOf('controller', 'compute'), { minItems: 1, uniqueItems: true }),
        transport: Type.Object(
          {
            kind: oneOf('libp2p', 'redis'),
            /**
             * For kind redis: a Redis that all members reach and that keeps nothing that matters. Default: the cluster's; but
             * then no compute member can join, since those are never told where the store is.
             */
            redis: Type.Optional(Type.String({ minLength: 1 })),
            /** Where other members reach this one; port 0 takes a free one, which is kept. */
            listen: Type.Object({ host: Type.String({ minLength: 1 }), port }, closed),
            /** Addresses to tell others instead of those listened on, such as `/dns4/one.example.org/tcp/4001`. */
            announce: Type.Array(Type.String({ pattern: '^/' })),
          },
          closed,
        ),
      },
      closed,
    ),
    resize: Type.Object(
      {
        /** A server that is resized may stay on its host; a cloud of one host can't resize otherwise. */
        allowSameHost: Type.Boolean(),
        /** Resizes and cold migrations are confirmed by themselves after this long; 0 for never. */
        confirmWindowSeconds: Type.Integer({ minimum: 0 }),
      },
      closed,
    ),
    /** Rules for passwords and logins, in the terms of Keystone's section of that name; 0: the rule is not in force. */
    securityCompliance: Type.Object(
      {
        lockoutFailureAttempts: Type.Integer({ minimum: 0 }),
        lockoutDurationMs: Type.Integer({ minimum: 0 }),
        uniqueLastPasswordCount: Type.Integer({ minimum: 0, maximum: 24 }),
        passwordExpiresDays: Type.Integer({ minimum: 0 }),
        minimumPasswordAgeDays: Type.Integer({ minimum: 0 }),
        passwordRegex: Type.Optional(Type.String({ minLength: 1 })),
        passwordRegexDescription: Type.Optional(Type.String({ minLength: 1 })),
        changePasswordUponFirstUse: Type.Boolean(),
      },
      closed,
    ),
    allocationRatios: Type.Object({ cpu: ratio, ram: ratio, disk: ratio }, closed),
    /**
     * How long a deleted server can be restored (nova.conf reclaim_instance_interval); 0: deletes are at once.
     */
    reclaimInstanceSeconds: Type.Integer({ minimum: 0, maximum: 31_536_000 }),
    /**
     * How long a shelved server keeps its host (nova.conf shelved_offload_time); 0: not at all, -1: until an administrator
     * says so.
     */
    shelvedOffloadSeconds: Type.Integer({ minimum: -1, maximum: 31_536_000 }),
    scheduler: schedulerSchema,
    /** Rules that differ from the defaults, in oslo.policy's YAML (docs/policy.md); in a cluster the same for all controllers. */
    policyFile: Type.Optional(Type.String({ minLength: 1 })),
    tokenLifetimeMs: Type.Integer({ minimum: 60_000 }),
    logLevel: oneOf('debug', 'info', 'warn', 'error'),
  },
  closed,
);

export type Config = Static<typeof configSchema>;

/** A configuration with parts left out, at any depth. */
export type PartialConfig = PartsOf<Config>;

type PartsOf<T> = {
  readonly [K in keyof T]?: NonNullable<T[K]> extends readonly unknown[]
    ? T[K]
    : NonNullable<T[K]> extends object
      ? PartsOf<NonNullable<T[K]>>
      : T[K];
};

export const defaultConfig: Config = {
  listen: { host: '127.0.0.1', port: 8774 },
  data: 'data',
  region: 'RegionOne',
  availabilityZone: 'nova',
  hypervisor: { kind: 'libvirt', uri: 'qemu:///system', hosts: 1 },
  network: { cidr: '10.87.0.0/20', dnsServers: [], metadataPort: 0 },
  images: {
    webDownload: {
      allowedSchemes: ['http', 'https'],
      allowedPorts: [80, 443],
      allowedHosts: [],
      deniedHosts: [],
      allowedAddresses: [],
      redirects: 0,
    },
    quotas: {
      image_size_total: -1,
      image_stage_total: -1,
      image_count_total: -1,
      image_count_uploading: -1,
    },
  },
  resize: { allowSameHost: true, confirmWindowSeconds: 0 },
  cluster: {
    profile: 'durable',
    cell: 'kilonova',
    acceptRollback: false,
    shards: 64,
    roles: ['controller', 'compute'],
    transport: { kind: 'libp2p', listen: { host: '127.0.0.1', port: 0 }, announce: [] },
  },
  securityCompliance: {
    lockoutFailureAttempts: 0,
    lockoutDurationMs: 1_800_000,
    uniqueLastPasswordCount: 0,
    passwordExpiresDays: 0,
    minimumPasswordAgeDays: 0,
    changePasswordUponFirstUse: false,
  },
  allocationRatios: { cpu: 16, ram: 1, disk: 1 },
  reclaimInstanceSeconds: 0,
  shelvedOffloadSeconds: 0,
  scheduler: {},
  tokenLifetimeMs: 24 * 3_600_000,
  logLevel: 'info',
};
