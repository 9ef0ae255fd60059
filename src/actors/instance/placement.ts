// Finds a host for a server and holds its resources there: asks the scheduler for candidates, then claims at the server's
// group and at the providers, best first, until both agree. Shell; the choice itself is scheduler/select.ts.
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal, refuse, type Refusal } from '#runtime/message/refusal.ts';
import { flavorResources } from '../domain/flavor-resources.ts';
import type { Flavor, ServerRequest } from '../domain/server.ts';
import { providers } from '../provider/protocol.ts';
import type { ConsumerIndex } from '../scheduler/consumers.ts';
import { GroupClaims } from './group-claims.ts';
import type { Grant } from './state.ts';
import type { Candidate, HostRefusal, RequestSpec, Selection } from '../scheduler/protocol.ts';

export interface Scheduler {
  /** Never rejects for lack of hosts: an empty choice says why. */
  select(spec: RequestSpec): Promise<Selection>;
}

export interface PlacementRequest {
  readonly serverId: string;
  readonly request: ServerRequest;
  readonly claimId: string;
  readonly excludedHosts: readonly string[];
  readonly requestId: string;
  readonly owner: Owner;
  /** For a server that has a host already and keeps what it holds there. */
  readonly from?: { readonly grant: Grant; readonly flavor: Flavor };
}

/** On whose behalf claims are made and given back: the owner of the server's entity. */
export interface Owner {
  readonly ownerEpoch: number;
  /** Whether it has not been replaced, as far as is known here. */
  isOurs(): boolean;
}

/** Rounds of asking the scheduler anew when every candidate was taken by others in the meantime. */
const ROUNDS = 5;

export class Placement {
  readonly #router: Router;
  readonly #scheduler: Scheduler;
  readonly #consumers: ConsumerIndex;
  readonly #groups: GroupClaims;
  readonly #requestOf: (serverId: string) => ServerRequest | undefined;

  constructor(parts: {
    readonly router: Router;
    readonly scheduler: Scheduler;
    readonly consumers: ConsumerIndex;
    /** What a server was created with: its group is among it. */
    readonly requestOf: (serverId: string) => ServerRequest | undefined;
  }) {
    this.#router = parts.router;
    this.#scheduler = parts.scheduler;
    this.#consumers = parts.consumers;
    this.#groups = new GroupClaims(parts.router);
    this.#requestOf = parts.requestOf;
  }

  /**
   * Refusal no-valid-host carries every host with the filter and figures that excluded it. Asked again after a crash,
   * it stays with the host that it had claimed, if that still fits; else that claim is given back.
   */
  async place(wanted: PlacementRequest): Promise<Candidate | Refusal> {
    const spec = specOf(wanted);
    const taken: HostRefusal[] = [];
    const group = { ...wanted, ownerEpoch: wanted.owner.ownerEpoch };
    for (let round = 1; round <= ROUNDS; round += 1) {
      const selection = await this.#scheduler.select(spec);
      if (selection.candidates.length === 0) {
        await this.#groups.release(group, false);
        return refuse('no-valid-host', { refusals: [...selection.refusals, ...taken] });
      }
      const held = new Set(this.#consumers.holders(wanted.serverId));
      for (const candidate of heldFirst(selection.candidates, held)) {
        const refusal = await this.#claim(candidate, wanted);
        if (refusal !== undefined) {
          taken.push(refusal);
          continue;
        }
        held.delete(candidate.providerId);
        if (wanted.from !== undefined) held.delete(wanted.from.grant.providerId);
        await this.#release(held, wanted);
        return candidate;
      }
    }
    await this.#groups.release(group, false);
    return refuse('no-valid-host', { refusals: taken });
  }

  /** Gives back one claim wherever it is held, or, without `claimId`, all that the server holds. */
  async release(
    serverId: string,
    claimId: string | undefined,
    { requestId, owner }: { readonly requestId: string; readonly owner: Owner },
  ): Promise<void> {
    checkOwner(owner);
    const holders = new Set(this.#consumers.holders(serverId));
    const request = this.#requestOf(serverId);
    const member = { serverId, request, requestId, ownerEpoch: owner.ownerEpoch };
    await Promise.all([
      this.#release(holders, { serverId, claimId, requestId, owner }),
      claimId === undefined
        ? this.#groups.leave(member)
        : this.#groups.release({ ...member, claimId }, true),
    ]);
  }

  /** Holds for one end of a move, or gives back what is held for it, at one provider. */
  async hold(
    { providerId, host }: Pick<Candidate, 'providerId' | 'host'>,
    held: Pick<PlacementRequest, 'serverId' | 'claimId' | 'request' | 'requestId' | 'owner'> & {
      /** Claims whose place it takes. */
      readonly instead: readonly string[];
    },
  ): Promise<Refusal | undefined> {
    const { serverId: consumer, claimId, request, requestId, owner } = held;
    checkOwner(owner);
    const member = { serverId: consumer, request, requestId, ownerEpoch: owner.ownerEpoch };
    if ((await this.#groups.claim({ ...member, claimId }, { host })) === 'moved') throw movedAway();
    for (const before of held.instead)
      await this.#groups.release({ ...member, claimId: before }, true);
    const command = {
      type: 'provider.claim',
      consumer,
      claimId,
      resources: flavorResources(request.flavor),
      projectId: request.projectId,
      userId: request.userId,
      ownerEpoch: owner.ownerEpoch,
    } as const;
    const answer = await this.#router.ask(providers.ref(providerId), command, { requestId });
    if (!isRefusal(answer)) return undefined;
    if (answer.refused === 'stale-owner') throw movedAway();
    return answer;
  }

  async letGo(
    providerId: string,
    claim: Pick<PlacementRequest, 'serverId' | 'claimId' | 'requestId' | 'owner'>,
  ): Promise<void> {
    const { serverId, claimId, requestId, owner } = claim;
    const request = this.#requestOf(serverId);
    const { ownerEpoch } = owner;
    await this.#release(new Set([providerId]), claim);
    await this.#groups.release({ serverId, request, claimId, requestId, ownerEpoch }, true);
  }

  /** Of a claim that may have come to nothing: its part in the group is over. */
  async leaveGroup(
    claim: Pick<PlacementRequest, 'serverId' | 'claimId' | 'requestId' | 'owner'>,
  ): Promise<void> {
    const { serverId, claimId, requestId, owner } = claim;
    checkOwner(owner);
    const request = this.#requestOf(serverId);
    const { ownerEpoch } = owner;
    await this.#groups.release({ serverId, request, claimId, requestId, ownerEpoch }, true);
  }

  /** Where the server holds anything now. */
  holders(serverId: string): ReadonlySet<string> {
    return this.#consumers.holders(serverId);
  }

  async #release(
    providerIds: ReadonlySet<string>,
    claim: {
      readonly serverId: string;
      readonly claimId: string | undefined;
      readonly requestId: string;
      readonly owner: Owner;
    },
  ): Promise<void> {
    const { serverId, claimId, requestId, owner } = claim;
    checkOwner(owner);
    const releases = [...providerIds].map((providerId) =>
      this.#router.ask(
        providers.ref(providerId),
        {
          type: 'provider.release',
          consumer: serverId,
          ownerEpoch: owner.ownerEpoch,
          ...(claimId === undefined ? {} : { claimId }),
        },
        { requestId },
      ),
    );
    await Promise.all(releases);
  }

  async #claim(candidate: Candidate, wanted: PlacementRequest): Promise<HostRefusal | undefined> {
    const { serverId, claimId, request, requestId, owner } = wanted;
    checkOwner(owner);
    const ofGroup = await this.#groups.claim(
      { ...wanted, ownerEpoch: owner.ownerEpoch },
      candidate,
    );
    if (ofGroup === 'moved') throw movedAway();
    if (ofGroup !== undefined) return ofGroup;
    checkOwner(owner);
    const command = {
      type: 'provider.claim',
      consumer: serverId,
      claimId,
      resources: resourcesAt(candidate, wanted),
      projectId: request.projectId,
      userId: request.userId,
      ownerEpoch: owner.ownerEpoch,
    } as const;
    const answer = await this.#router.ask(providers.ref(candidate.providerId), command, {
      requestId,
    });
    if (!isRefusal(answer)) return undefined;
    if (answer.refused === 'stale-owner') throw movedAway();
    return {
      host: candidate.host,
      filter: 'claim',
      reason: `${answer.refused} ${JSON.stringify(answer.detail)}`,
    };
  }
}

/** Throws when the server is owned elsewhere by now: then nothing may be taken or given back here. */
export function checkOwner(owner: Owner): void {
  if (!owner.isOurs()) throw movedAway();
}

/** The next owner goes on with it; here it is tried again and finds that out. */
function movedAway(): Error {
  return new Error('the server is owned by another member now');
}

function heldFirst(
  candidates: readonly Candidate[],
  held: ReadonlySet<string>,
): readonly Candidate[] {
  const isHeld = ({ providerId }: Candidate): boolean => held.has(providerId);
  return [...candidates.filter(isHeld), ...candidates.filter((one) => !isHeld(one))];
}

/** On the host that it has, a server holds for both ends of its move: each of them takes what it takes, but never both at once. */
function resourcesAt(
  candidate: Candidate,
  { request, from }: PlacementRequest,
): Record<string, number> {
  const resources = flavorResources(request.flavor);
  if (from === undefined || candidate.providerId !== from.grant.providerId) return resources;
  return largerOf(resources, flavorResources(from.flavor));
}

/** Of each resource class the larger amount. */
export function largerOf(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries(
    [...names].map((name) => [name, Math.max(one[name] ?? 0, other[name] ?? 0)]),
  );
}

function specOf(wanted: PlacementRequest): RequestSpec {
  const { request, serverId, claimId, excludedHosts, from } = wanted;
  return {
    serverId,
    claimId,
    projectId: request.projectId,
    flavor: request.flavor,
    image: request.image,
    availabilityZone: request.availabilityZone,
    requestedHost: request.requestedHost,
    hints: request.hints,
    excludedHosts,
    ...(from === undefined ? {} : { ownClaimId: from.grant.claimId }),
  };
}
