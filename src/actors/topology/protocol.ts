// Compute hosts as administrators see them: the nova-compute service, its hypervisor, its zone.
// One entity per host, named by the host. Refusals: host-not-found.
import { type Static, Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });

export const hypervisorSchema = Type.Object({
  /** The hypervisor's hostname. */
  hostname: text,
  type: text,
  version: Type.Integer(),
  hostIp: text,
  cpus: count,
  memoryMiB: count,
  diskGiB: count,
  architecture: text,
  cpuModel: text,
  cpuVendor: text,
  cpuTopology: Type.Object({ sockets: count, cores: count, threads: count }),
  cpuFeatures: Type.Array(text),
});
export type HypervisorFacts = Static<typeof hypervisorSchema>;

export const hostCommands = {
  /** A node has started on this host. Ids (UUID) are taken from the first time. */
  'host.register': command(
    1,
    Type.Object({
      serviceId: text,
      providerId: text,
      hypervisor: hypervisorSchema,
      availabilityZone: text,
    }),
    Type.Object({ serviceId: text, providerId: text }),
  ),
  'host.set-enabled': command(
    1,
    Type.Object({ enabled: Type.Boolean(), reason: Type.Optional(text) }),
    Type.Object({}),
  ),
  'host.force-down': command(1, Type.Object({ forcedDown: Type.Boolean() }), Type.Object({})),
  /** Whether an administrator vouches that nothing runs on the host, and since when. */
  'host.prove-fenced': command(
    1,
    Type.Object({}),
    Type.Object({ forcedDown: Type.Boolean(), sinceMs: Type.Number() }),
  ),
  /** An administrator takes the host out of the cloud. It is back, with new ids, when its node registers again. */
  'host.unregister': command(1, Type.Object({}), Type.Object({})),
} as const;

export const hostEvents = {
  'host.registered': event(
    1,
    Type.Object({
      serviceId: text,
      providerId: text,
      number: Type.Integer(),
      hypervisor: hypervisorSchema,
      availabilityZone: text,
      atMs: Type.Number(),
    }),
  ),
  'host.enabled-changed': event(
    1,
    Type.Object({ enabled: Type.Boolean(), reason: Type.Optional(text), atMs: Type.Number() }),
  ),
  'host.forced-down-changed': event(
    1,
    Type.Object({ forcedDown: Type.Boolean(), atMs: Type.Number() }),
  ),
  'host.unregistered': event(1, Type.Object({ atMs: Type.Number() })),
} as const;

export type HostCommand = CommandOf<typeof hostCommands>;
export type HostEvent = EventOf<typeof hostEvents>;
export const hosts = entityKind('host', hostCommands);

export interface HostState {
  /** The host's name: `OS-EXT-SRV-ATTR:host`. */
  readonly id: string;
  readonly registered: boolean;
  /** UUID of the service (≥ 2.53). */
  readonly serviceId: string;
  /** UUID of the hypervisor and resource provider (≥ 2.53). */
  readonly providerId: string;
  /** Integer id of service and hypervisor below 2.53. */
  readonly number: number;
  readonly hypervisor: HypervisorFacts | undefined;
  readonly availabilityZone: string;
  readonly enabled: boolean;
  readonly disabledReason: string | undefined;
  readonly forcedDown: boolean;
  readonly updatedAtMs: number;
}
