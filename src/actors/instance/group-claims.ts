// Takes and gives back a server's host in its server group, beside the claim at the provider. The group's entity keeps the
// policy; here it is only asked. A server without the hint `group` has nothing to do with it.
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { ServerRequest } from '../domain/server.ts';
import { serverGroups } from '../group/protocol.ts';
import type { Candidate, HostRefusal } from '../scheduler/protocol.ts';

export interface GroupClaim {
  readonly serverId: string;
  readonly request: ServerRequest | undefined;
  readonly claimId: string;
  readonly requestId: string;
  readonly ownerEpoch: number;
}

/** The group that a server was created in: of its own project. */
export function groupIdOf(request: Pick<ServerRequest, 'hints'> | undefined): string | undefined {
  return request?.hints['group']?.[0];
}

const filterNames: Readonly<Record<string, string>> = {
  affinity: 'ServerGroupAffinityFilter',
  'anti-affinity': 'ServerGroupAntiAffinityFilter',
};

export class GroupClaims {
  readonly #router: Router;

  constructor(router: Router) {
    this.#router = router;
  }

  /** Undefined when the host is taken, or there is no policy to keep; `moved` when the server has a later owner. */
  async claim(
    claim: GroupClaim,
    candidate: Pick<Candidate, 'host'>,
  ): Promise<HostRefusal | 'moved' | undefined> {
    const { serverId, request, claimId, requestId, ownerEpoch } = claim;
    const groupId = groupIdOf(request);
    if (request === undefined || groupId === undefined) return undefined;
    const { host } = candidate;
    const answer = await this.#router.ask(
      serverGroups.ref(request.projectId),
      { type: 'server-group.claim', groupId, serverId, claimId, host, ownerEpoch },
      { requestId },
    );
    if (!isRefusal(answer)) return undefined;
    if (answer.refused === 'stale-owner') return 'moved';
    const { policy, reason } = answer.detail;
    return {
      host,
      filter: filterNames[String(policy)] ?? 'claim',
      reason: typeof reason === 'string' ? reason : `${answer.refused} ${groupId}`,
    };
  }

  /** `final`: the claim never comes back. */
  async release(claim: GroupClaim, final: boolean): Promise<void> {
    const { serverId, request, claimId, requestId, ownerEpoch } = claim;
    const groupId = groupIdOf(request);
    if (request === undefined || groupId === undefined) return;
    await this.#router.ask(
      serverGroups.ref(request.projectId),
      { type: 'server-group.release', groupId, serverId, claimId, final, ownerEpoch },
      { requestId },
    );
  }

  /** The server's end: it is no member any more. */
  async leave({
    serverId,
    request,
    requestId,
    ownerEpoch,
  }: Omit<GroupClaim, 'claimId'>): Promise<void> {
    const groupId = groupIdOf(request);
    if (request === undefined || groupId === undefined) return;
    await this.#router.ask(
      serverGroups.ref(request.projectId),
      { type: 'server-group.leave', groupId, serverId, ownerEpoch },
      { requestId },
    );
  }
}
