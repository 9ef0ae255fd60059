// Explains a server's placement: the funnel through which the scheduler would send it now, as if it held nothing yet; the
// hosts that failed it before count as any others. What was said when it was placed stands in its fault.
import type { StateView } from '#runtime/events/projection.ts';
import { bucketGet } from '../domain/bucket-map.ts';
import type { InstanceState } from '../instance/state.ts';
import type { ProviderState } from '../provider/protocol.ts';
import type { Funnel } from './funnel.ts';
import type { RequestSpec } from './protocol.ts';

export interface ExplainedServer {
  readonly serverId: string;
  readonly name: string;
  readonly vmState: string;
  /** Where it may run now. */
  readonly host: string | undefined;
  /** What went wrong with it, in words. */
  readonly fault: { readonly message: string; readonly details: string } | undefined;
  readonly funnel: Funnel;
}

export interface ExplainSources {
  readonly servers: Pick<StateView<InstanceState>, 'get'>;
  readonly providers: Pick<StateView<ProviderState>, 'get'>;
  readonly scheduler: { explain(spec: RequestSpec): Promise<Funnel> };
}

/** Undefined for a server that is not there. */
export async function explainServer(
  sources: ExplainSources,
  serverId: string,
): Promise<ExplainedServer | undefined> {
  const server = sources.servers.get(serverId);
  if (server?.existence !== 'exists' || server.request === undefined) return undefined;
  const { request, grant, fault, vmState } = server;
  const provider = grant === undefined ? undefined : sources.providers.get(grant.providerId);
  const claim = provider === undefined ? undefined : bucketGet(provider.allocations, serverId);
  const spec: RequestSpec = {
    serverId,
    ...(claim === undefined ? {} : { claimId: claim.claimId }),
    projectId: request.projectId,
    flavor: request.flavor,
    image: request.image,
    availabilityZone: request.availabilityZone,
    requestedHost: request.requestedHost,
    hints: request.hints,
    excludedHosts: [],
  };
  return {
    serverId,
    name: request.name,
    vmState,
    host: grant?.host,
    fault: fault === undefined ? undefined : { message: fault.message, details: fault.details },
    funnel: await sources.scheduler.explain(spec),
  };
}
