// What is looked at before a server is asked to move: so that what can't come true is refused at once, in Nova's words, and
// the server stays as it is. The move itself looks again; what has changed meanwhile makes it fail and go back.
import type { Flavor } from '#actors/domain/server.ts';
import type { OperationName } from '#actors/instance/protocol.ts';
import { operations } from '#actors/instance/operations/all.ts';
import { explainNoHost } from '#actors/scheduler/explain.ts';
import { badRequest } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

/** The host that an administrator names must be one, and another than the server's. */
export function checkHost(call: ComputeCall, host: string): void {
  const known = call.context.hosts.get(host);
  if (known?.registered !== true) throw badRequest(`Compute host ${host} could not be found.`);
  if (call.server.grant?.host === host)
    throw badRequest('Cannot migrate to the host where the server exists.');
}

/** Throws the 400 that names each host and what it lacks. Nothing is looked at where the server's state refuses the move. */
export async function checkDestination(
  call: ComputeCall,
  wanted: {
    readonly action: OperationName;
    readonly flavor: Flavor | undefined;
    readonly host: string | undefined;
    readonly sameHost: boolean;
  },
): Promise<void> {
  const { server, context } = call;
  const { grant, request } = server;
  const { vmStates } = operations[wanted.action];
  const isRefused =
    server.taskState !== undefined || (vmStates !== 'any' && !vmStates.includes(server.vmState));
  if (context.scheduler === undefined || grant === undefined || request === undefined) return;
  if (isRefused || (server.locked && !call.caller.isAdmin)) return;
  const { candidates, refusals } = await context.scheduler.select({
    serverId: server.id,
    ownClaimId: grant.claimId,
    projectId: request.projectId,
    flavor: wanted.flavor ?? request.flavor,
    image: request.image,
    availabilityZone: request.availabilityZone,
    requestedHost: wanted.host,
    hints: request.hints,
    excludedHosts: wanted.sameHost ? [] : [grant.host],
  });
  if (candidates.length === 0) throw badRequest(explainNoHost(refusals).slice(0, 1_000));
}

export function maySameHost({ context }: ComputeCall): boolean {
  return context.resize?.allowSameHost ?? false;
}

export function confirmWindow({ context }: ComputeCall): { readonly confirmAfterMs?: number } {
  const confirmAfterMs = context.resize?.confirmAfterMs;
  return confirmAfterMs === undefined ? {} : { confirmAfterMs };
}
