// One server: show, change, delete.
import type { InstanceState } from '#actors/instance/state.ts';
import { canonicalAddress } from '#actors/services/network/addresses.ts';
import { badRequest, notFound } from '../envelope.ts';
import { zoneOfNamed } from '../host-zone.ts';
import type { ComputeCall } from '../route.ts';
import { serverGroupsOf } from './group-membership.ts';
import { hostStatusField } from './host-status.ts';
import { actorOf, askServer, operate } from './operate.ts';
import { sightOf } from './views/sight.ts';
import { serverView, type ViewSize } from './views/detail.ts';

export function showServer(call: ComputeCall): unknown {
  return oneServer(call, 'whole');
}

/** As GET shows it, and replies to changes. */
export function oneServer(
  call: ComputeCall,
  size: ViewSize,
  server: InstanceState = call.server,
): { readonly server: Readonly<Record<string, unknown>> } {
  const { microversion, selfBase, bookmarkBase } = call;
  const zoneOf = (host: string) => zoneOfNamed(call.context, host);
  const securityGroups = call.context.securityGroups?.namesOf(server.id);
  const floating = call.context.floatingOf?.(server.id) ?? [];
  return {
    server: {
      ...serverView(
        server,
        {
          microversion,
          selfBase,
          bookmarkBase,
          ...sightOf(call),
          zoneOf,
          securityGroups,
          floating,
        },
        size,
      ),
      ...(size === 'whole' ? hostStatusField(call, server) : {}),
      ...(call.from(71) ? { server_groups: serverGroupsOf(call, server) } : {}),
    },
  };
}

interface UpdateBody {
  readonly server: {
    readonly name?: string;
    readonly hostname?: string;
    readonly description?: string | null;
    readonly accessIPv4?: string;
    readonly accessIPv6?: string;
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
    readonly pinned_availability_zone?: string | null;
  };
}

/** Until 2.74 the reply leaves out what came as extensions. */
export async function updateServer(call: ComputeCall): Promise<unknown> {
  const { server } = call.body as UpdateBody;
  const {
    name,
    accessIPv4,
    accessIPv6,
    'OS-DCF:diskConfig': diskConfig,
    pinned_availability_zone: zone,
    ...others
  } = server;
  if (typeof zone === 'string') refuseOtherZone(call, zone);
  if (Object.keys(server).length > 0)
    await askServer(call, 'update', {
      type: 'instance.rename',
      actor: actorOf(call),
      ...others,
      ...(name === undefined ? {} : { name: name.trim() }),
      ...(accessIPv4 === undefined ? {} : { accessIPv4: canonicalAddress(accessIPv4) }),
      ...(accessIPv6 === undefined ? {} : { accessIPv6: canonicalAddress(accessIPv6) }),
      ...(diskConfig === undefined ? {} : { diskConfig }),
      ...(zone === undefined ? {} : { availabilityZone: zone }),
    });
  const changed = call.reads.find(call.server.id, call.caller);
  if (changed === undefined) throw notFound(`Instance ${call.server.id} could not be found.`);
  return oneServer(call, call.from(75) ? 'whole' : 'small', changed);
}

/** To pin a server never moves it: it can only be kept where it is. */
function refuseOtherZone({ server, context }: ComputeCall, zone: string): void {
  const { grant } = server;
  const current = grant && (zoneOfNamed(context, grant.host) ?? grant.availabilityZone);
  if (current === zone) return;
  throw badRequest(
    `Instance ${server.id} can only be pinned to the availability zone that it is in: ${current ?? 'none yet'}.`,
  );
}

/** A server that is gone by now was deleted by someone else: that is a 404, as for any other. */
export async function deleteServer(call: ComputeCall): Promise<void> {
  const { server, context } = call;
  const { reclaimMs = 0 } = context;
  if (server.vmState === 'soft-delete' && reclaimMs > 0) return;
  // Nothing can be restored of what never was, or has its parts on two hosts.
  const canRestore =
    server.grant !== undefined && server.vmState !== 'building' && server.move === undefined;
  if (reclaimMs === 0 || !canRestore) return operate(call, 'delete');
  await operate(call, 'soft-delete', {
    action: 'delete',
    parameters: { reclaimAfterMs: reclaimMs },
  });
}
