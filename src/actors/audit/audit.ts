// Compares what is held for servers with the servers themselves, and gives back what nobody owns any more. Claims are
// given back by the operations that made them; this finds what slipped through (a claim that arrived after its server
// was gone) and says so in the log, since each finding is a hole in an operation. What others were given through the
// placement API is theirs. A host whose provider an administrator deleted gets it back, as a host describes itself anew.
import type { Router } from '#runtime/directory/router.ts';
import type { Cancel, Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { Networks } from '../ports/networks.ts';
import type { InstanceState } from '../instance/state.ts';
import { bucketGet } from '../domain/bucket-map.ts';
import { providers, type ProviderState } from '../provider/protocol.ts';
import type { ConsumerIndex } from '../scheduler/consumers.ts';
import type { HostState } from '../topology/protocol.ts';

export interface AuditSources {
  readonly networks: Pick<Networks, 'serversWithPorts' | 'release'>;
  readonly env: Env;
  readonly router: Router;
  readonly servers: StateView<InstanceState>;
  readonly consumers: ConsumerIndex;
  readonly hosts: Pick<StateView<HostState>, 'values'>;
  readonly providers: Pick<StateView<ProviderState>, 'get'>;
}

export interface StrayClaim {
  readonly consumer: string;
  readonly providerId: string;
  readonly reason: string;
}

const PERIOD_MS = 60_000;
/** A crash is what leaves most of what there is to find. */
const FIRST_MS = 1_000;

/**
 * Pure: the claims that no server accounts for. A server with an operation under way accounts for all of its own, one that
 * is moved for those at both ends.
 */
export function strayClaims(
  consumers: Pick<ConsumerIndex, 'consumers' | 'holders' | 'isForeign'>,
  servers: Pick<StateView<InstanceState>, 'get'>,
): readonly StrayClaim[] {
  const strays: StrayClaim[] = [];
  for (const consumer of consumers.consumers()) {
    const server = servers.get(consumer);
    if (server?.operation !== undefined) continue;
    for (const providerId of consumers.holders(consumer)) {
      if (server?.existence === 'exists' && providersOf(server).includes(providerId)) continue;
      if (consumers.isForeign(consumer, providerId)) continue;
      const reason =
        server?.existence === 'exists'
          ? `its host is ${server.grant?.host ?? 'none'}`
          : 'there is no such server';
      strays.push({ consumer, providerId, reason });
    }
  }
  return strays;
}

function providersOf(server: InstanceState): readonly (string | undefined)[] {
  const { grant, move, fenced, leftBehind = [] } = server;
  // What was handed over is accounted for until it is taken away.
  const left = leftBehind.filter(({ work }) => work === 'clean').map((one) => one.providerId);
  const ends = [grant?.providerId, move?.source.providerId, move?.destination.providerId, ...left];
  // Without a host it waits for one, and what it holds on the one that died is given back then.
  return grant === undefined ? [...ends, ...fenced.map((one) => one.providerId)] : ends;
}

/** Pure: the providers of registered hosts that are gone, with what their hosts said of them. */
export function lostProviders({
  hosts,
  providers: states,
}: Pick<AuditSources, 'hosts' | 'providers'>): readonly ProviderState[] {
  return [...hosts.values()]
    .filter((host) => host.registered)
    .map((host) => states.get(host.providerId))
    .filter((state) => state?.exists === false && state.description !== undefined)
    .filter((state) => state !== undefined);
}

/** Pure: servers whose ports nobody accounts for. One without a host has none, unless it is to get one again. */
export function strayPorts(
  networks: Pick<Networks, 'serversWithPorts'>,
  servers: Pick<StateView<InstanceState>, 'get'>,
): readonly string[] {
  return [...networks.serversWithPorts()].filter((serverId) => {
    const server = servers.get(serverId);
    const keepsPorts = server?.shelved !== undefined || (server?.fenced.length ?? 0) > 0;
    const awaitsHost = server?.existence === 'exists' && keepsPorts;
    return server?.operation === undefined && server?.grant === undefined && !awaitsHost;
  });
}

export class Auditor {
  readonly #sources: AuditSources;
  #cancel: Cancel = () => undefined;
  #isStopped = false;

  constructor(sources: AuditSources) {
    this.#sources = sources;
  }

  start(): void {
    this.#isStopped = false;
    this.#after(FIRST_MS);
  }

  #after(waitMs: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#sources.env.timers.after(waitMs, () => {
      this.audit().then(
        () => this.#after(PERIOD_MS),
        (error: unknown) => {
          this.#sources.env.log.warn(
            { err: error },
            'the audit failed; the next one will do its work',
          );
          this.#after(PERIOD_MS);
        },
      );
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async audit(): Promise<void> {
    const { env, router, servers, consumers, networks, providers: held } = this.#sources;
    for (const serverId of strayPorts(networks, servers)) {
      env.log.error({ serverId }, 'stray ports are given back');
      await networks.release(serverId, `audit-${serverId}`);
    }
    for (const { id, description } of lostProviders(this.#sources)) {
      if (description === undefined) continue;
      env.log.warn({ providerId: id, name: description.name }, 'a host gets its provider back');
      const { name, inventories, traits } = description;
      await router.ask(
        providers.ref(id),
        {
          type: 'provider.describe',
          name,
          inventories: { ...inventories },
          traits: [...traits],
        },
        { requestId: `audit-${id}` },
      );
    }
    for (const { consumer, providerId, reason } of strayClaims(consumers, servers)) {
      env.log.error({ consumer, providerId, reason }, 'a stray claim is given back');
      // A server that exists may come back to this host: only what it holds now is closed.
      const allocations = held.get(providerId)?.allocations;
      const claimId =
        servers.get(consumer)?.existence === 'exists' && allocations !== undefined
          ? bucketGet(allocations, consumer)?.claimId
          : undefined;
      await router.ask(
        providers.ref(providerId),
        { type: 'provider.release', consumer, ...(claimId === undefined ? {} : { claimId }) },
        { requestId: `audit-${consumer}` },
      );
    }
  }
}
