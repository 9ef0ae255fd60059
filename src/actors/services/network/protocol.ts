// What may be said to a network, and what its journal keeps. One entity per network holds its subnets and ports, so that
// addresses and MACs are unique by construction. Security groups and quotas: tenancy-protocol.ts.
// Refusals: network-not-found, network-exists, network-in-use, network-shared-in-use, subnet-not-found, subnet-exists,
// subnet-overlap, subnet-in-use, subnet-not-on-network, gateway-in-pool, pool-invalid, pool-out-of-bounds,
// pool-overlap, port-not-found, port-exists, port-in-use, port-bound, mac-in-use, no-mac, no-addresses,
// floating-taken, address-in-use, address-not-in-subnet, address-not-on-network, address-automatic, no-subnets, revision-mismatch.
import { type Static, Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const done = Type.Object({});
const count = Type.Integer({ minimum: 0 });
const texts = Type.Array(text);

/** What all resources have. `changeId` names one change: a repeat with the same id is answered as before. */
const changeId = text;

export const networkAttributes = Type.Object({
  name: text,
  description: text,
  projectId: text,
  adminUp: Type.Boolean(),
  shared: Type.Boolean(),
  external: Type.Boolean(),
  portSecurity: Type.Boolean(),
  mtu: count,
  /** `flat` is the real network of the hosts; `local` is a tenant's own, a bridge per host. */
  providerType: text,
  physicalNetwork: Type.Optional(text),
  segmentationId: Type.Optional(count),
});
export type NetworkAttributes = Static<typeof networkAttributes>;

const pool = Type.Object({ start: text, end: text });
const hostRoute = Type.Object({ destination: text, nexthop: text });

export const subnetRecord = Type.Object({
  id: text,
  name: text,
  description: text,
  projectId: text,
  version: Type.Unsafe<4 | 6>(Type.Integer({ enum: [4, 6] })),
  cidr: text,
  gateway: Type.Optional(text),
  dhcp: Type.Boolean(),
  pools: Type.Array(pool),
  dnsServers: texts,
  hostRoutes: Type.Array(hostRoute),
  raMode: Type.Optional(text),
  addressMode: Type.Optional(text),
});
export type SubnetRecord = Static<typeof subnetRecord>;

/** `gateway: null` takes it away. */
const subnetChanges = Type.Object({
  name: Type.Optional(text),
  description: Type.Optional(text),
  gateway: Type.Optional(Type.Union([text, Type.Null()])),
  dhcp: Type.Optional(Type.Boolean()),
  pools: Type.Optional(Type.Array(pool)),
  dnsServers: Type.Optional(texts),
  hostRoutes: Type.Optional(Type.Array(hostRoute)),
});

const addressPair = Type.Object({ ip: text, mac: text });
const fixedIp = Type.Object({ subnetId: text, address: text });

/** Owns the ports that are floating addresses. */
export const FLOATING_OWNER = 'network:floatingip';

/** What a floating address stands for: this address of this port, behind this router. */
const floatingTarget = Type.Object({
  portId: text,
  address: text,
  routerId: Type.Optional(text),
});

export const portRecord = Type.Object({
  id: text,
  name: text,
  description: text,
  projectId: text,
  mac: text,
  adminUp: Type.Boolean(),
  fixedIps: Type.Array(fixedIp),
  deviceId: text,
  deviceOwner: text,
  securityGroups: texts,
  portSecurity: Type.Boolean(),
  addressPairs: Type.Array(addressPair),
  vnicType: text,
  /** Where it is bound; empty while it is not. */
  host: text,
  /** `binding:profile`, as JSON. */
  profile: text,
  /** Made for its device, and removed with it. */
  ownedByDevice: Type.Boolean(),
  /** Of a port that is a floating address. */
  floating: Type.Optional(floatingTarget),
  tags: texts,
  revision: count,
  createdAtMs: Type.Number(),
  updatedAtMs: Type.Number(),
});
export type PortRecord = Static<typeof portRecord>;

/** What may be changed of a port as it is; addresses and MAC are asked for apart. */
const portAttributes = Type.Partial(
  Type.Object({
    name: text,
    description: text,
    adminUp: Type.Boolean(),
    deviceId: text,
    deviceOwner: text,
    securityGroups: texts,
    portSecurity: Type.Boolean(),
    addressPairs: Type.Array(addressPair),
    vnicType: text,
    host: text,
    profile: text,
  }),
);
export type PortAttributes = Static<typeof portAttributes>;

/** Which address is wanted: one of this subnet, this one, or both. */
const addressRequest = Type.Object({
  subnetId: Type.Optional(text),
  address: Type.Optional(text),
});
export type AddressRequest = Static<typeof addressRequest>;

/** How tags change: `set` to these, `add` these, `remove` these. */
export const tagChange = Type.Unsafe<'set' | 'add' | 'remove'>(
  Type.String({ enum: ['set', 'add', 'remove'] }),
);

export const taggedKinds = ['network', 'subnet', 'port'] as const;
const taggedKind = Type.Unsafe<(typeof taggedKinds)[number]>(
  Type.String({ enum: [...taggedKinds] }),
);

export const networkCommands = {
  'network.create': command(1, Type.Object({ attributes: networkAttributes, changeId }), done),
  'network.change': command(
    1,
    Type.Object({
      attributes: Type.Partial(networkAttributes),
      ifRevision: Type.Optional(count),
      changeId,
    }),
    done,
  ),
  'network.delete': command(1, Type.Object({ ifRevision: Type.Optional(count), changeId }), done),
  'network.create-subnet': command(1, Type.Object({ subnet: subnetRecord, changeId }), done),
  'network.change-subnet': command(
    1,
    Type.Object({
      subnetId: text,
      changes: subnetChanges,
      ifRevision: Type.Optional(count),
      changeId,
    }),
    done,
  ),
  'network.delete-subnet': command(
    1,
    Type.Object({ subnetId: text, ifRevision: Type.Optional(count), changeId }),
    done,
  ),
  'network.create-port': command(
    2,
    Type.Object({
      floating: Type.Optional(floatingTarget),
      portId: text,
      projectId: text,
      attributes: Type.Required(portAttributes),
      ownedByDevice: Type.Boolean(),
      tags: texts,
      /** The one wanted, or several by chance of which the first free one is taken. */
      macs: texts,
      /** Absent: one address per IP version, of the subnets that have some. */
      addresses: Type.Optional(Type.Array(addressRequest)),
      changeId,
    }),
    done,
  ),
  'network.change-port': command(
    2,
    Type.Object({
      portId: text,
      /** null: it stands for nothing any more. */
      floating: Type.Optional(Type.Union([floatingTarget, Type.Null()])),
      attributes: portAttributes,
      mac: Type.Optional(text),
      addresses: Type.Optional(Type.Array(addressRequest)),
      ifRevision: Type.Optional(count),
      changeId,
    }),
    done,
  ),
  'network.delete-port': command(
    1,
    Type.Object({ portId: text, ifRevision: Type.Optional(count), changeId }),
    done,
  ),
  /** Gives a user's port to a device. Refused when another device has it. */
  'network.attach-port': command(
    1,
    Type.Object({ portId: text, deviceId: text, deviceOwner: text, changeId }),
    done,
  ),
  /** These ports of the device are in use on this host; ports of others are left alone. */
  'network.bind-ports': command(
    1,
    Type.Object({ deviceId: text, portIds: texts, host: text, changeId }),
    done,
  ),
  /** Deletes those made for the device, frees the others; ports of other devices are left alone. */
  'network.release-ports': command(
    2,
    Type.Object({ deviceId: text, portIds: texts, macs: Type.Optional(texts), changeId }),
    done,
  ),
  /** Tags of the network, or of one of its subnets or ports: these and no others, these too, or all but these. */
  'network.set-tags': command(
    1,
    Type.Object({ kind: taggedKind, id: text, how: tagChange, tags: texts, changeId }),
    done,
  ),
} as const;

const change = { changeId, atMs: Type.Number() };

export const networkEvents = {
  'network.created': event(1, Type.Object({ attributes: networkAttributes, ...change })),
  'network.changed': event(
    1,
    Type.Object({ attributes: Type.Partial(networkAttributes), ...change }),
  ),
  'network.deleted': event(1, Type.Object({ ...change })),
  /** Ports get their automatic addresses of it with this event. */
  'network.subnet-created': event(1, Type.Object({ subnet: subnetRecord, ...change })),
  'network.subnet-changed': event(
    1,
    Type.Object({ subnetId: text, changes: subnetChanges, ...change }),
  ),
  /** Automatic addresses of it are gone with this event. */
  'network.subnet-deleted': event(1, Type.Object({ subnetId: text, ...change })),
  /** A port as it is now, new or changed. */
  'network.port-set': event(2, Type.Object({ port: portRecord, ...change }), {
    // Ports of then were no floating addresses.
    1: (data) => data,
  }),
  'network.port-deleted': event(1, Type.Object({ portId: text, ...change })),
  'network.tags-set': event(1, Type.Object({ kind: taggedKind, id: text, tags: texts, ...change })),
} as const;

export type NetworkCommand = CommandOf<typeof networkCommands>;
export type NetworkEvent = EventOf<typeof networkEvents>;
export type NetworkChanges = Extract<NetworkEvent, { type: 'network.changed' }>['attributes'];
export type SubnetChanges = Extract<NetworkEvent, { type: 'network.subnet-changed' }>['changes'];
export const networks = entityKind('network', networkCommands);
