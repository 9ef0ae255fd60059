// The services that an OpenStack operator expects to see: nova-compute on every registered host, and this process's
// own scheduler and conductor, which are up as long as someone can ask.
import { createHash } from 'node:crypto';
import { hostNumber } from '#actors/topology/core.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { ComputeContext } from '../../context.ts';
import { zoneOf } from '../../host-zone.ts';

export interface ServiceRow {
  readonly binary: string;
  readonly host: string;
  /** UUID, from 2.53 on. */
  readonly id: string;
  /** Integer id below 2.53. */
  readonly number: number;
  readonly zone: string;
  readonly enabled: boolean;
  readonly disabledReason: string | undefined;
  readonly isUp: boolean;
  readonly forcedDown: boolean;
  /** When it was last seen. */
  readonly updatedAtMs: number;
}

export const COMPUTE_BINARY = 'nova-compute';
/** The zone of services that run no guests. */
export const INTERNAL_ZONE = 'internal';

/** Of registered hosts, by name. */
export function registeredHosts(context: ComputeContext): readonly HostState[] {
  return [...context.hosts.values()]
    .filter((host) => host.registered)
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

export function isHostUp(context: ComputeContext, host: HostState): boolean {
  return !host.forcedDown && context.nodes.isUp(host.id);
}

export function serviceRows(context: ComputeContext): readonly ServiceRow[] {
  const own = ['nova-scheduler', 'nova-conductor'].map((binary) => ownRow(context, binary));
  return [...own, ...registeredHosts(context).map((host) => computeRow(context, host))];
}

function computeRow(context: ComputeContext, host: HostState): ServiceRow {
  const isUp = isHostUp(context, host);
  return {
    binary: COMPUTE_BINARY,
    host: host.id,
    id: host.serviceId,
    number: host.number,
    zone: zoneOf(context, host),
    enabled: host.enabled,
    disabledReason: host.disabledReason,
    isUp,
    forcedDown: host.forcedDown,
    updatedAtMs: isUp ? context.env.clock.now() : host.updatedAtMs,
  };
}

function ownRow(context: ComputeContext, binary: string): ServiceRow {
  const host = context.controllerName ?? 'controller';
  return {
    binary,
    host,
    id: nameUuid(`${binary}@${host}`),
    number: hostNumber(`${binary}@${host}`),
    zone: INTERNAL_ZONE,
    enabled: true,
    disabledReason: undefined,
    isUp: true,
    forcedDown: false,
    updatedAtMs: context.env.clock.now(),
  };
}

/** The same name, the same UUID (version 8: made by a rule of our own, here SHA-256). */
function nameUuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
