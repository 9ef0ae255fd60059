// Finds a host for a server and holds its resources there: asks the scheduler for candidates, then claims at the
// providers, best first, until one agrees. Shell; the choice itself is scheduler/select.ts.
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal, refuse, type Refusal } from '#runtime/message/refusal.ts';
import { flavorResources } from '../domain/flavor-resources.ts';
import type { ServerRequest } from '../domain/server.ts';
import { providers } from '../provider/protocol.ts';
import type { ConsumerIndex } from '../scheduler/consumers.ts';
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
}

/** Rounds of asking the scheduler anew when every candidate was taken by others in the meantime. */
const ROUNDS = 5;

export class Placement {
  readonly #router: Router;
  readonly #scheduler: Scheduler;
  readonly #consumers: ConsumerIndex;

  constructor(parts: { router: Router; scheduler: Scheduler; consumers: ConsumerIndex }) {
    this.#router = parts.router;
    this.#scheduler = parts.scheduler;
    this.#consumers = parts.consumers;
  }

  /** Refusal no-valid-host carries every host with the filter and figures that excluded it. */
  async place(wanted: PlacementRequest): Promise<Candidate | Refusal> {
    const spec = specOf(wanted);
    const taken: HostRefusal[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const selection = await this.#scheduler.select(spec);
      if (selection.candidates.length === 0)
        return refuse('no-valid-host', { refusals: [...selection.refusals, ...taken] });
      for (const candidate of selection.candidates) {
        const refusal = await this.#claim(candidate, wanted);
        if (refusal === undefined) return candidate;
        taken.push(refusal);
      }
    }
    return refuse('no-valid-host', { refusals: taken });
  }

  /** Gives back one claim wherever it is held, or, without `claimId`, all that the server holds. */
  async release(serverId: string, claimId: string | undefined, requestId: string): Promise<void> {
    const releases = [...this.#consumers.holders(serverId)].map((providerId) =>
      this.#router.ask(
        providers.ref(providerId),
        {
          type: 'provider.release',
          consumer: serverId,
          ...(claimId === undefined ? {} : { claimId }),
        },
        { requestId },
      ),
    );
    await Promise.all(releases);
  }

  async #claim(candidate: Candidate, wanted: PlacementRequest): Promise<HostRefusal | undefined> {
    const { serverId, claimId, request, requestId } = wanted;
    const command = {
      type: 'provider.claim',
      consumer: serverId,
      claimId,
      resources: flavorResources(request.flavor),
      projectId: request.projectId,
      userId: request.userId,
    } as const;
    const answer = await this.#router.ask(providers.ref(candidate.providerId), command, {
      requestId,
    });
    if (!isRefusal(answer)) return undefined;
    return {
      host: candidate.host,
      filter: 'claim',
      reason: `${answer.refused} ${JSON.stringify(answer.detail)}`,
    };
  }
}

function specOf(wanted: PlacementRequest): RequestSpec {
  const { request, serverId, excludedHosts } = wanted;
  return {
    serverId,
    projectId: request.projectId,
    flavor: request.flavor,
    image: request.image,
    availabilityZone: request.availabilityZone,
    requestedHost: request.requestedHost,
    hints: request.hints,
    excludedHosts,
  };
}
