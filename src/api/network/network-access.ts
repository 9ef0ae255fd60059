// What all network routes share: who sees and owns what, asking entities, and the words of refusals.
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import type { FloatingIp } from '#actors/services/network/floating-ips.ts';
import type { FoundPort, FoundSubnet } from '#actors/services/network/network-index.ts';
import {
  FLOATING_OWNER,
  type networkCommands,
  networks,
} from '#actors/services/network/protocol.ts';
import type { RouterState } from '#actors/services/network/routers/entity.ts';
import {
  GATEWAY_OWNER,
  type routerCommands,
  routers,
} from '#actors/services/network/routers/protocol.ts';
import type { NetworkState } from '#actors/services/network/state.ts';
import {
  networkProjects,
  type tenancyCommands,
} from '#actors/services/network/tenancy-protocol.ts';
import type { TenancyState } from '#actors/services/network/tenancy-state.ts';
import type { ApiContext } from '#api/context.ts';
import { baseUrl } from '#api/server.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { Speaker } from './attributes.ts';
import { errorOf, NetworkHttpError, notAuthorized } from './neutron-error.ts';

/** What the network API needs beside the ApiContext. */
export interface NetworkService {
  readonly embedded: EmbeddedNetworks;
  readonly tenancies: StateView<TenancyState>;
  readonly routers: StateView<RouterState>;
}

export class NetworkAccess {
  readonly context: ApiContext;
  readonly embedded: EmbeddedNetworks;
  readonly tenancies: StateView<TenancyState>;
  readonly routers: StateView<RouterState>;

  constructor(context: ApiContext, service: NetworkService) {
    this.context = context;
    this.embedded = service.embedded;
    this.tenancies = service.tenancies;
    this.routers = service.routers;
  }

  newId(): string {
    return this.context.env.random.uuid();
  }

  base(request: FastifyRequest): string {
    return baseUrl(request.headers.host, this.context.publicUrl);
  }

  /** Every write acknowledged before is seen by the reads that follow. */
  async settle(): Promise<void> {
    await this.context.views.barrier();
  }

  /** 404 for what the caller may not see. */
  network(caller: Caller, networkId: string): NetworkState {
    const network = this.embedded.index.network(networkId);
    if (network === undefined || !seesNetwork(caller, network))
      throw errorOf(refuse('network-not-found', { networkId }));
    return network;
  }

  subnet(caller: Caller, subnetId: string): FoundSubnet {
    const found = this.embedded.index.subnet(subnetId);
    if (found === undefined || !seesSubnet(caller, found))
      throw errorOf(refuse('subnet-not-found', { subnetId }));
    return found;
  }

  port(caller: Caller, portId: string): FoundPort {
    const found = this.embedded.index.port(portId);
    if (found === undefined || !seesPort(caller, found))
      throw errorOf(refuse('port-not-found', { portId }));
    return found;
  }

  router(caller: Caller, routerId: string): RouterState {
    const router = this.routers.get(routerId);
    if (router?.status !== 'present' || !owns(caller, router.attributes.projectId))
      throw errorOf(refuse('router-not-found', { routerId }));
    return router;
  }

  floatingIp(caller: Caller, floatingIpId: string): FloatingIp {
    const found = this.embedded.floatingIps.find(floatingIpId);
    if (found === undefined || !owns(caller, found.projectId))
      throw errorOf(refuse('floating-not-found', { floatingIpId }));
    return found;
  }

  async askRouter<T extends keyof typeof routerCommands>(
    request: FastifyRequest,
    routerId: string,
    command: CommandNamed<typeof routerCommands, T>,
  ): Promise<void> {
    const { requestId } = request;
    settled(await this.context.router.ask(routers.ref(routerId), command, { requestId }));
  }

  async askNetwork<T extends keyof typeof networkCommands>(
    request: FastifyRequest,
    networkId: string,
    command: CommandNamed<typeof networkCommands, T>,
  ): Promise<void> {
    const { requestId } = request;
    settled(await this.context.router.ask(networks.ref(networkId), command, { requestId }));
  }

  async askProject<T extends keyof typeof tenancyCommands>(
    request: FastifyRequest,
    projectId: string,
    command: CommandNamed<typeof tenancyCommands, T>,
  ): Promise<void> {
    const { requestId } = request;
    settled(await this.context.router.ask(networkProjects.ref(projectId), command, { requestId }));
  }

  /** Makes the project's default security group if it has none. */
  async ensureDefaultGroup(request: FastifyRequest, projectId: string | undefined): Promise<void> {
    if (projectId === undefined || !this.context.identity.projectExists(projectId)) return;
    await this.embedded.groups.ensureDefault(projectId, request.requestId);
  }
}

/** A refusal becomes its HTTP error. */
export function settled(answer: unknown): void {
  if (isRefusal(answer)) throw errorOf(answer);
}

export function refuseIf(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw errorOf(refusal);
}

export function owns(caller: Caller, projectId: string): boolean {
  return caller.isAdmin || (caller.projectId !== undefined && caller.projectId === projectId);
}

export function seesNetwork(caller: Caller, { attributes }: NetworkState): boolean {
  return owns(caller, attributes.projectId) || attributes.shared || attributes.external;
}

/** Subnets of external networks are for their owners, unless the network is shared. */
export function seesSubnet(caller: Caller, { network, subnet }: FoundSubnet): boolean {
  const { projectId, shared } = network.attributes;
  return owns(caller, subnet.projectId) || owns(caller, projectId) || shared;
}

/** What stands for a router or a floating address outside is for those whose network that is. */
const outsideOwners: readonly string[] = [FLOATING_OWNER, GATEWAY_OWNER];

export function seesPort(caller: Caller, { network, port }: FoundPort): boolean {
  if (outsideOwners.includes(port.deviceOwner)) return owns(caller, network.attributes.projectId);
  return owns(caller, port.projectId) || owns(caller, network.attributes.projectId);
}

export function speakerOn(caller: Caller, network: NetworkState): Speaker {
  return { caller, ownsNetwork: owns(caller, network.attributes.projectId) };
}

/** Readers look only. */
export function requireWriter(caller: Caller, rule: string): void {
  if (!caller.isAdmin && !caller.roles.includes('member')) throw notAuthorized(rule);
}

/** 403 for what is another's, though it may be seen. */
export function requireOwner(caller: Caller, projectId: string, rule: string): void {
  requireWriter(caller, rule);
  if (!owns(caller, projectId)) throw notAuthorized(rule);
}

/** `If-Match: revision_number=5`: the change is meant for that revision alone. */
export function wantedRevision(request: FastifyRequest): { ifRevision?: number } {
  const header = request.headers['if-match'];
  const found = header === undefined ? null : /revision_number=(\d{1,15})\b/.exec(header);
  if (found?.[1] === undefined) return {};
  return { ifRevision: Number(found[1]) };
}

/** `2026-01-31T12:00:00Z` */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

export function conflictError(type: string, message: string): NetworkHttpError {
  return new NetworkHttpError(409, type, message);
}
