// The effects of moves: both ends' claims, and orders to the source, the destination, or the host of the standing grant.
// Each knows what to do from the state alone, so that it can be done again after a crash. What may be decided from an
// answer is decide.ts's matter. An exception here means "try again".
import type { EffectContext } from '#runtime/entity/effects.ts';
import { wasMoved } from '#runtime/entity/effects.ts';
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal, refuse, type Refusal } from '#runtime/message/refusal.ts';
import type { Flavor, ServerRequest } from '../domain/server.ts';
import type { NodeClient } from '../node/client.ts';
import type { GuestPlan, NodeOrder, NodeReport } from '../node/protocol.ts';
import type { Networks } from '../ports/networks.ts';
import { projects } from '../project/protocol.ts';
import { DOES_NOT_ANSWER } from '../scheduler/filters/compute.ts';
import type { HostRefusal } from '../scheduler/protocol.ts';
import { hosts } from '../topology/protocol.ts';
import { cutShortPlacement, isOneHost, oneHostClaim } from './moves.ts';
import type { EffectName } from './operations/table.ts';
import { SHUTDOWN_GRACE_MS } from './operations/power.ts';
import { checkOwner, type Placement } from './placement.ts';
import type { Grant, InstanceState, Move } from './state.ts';
import type { InstanceEffect } from './todo.ts';

export interface MoveServices {
  readonly placement: Placement;
  readonly networks: Pick<Networks, 'bind'>;
  readonly nodes: Pick<NodeClient, 'perform'>;
  readonly router: Router;
}

export interface MoveMoment {
  readonly state: InstanceState;
  readonly context: EffectContext;
}

/** What a step reports; undefined when nobody wants to hear it. */
export type MoveResult =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly refused: Refusal }
  | undefined;

type MoveEffect = Extract<
  EffectName,
  | 'place-move'
  | 'release-move'
  | 'prepare-move'
  | 'leave-host'
  | 'leave-destination'
  | 'receive-disks'
  | 'finish-move'
  | 'return-guest'
  | 'clean-source'
  | 'release-source'
  | 'release-interrupted'
  | 'prove-fenced'
  | 'place-evacuated'
  | 'release-evacuated'
  | 'release-fenced'
>;

type Run = (work: MoveWork) => Promise<MoveResult>;

const runs: Readonly<Record<MoveEffect, Run>> = {
  'place-move': (work) => work.place(),
  'release-move': (work) => work.releaseMove(),
  'prepare-move': (work) => work.prepare(),
  'leave-host': (work) => work.leave(),
  'leave-destination': (work) => work.leaveDestination(),
  'receive-disks': (work) => work.receive(),
  'finish-move': (work) => work.finish(),
  'return-guest': (work) => work.returnGuest(),
  'clean-source': (work) => work.cleanSource(),
  'release-source': (work) => work.releaseSource(),
  'release-interrupted': (work) => work.releaseInterrupted(),
  'prove-fenced': (work) => work.proveFenced(),
  'place-evacuated': (work) => work.placeEvacuated(),
  'release-evacuated': (work) => work.releaseEvacuated(),
  'release-fenced': (work) => work.releaseFenced(),
};

export function isMoveEffect(kind: string): kind is MoveEffect {
  return Object.hasOwn(runs, kind);
}

/** Rejects with a NodeFault for trouble on a host. */
export function performMoveEffect(
  services: MoveServices,
  effect: InstanceEffect & { readonly kind: MoveEffect },
  moment: MoveMoment & { readonly planOf: (state: InstanceState, grant: PlanGrant) => GuestPlan },
): Promise<MoveResult> {
  return runs[effect.kind](new MoveWork(services, effect, moment));
}

type PlanGrant = Pick<Grant, 'availabilityZone'>;
const done: MoveResult = { result: {} };

/** A host that starts, or that a starting controller has not heard of yet, may be all that is missing. */
const TRIES_FOR_SILENT_HOSTS = 5;

function refusedNow(refused: Refusal, attempt: number): MoveResult {
  waitForSilent(refused, attempt);
  return { refused };
}

/** Throws where trying again may help. */
export function waitForSilent(refused: Refusal, attempt: number): void {
  const refusals = (refused.detail['refusals'] ?? []) as readonly HostRefusal[];
  const silent = refusals.find(({ reason }) => reason === DOES_NOT_ANSWER);
  if (silent !== undefined && attempt < TRIES_FOR_SILENT_HOSTS)
    throw new Error(`no host fits now, and host ${silent.host} does not answer yet`);
}

class MoveWork {
  readonly #services: MoveServices;
  readonly #effect: InstanceEffect;
  readonly #moment: Parameters<typeof performMoveEffect>[2];

  constructor(
    services: MoveServices,
    effect: InstanceEffect,
    moment: Parameters<typeof performMoveEffect>[2],
  ) {
    this.#services = services;
    this.#effect = effect;
    this.#moment = moment;
  }

  /** What comes too late is given back by the undo, or the delete, that waits for it. */
  async place(): Promise<MoveResult> {
    const { state, context } = this.#moment;
    const { grant, request, operation } = state;
    if (grant === undefined || request === undefined || operation === undefined) return undefined;
    const { flavor = request.flavor, host, sameHost } = operation.parameters;
    if (
      flavor.diskGiB < request.flavor.diskGiB ||
      flavor.ephemeralGiB < request.flavor.ephemeralGiB
    )
      return { refused: refuse('disk-shrinks', {}) };
    const refused = await this.#count(largerFlavor(flavor, request.flavor));
    if (refused !== undefined) return { refused };
    const { leftBehind = [] } = state;
    // Something of it is still there, or waits for the host's answer.
    const unfit = leftBehind.filter(({ work }) => work !== 'keep');
    const tried = [...operation.excludedHosts, ...unfit].map((one) => one.host);
    const placed = await this.#services.placement.place({
      serverId: state.id,
      request: askedFor({ ...request, flavor }, host),
      claimId: this.#claimId,
      excludedHosts: sameHost === true ? tried : [...tried, grant.host],
      requestId: this.#effect.requestId,
      owner: context,
      from: { grant, flavor: request.flavor },
    });
    if (wasMoved(context.signal) || !context.isOurs() || context.signal.aborted) return undefined;
    if (isRefusal(placed)) return refusedNow(placed, context.attempt);
    const { host: chosen, node, providerId, availabilityZone } = placed;
    return { result: { host: chosen, node, providerId, availabilityZone } };
  }

  /** The destination's claim; on one host the one for both ends becomes that of the source again. */
  async releaseMove(): Promise<MoveResult> {
    const { state } = this.#moment;
    const { placement } = this.#services;
    const { move, grant, operation } = state;
    const before = move?.oldFlavor ?? state.request?.flavor;
    if (before !== undefined) await this.#count(before);
    const claimId = move?.destination.claimId ?? this.#claimId;
    if (move === undefined) {
      const others = new Set(placement.holders(state.id));
      if (grant !== undefined) others.delete(grant.providerId);
      for (const providerId of others) await placement.letGo(providerId, this.#claim(claimId));
      await placement.leaveGroup(this.#claim(claimId));
      if (operation?.parameters.sameHost === true && grant !== undefined)
        return this.#hold(grant, `${this.#claimId}/back`, state, [grant.claimId]);
      return done;
    }
    if (isOneHost(move)) {
      const { request } = state;
      if (request === undefined) return done;
      const source = { ...state, request: { ...request, flavor: move.oldFlavor } };
      return this.#hold(move.source, oneHostClaim(move, false), source, bothClaims(move));
    }
    await placement.letGo(move.destination.providerId, this.#claim(claimId));
    // A placement that was cut short and made again may have left another claim of the same name.
    for (const providerId of placement.holders(state.id))
      if (providerId !== move.source.providerId && providerId !== grant?.providerId)
        await placement.letGo(providerId, this.#claim(claimId));
    return done;
  }

  /** Before anything is changed: the source answers, and its disks are there. */
  async prepare(): Promise<MoveResult> {
    const { source } = this.#move;
    const { storageId } = await this.#order(source, { type: 'node.survey' });
    return { result: { host: source.host, ...(storageId === undefined ? {} : { storageId }) } };
  }

  /** Also its own undo: whatever became of it, by the source's word it is over afterwards. */
  async leave(): Promise<MoveResult> {
    const { grant } = this.#moment.state;
    if (grant === undefined || grant.side !== undefined) return done;
    return this.#leave(grant);
  }

  async #leave(grant: Grant): Promise<MoveResult> {
    const order = {
      type: 'node.leave',
      graceMs: SHUTDOWN_GRACE_MS,
      plan: this.#plan(grant),
    } as const;
    const { power } = await this.#order(grant, order);
    return { result: { host: grant.host, power } };
  }

  /** Files that the source shares stay: they are the source's. */
  async leaveDestination(): Promise<MoveResult> {
    const { grant } = this.#moment.state;
    if (grant === undefined || grant.side === 'source') return done;
    if (grant.side === undefined) return this.#leave(grant);
    const { storageId } = this.#move.source;
    await this.#order(grant, {
      type: 'node.destroy',
      plan: this.#plan(grant),
      ...(storageId === undefined ? {} : { spareStorage: storageId }),
    });
    return done;
  }

  async receive(): Promise<MoveResult> {
    const { source } = this.#move;
    const grant = this.#granted;
    const { disks = [], storageId = '' } = await this.#order(source, { type: 'node.survey' });
    const plan = this.#plan(grant);
    const order = { type: 'node.receive', plan, disks, sourceStorageId: storageId } as const;
    const report = await this.#order(grant, order);
    const told = report.storageId === undefined ? {} : { storageId: report.storageId };
    return { result: { host: grant.host, ...told } };
  }

  /** The network identity moves with the guest; a guest that was down stays down. */
  async finish(): Promise<MoveResult> {
    const { state } = this.#moment;
    const grant = this.#granted;
    await this.#services.networks.bind(state.id, grant.host, this.#effect.requestId);
    if (!this.#ran) return { result: { host: grant.host, power: 'shutdown' } };
    const { power } = await this.#order(grant, { type: 'node.start', plan: this.#plan(grant) });
    return { result: { host: grant.host, power } };
  }

  async returnGuest(): Promise<MoveResult> {
    const { state } = this.#moment;
    const grant = this.#granted;
    await this.#services.networks.bind(state.id, grant.host, this.#effect.requestId);
    const plan = this.#plan(grant);
    const { power } = await this.#order(grant, { type: 'node.take-back', plan, starts: this.#ran });
    return { result: { host: grant.host, power } };
  }

  async cleanSource(): Promise<MoveResult> {
    const { source } = this.#move;
    const plan = this.#plan(source);
    const spareStorage = this.#granted.storageId;
    await this.#order(source, { type: 'node.forget', plan, spareStorage });
    return done;
  }

  async releaseSource(): Promise<MoveResult> {
    const { state } = this.#moment;
    const move = this.#move;
    await this.#count(move.newFlavor);
    if (isOneHost(move))
      return this.#hold(move.source, oneHostClaim(move, true), state, bothClaims(move));
    await this.#services.placement.letGo(move.source.providerId, this.#claim(move.source.claimId));
    return done;
  }

  /** A delete that came to nothing has cut a move short, perhaps between its claims and the record of them. */
  async releaseInterrupted(): Promise<MoveResult> {
    const { state } = this.#moment;
    const { placement } = this.#services;
    const cutShort = cutShortPlacement(state);
    if (cutShort === undefined) return done;
    const { grant, claimId, renewed } = cutShort;
    if (state.request !== undefined) await this.#count(state.request.flavor);
    for (const providerId of placement.holders(state.id))
      if (providerId !== grant.providerId) await placement.letGo(providerId, this.#claim(claimId));
    return this.#hold(grant, renewed, state, [grant.claimId, claimId]);
  }

  /** The word of an administrator, as the host's own record has it. */
  async proveFenced(): Promise<MoveResult> {
    const { grant } = this.#moment.state;
    if (grant === undefined) return done;
    const answer = await this.#services.router.ask(
      hosts.ref(grant.host),
      { type: 'host.prove-fenced' },
      { requestId: this.#effect.requestId },
    );
    if (isRefusal(answer) || !answer.forcedDown)
      return { refused: refuse('host-not-fenced', { host: grant.host }) };
    const proof = `forced down since ${new Date(answer.sinceMs).toISOString()}`;
    return { result: { fenced: { method: 'forced-down', proof } } };
  }

  async placeEvacuated(): Promise<MoveResult> {
    const { state, context } = this.#moment;
    const { request, operation, fenced } = state;
    if (request === undefined || operation === undefined) return undefined;
    const { host } = operation.parameters;
    const placed = await this.#services.placement.place({
      serverId: state.id,
      request: askedFor(request, host),
      claimId: this.#claimId,
      excludedHosts: [...fenced, ...(state.leftBehind ?? [])].map((one) => one.host),
      requestId: this.#effect.requestId,
      owner: context,
    });
    if (wasMoved(context.signal) || !context.isOurs() || context.signal.aborted) return undefined;
    if (isRefusal(placed)) return refusedNow(placed, context.attempt);
    const { host: chosen, node, providerId, availabilityZone } = placed;
    return { result: { host: chosen, node, providerId, availabilityZone } };
  }

  async releaseEvacuated(): Promise<MoveResult> {
    const { placement } = this.#services;
    const { id, fenced } = this.#moment.state;
    const kept = new Set(fenced.map((one) => one.providerId));
    for (const providerId of placement.holders(id))
      if (!kept.has(providerId)) await placement.letGo(providerId, this.#claim(this.#claimId));
    await placement.leaveGroup(this.#claim(this.#claimId));
    return done;
  }

  /** What was held at the dead hosts; what runs there, if they come back, is taken away before they take anything new. */
  async releaseFenced(): Promise<MoveResult> {
    const { fenced, grant } = this.#moment.state;
    for (const { providerId, claimId } of fenced)
      if (providerId !== grant?.providerId)
        await this.#services.placement.letGo(providerId, this.#claim(claimId));
    return done;
  }

  async #hold(
    at: Pick<Grant, 'providerId' | 'host'>,
    claimId: string,
    state: InstanceState,
    instead: readonly string[],
  ): Promise<MoveResult> {
    const { request } = state;
    if (request === undefined) return done;
    const refused = await this.#services.placement.hold(at, {
      ...this.#claim(claimId),
      request,
      instead,
    });
    return refused === undefined ? done : { refused };
  }

  /** What the server counts for in its project's quota: during a move the larger of both flavors. */
  async #count({ vcpus, ramMiB }: Pick<Flavor, 'vcpus' | 'ramMiB'>): Promise<Refusal | undefined> {
    const { id, request } = this.#moment.state;
    checkOwner(this.#moment.context);
    const usage = { cores: vcpus, ramMiB };
    const answer = await this.#services.router.ask(
      projects.ref(request?.projectId ?? ''),
      { type: 'project.resize', serverId: id, usage, checkOnly: false },
      { requestId: this.#effect.requestId },
    );
    return isRefusal(answer) ? answer : undefined;
  }

  #claim(claimId: string) {
    const { state, context } = this.#moment;
    return { serverId: state.id, claimId, requestId: this.#effect.requestId, owner: context };
  }

  get #claimId(): string {
    return `${this.#effect.operationId}/${this.#effect.attempt}`;
  }

  get #move(): Move {
    const { move, id } = this.#moment.state;
    if (move === undefined) throw new Error(`instance ${id} is not being moved`);
    return move;
  }

  get #granted(): Grant {
    const { grant, id } = this.#moment.state;
    if (grant === undefined) throw new Error(`instance ${id} has no host`);
    return grant;
  }

  get #ran(): boolean {
    return this.#move.fromVmState === 'active';
  }

  #plan(grant: PlanGrant): GuestPlan {
    const { state, planOf } = this.#moment;
    return planOf(state, grant);
  }

  #order(grant: Grant, what: WithoutAddress<NodeOrder>): Promise<NodeReport> {
    const { state, context } = this.#moment;
    const { id, requestId } = this.#effect;
    const { type } = what;
    const order = {
      ...what,
      orderId: `${id}/${type}`,
      serverId: state.id,
      runEpoch: grant.runEpoch,
      requestId,
      ownerEpoch: context.ownerEpoch,
    } as NodeOrder;
    return this.#services.nodes.perform(grant.host, order, { signal: context.signal });
  }
}

/** Where a server was made once does not bind it when it moves; its zone does. */
export function askedFor(request: ServerRequest, host: string | undefined): ServerRequest {
  const { requestedHost: _, ...others } = request;
  return host === undefined ? others : { ...others, requestedHost: host };
}

function largerFlavor(one: Flavor, other: Flavor): Pick<Flavor, 'vcpus' | 'ramMiB'> {
  return {
    vcpus: Math.max(one.vcpus, other.vcpus),
    ramMiB: Math.max(one.ramMiB, other.ramMiB),
  };
}

function bothClaims({ source, destination }: Move): readonly string[] {
  return [source.claimId, destination.claimId];
}

/** An order without what says to whom and under which grant. */
type WithoutAddress<O> = O extends NodeOrder
  ? Omit<O, 'orderId' | 'serverId' | 'runEpoch' | 'requestId' | 'ownerEpoch'>
  : never;
