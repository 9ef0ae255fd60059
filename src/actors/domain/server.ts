// What a server is asked to be: the parts of a create request, resolved, that its journal keeps.
// Schemas, so that journal and wire are checked and fingerprinted; the static types follow from them.
import { type Static, Type } from 'typebox';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });

/** The flavor as it was at create: later changes of the flavor don't touch the server. */
export const flavorSchema = Type.Object({
  /** The flavor's id as users know it (`flavorid`). */
  id: text,
  name: text,
  vcpus: count,
  ramMiB: count,
  diskGiB: count,
  ephemeralGiB: count,
  swapMiB: count,
  rxtxFactor: Type.Number(),
  isPublic: Type.Boolean(),
  disabled: Type.Boolean(),
  description: Type.Optional(text),
  extraSpecs: Type.Record(Type.String(), Type.String()),
});
export type Flavor = Static<typeof flavorSchema>;

/** The image as it was at create. */
export const serverImageSchema = Type.Object({
  id: text,
  name: Type.Optional(text),
  format: Type.Union([Type.Literal('qcow2'), Type.Literal('raw')]),
  sha512: text,
  sizeBytes: count,
  minDiskGiB: count,
  minRamMiB: count,
  properties: Type.Record(Type.String(), Type.String()),
});
export type ServerImage = Static<typeof serverImageSchema>;

export const serverKeySchema = Type.Object({
  name: text,
  type: Type.Union([Type.Literal('ssh'), Type.Literal('x509')]),
  publicKey: text,
  fingerprint: text,
});
export type ServerKey = Static<typeof serverKeySchema>;

export const portRequestSchema = Type.Object({
  portId: text,
  existing: Type.Boolean(),
  networkId: text,
  fixedIp: Type.Optional(text),
  tag: Type.Optional(text),
});

export const boundPortSchema = Type.Object({
  portId: text,
  networkId: text,
  networkName: text,
  mac: text,
  mtu: count,
  bridge: text,
  fixedIps: Type.Array(
    Type.Object({
      subnetId: text,
      address: text,
      version: Type.Union([Type.Literal(4), Type.Literal(6)]),
      cidr: text,
      gateway: Type.Optional(text),
      dnsServers: Type.Array(text),
    }),
  ),
  ownedByServer: Type.Boolean(),
  tag: Type.Optional(text),
});
export type ServerPort = Static<typeof boundPortSchema>;

/** `os:scheduler_hints`; each value is a list, as Nova hands them to filters. */
export const hintsSchema = Type.Record(Type.String(), Type.Array(text));

/** Everything that a create request settles. Ids are made by the API, so that a repeat is the same server. */
export const serverRequestSchema = Type.Object({
  projectId: text,
  userId: text,
  name: text,
  hostname: text,
  description: Type.Optional(text),
  image: Type.Optional(serverImageSchema),
  flavor: flavorSchema,
  key: Type.Optional(serverKeySchema),
  /** Base64, as it came. */
  userData: Type.Optional(text),
  configDrive: Type.Boolean(),
  metadata: Type.Record(Type.String(), Type.String()),
  tags: Type.Array(text),
  securityGroups: Type.Array(text),
  /** Zone asked for; undefined means any. */
  availabilityZone: Type.Optional(text),
  /** Host or hypervisor asked for by an administrator. */
  requestedHost: Type.Optional(text),
  hints: hintsSchema,
  networks: Type.Array(portRequestSchema),
  /** `MANUAL` leaves the partition alone; `AUTO` grows it. */
  diskConfig: Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')]),
  accessIPv4: text,
  accessIPv6: text,
  /** Files for the config drive and metadata (`personality`), base64; until microversion 2.56. */
  personality: Type.Array(Type.Object({ path: text, contents: text })),
  adminPass: Type.Optional(text),
  trustedCertificates: Type.Optional(Type.Array(text)),
  reservationId: text,
  launchIndex: count,
});
export type ServerRequest = Static<typeof serverRequestSchema>;
