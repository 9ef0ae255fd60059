// The instance's effects: talks to scheduler, providers, networks and the node of its host, and reports back by
// commands. What may be decided from an answer is decide.ts's matter. An exception here means "try again".
import type { Router } from '#runtime/directory/router.ts';
import { type EffectContext, wasMoved } from '#runtime/entity/effects.ts';
import type { Env, Log } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import type { NodeClient } from '../node/client.ts';
import { NodeFault, type NodeFaultCode } from '../node/protocol.ts';
import type { ImageWriter } from '../ports/image-writer.ts';
import type { Networks } from '../ports/networks.ts';
import { projects } from '../project/protocol.ts';
import { attachFault } from './attach-fault.ts';
import { newAddresses, releaseLoosePort, serverPort, takePort } from './interface-effects.ts';
import { endLiveMove, isLiveEffect, type LiveResult, performLiveEffect } from './live/effects.ts';
import { disksNeverShrink, overQuota, placementFault, unfenced } from './move-faults.ts';
import { isMoveEffect, type MoveResult, performMoveEffect } from './move-effects.ts';
import { networkFaultMessage } from './network-fault.ts';
import { orderOf, planOf } from './orders.ts';
import { checkOwner, type Placement } from './placement.ts';
import { isShelveEffect, performShelveEffect } from './shelve-effects.ts';
import { refusedImage, workOnImage } from './snapshot-effects.ts';
import type { instanceCommands } from './protocol.ts';
import type { InstanceState, Move } from './state.ts';
import { timedOperation } from './timed-effects.ts';
import type { InstanceEffect } from './todo.ts';

type Report<T extends keyof typeof instanceCommands> = CommandNamed<typeof instanceCommands, T>;
type Outcome =
  | Report<'instance.operate'>
  | Report<'instance.step-done'>
  | Report<'instance.step-undone'>
  | Report<'instance.step-failed'>
  | Report<'instance.image-discarded'>
  | Report<'instance.port-released'>
  | Report<'instance.tidied'>;
type Result = Report<'instance.step-done'>['result'];
type Fault = Report<'instance.step-failed'>['fault'];

export interface InstanceServices {
  readonly env: Pick<Env, 'clock' | 'timers'>;
  readonly log: Log;
  readonly router: Router;
  readonly states: StateView<InstanceState>;
  readonly placement: Placement;
  readonly networks: Networks;
  readonly nodes: NodeClient;
  readonly images: ImageWriter;
}

export function instanceEffects(
  services: InstanceServices,
): (effect: InstanceEffect, context: EffectContext) => Promise<Outcome | undefined> {
  // A placement that was given up goes on until its claims and ports are made, and given back: nothing of the server is
  // released for good before that, or a crash in between would leave behind what nobody looks for any more.
  const placing = new Map<string, Promise<unknown>>();
  return async (effect, context) => {
    if (effect.kind.startsWith('release-') || effect.kind === 'discard-image')
      await placing.get(context.entityId)?.catch(() => undefined);
    const attempted = attempt(services, effect, context);
    if (effect.kind.startsWith('place') || isTaken.has(effect.kind))
      remember(placing, context.entityId, attempted);
    const outcome = await attempted;
    if (outcome?.type === 'instance.step-failed' && !context.signal.aborted) {
      const { step, fault, retryable } = outcome;
      const { requestId } = effect;
      services.log.warn(
        { server: context.entityId, requestId, step, attempt: effect.attempt, fault, retryable },
        'a step failed',
      );
    }
    return outcome;
  };
}

/** What is made for a server without its host, beside its place. */
const isTaken: ReadonlySet<InstanceEffect['kind']> = new Set(['register-image', 'take-port']);

function remember(
  placing: Map<string, Promise<unknown>>,
  serverId: string,
  attempted: Promise<unknown>,
): void {
  const forget = (): void => {
    if (placing.get(serverId) === attempted) placing.delete(serverId);
  };
  placing.set(serverId, attempted);
  attempted.then(forget, forget);
}

async function attempt(
  services: InstanceServices,
  effect: InstanceEffect,
  context: EffectContext,
): Promise<Outcome | undefined> {
  if (effect.kind === 'deadline') return failed(effect, deadlineFault(effect), true);
  const state = services.states.get(context.entityId);
  if (state?.request === undefined) return undefined;
  try {
    return await run(services, effect, context, state);
  } catch (error) {
    if (error instanceof NodeFault && !triedAgain.has(error.code))
      return failed(effect, nodeFault(state, error), error.retryable);
    throw error;
  }
}

/** Says nothing about the guest: the host was not reached, or a later owner of this server orders by now. */
const triedAgain: ReadonlySet<NodeFaultCode> = new Set([
  'host-unreachable',
  'stale-owner',
  'image-service',
]);

async function run(
  services: InstanceServices,
  effect: InstanceEffect,
  context: EffectContext,
  state: InstanceState,
): Promise<Outcome | undefined> {
  switch (effect.kind) {
    case 'place':
      return place(services, effect, context, state);
    case 'release-placement':
      await releasePlacement(services, effect, { state, context });
      return ended(effect, {});
    case 'release-all':
      await releaseAll(services, effect, { state, context });
      return ended(effect, {});
    case 'auto-confirm':
    case 'reclaim':
    case 'auto-offload':
      return timedOperation(services.env, { kind: effect.kind, effect, state, context });
    case 'register-image':
    case 'rotate-backups': {
      const { kind, requestId } = effect;
      const refused = await workOnImage(services.images, { kind, requestId }, state);
      return refused === undefined
        ? ended(effect, {})
        : failed(effect, refusedImage(refused), false);
    }
    case 'discard-image':
      return discardImage(services, effect);
    case 'take-port':
    case 'change-addresses':
      return takenPort(services, effect, context, state);
    case 'release-port': {
      const portId = await releaseLoosePort(services.networks, effect, state);
      return portId === undefined ? undefined : { type: 'instance.port-released', portId };
    }
    case 'restart-guest':
      // Only a guest that ran is to run again.
      if (state.operation?.fromVmState !== 'active') return ended(effect, {});
      return order(services, effect, context, state);
    case 'deadline':
      return undefined;
    default:
      if (isShelveEffect(effect.kind)) {
        const work = { kind: effect.kind, effect, state, context };
        return shelveOutcome(effect, state, await performShelveEffect(services.placement, work));
      }
      if (isMoveEffect(effect.kind)) {
        const moved = { ...effect, kind: effect.kind };
        const result = await performMoveEffect(services, moved, { state, context, planOf });
        return moveOutcome(effect, state, result);
      }
      if (isLiveEffect(effect.kind)) {
        const live = { ...effect, kind: effect.kind };
        return liveOutcome(
          effect,
          state,
          await performLiveEffect(services, live, { state, context, planOf }),
        );
      }
      return order(services, effect, context, state);
  }
}

function moveOutcome(
  effect: InstanceEffect,
  state: InstanceState,
  result: MoveResult,
): Outcome | undefined {
  if (result === undefined) return undefined;
  if ('result' in result) return ended(effect, result.result);
  const { refused } = result;
  if (refused.refused === 'disk-shrinks') return failed(effect, disksNeverShrink, false);
  if (refused.refused === 'quota-exceeded') return failed(effect, overQuota(refused), false);
  if (refused.refused === 'host-not-fenced') return failed(effect, unfenced(refused), false);
  return refused.refused === 'no-valid-host'
    ? failed(effect, placementFault(refused, state), false)
    : failed(
        effect,
        {
          code: 500,
          message: `The claim was refused: ${refused.refused}.`,
          details: JSON.stringify(refused.detail),
        },
        false,
      );
}

function liveOutcome(
  effect: InstanceEffect,
  state: InstanceState,
  result: LiveResult,
): Outcome | undefined {
  if (result !== undefined && 'told' in result) {
    const { host, runEpoch, migrationId, work } = result.told;
    return { type: 'instance.tidied', host, runEpoch, migrationId, work };
  }
  if (result !== undefined && 'found' in result)
    return ended({ ...effect, undo: false }, result.found);
  return moveOutcome(effect, state, result);
}

async function discardImage(
  { images }: InstanceServices,
  { requestId, imageId }: InstanceEffect,
): Promise<Outcome | undefined> {
  if (imageId === undefined) return undefined;
  await images.remove(imageId, requestId);
  return { type: 'instance.image-discarded', imageId };
}

async function takenPort(
  { networks }: InstanceServices,
  effect: InstanceEffect,
  context: EffectContext,
  state: InstanceState,
): Promise<Outcome | undefined> {
  const work = effect.kind === 'take-port' ? takePort : newAddresses;
  const taken = await work(networks, effect, state, context);
  if (taken === undefined) return undefined;
  if (!isRefusal(taken)) return ended(effect, { ports: [taken] });
  const { attach, addresses } = state.operation?.parameters ?? {};
  const { networkId = '' } = attach?.port ?? addresses ?? {};
  return failed(effect, attachFault(taken, { serverId: state.id, networkId }), false);
}

function shelveOutcome(
  effect: InstanceEffect,
  state: InstanceState,
  result: Awaited<ReturnType<typeof performShelveEffect>>,
): Outcome | undefined {
  if (result === undefined) return undefined;
  if (result === 'done') return ended(effect, {});
  return isRefusal(result)
    ? failed(effect, placementFault(result, state), false)
    : ended(effect, result);
}

/** Host and ports at once: neither needs the other. */
async function place(
  services: InstanceServices,
  effect: InstanceEffect,
  context: EffectContext,
  state: InstanceState,
): Promise<Outcome | undefined> {
  const { request } = state;
  if (request === undefined) return undefined;
  const claimId = claimOf(effect);
  const { requestId } = effect;
  const [placed, allocated] = await Promise.allSettled([
    services.placement.place({
      serverId: state.id,
      request,
      claimId,
      excludedHosts: (state.operation?.excludedHosts ?? []).map(({ host }) => host),
      requestId,
      owner: context,
    }),
    services.networks.allocate({
      serverId: state.id,
      projectId: request.projectId,
      hostname: request.hostname,
      requests: request.networks.map(({ portId, existing, networkId, fixedIp, tag }) => ({
        portId,
        existing,
        networkId,
        fixedIp,
        tag,
      })),
      securityGroups: request.securityGroups,
      requestId,
    }),
  ]);
  if (wasMoved(context.signal) || !context.isOurs()) return undefined;
  if (context.signal.aborted) {
    await giveBack(services, effect, { state, context });
    return undefined;
  }
  if (placed.status === 'rejected') throw placed.reason;
  if (allocated.status === 'rejected') throw allocated.reason;
  if (isRefusal(placed.value)) return failed(effect, placementFault(placed.value, state), false);
  if (isRefusal(allocated.value)) return failed(effect, networkFault(allocated.value), false);
  const { host, node, providerId, availabilityZone } = placed.value;
  const ports = allocated.value.map(serverPort);
  return ended(effect, { host, node, providerId, availabilityZone, ports });
}

/** What an effect works with: the state that wants it, and on whose behalf it runs. */
interface Moment {
  readonly state: InstanceState;
  readonly context: EffectContext;
}

/**
 * A placement that came too late. It may be wanted all the same: when the answer to an append is lost, it is made again
 * while the first one is on record already; and another try may hold the server's ports by now.
 */
async function giveBack(
  services: InstanceServices,
  effect: InstanceEffect,
  { state, context }: Moment,
): Promise<void> {
  const now = services.states.get(state.id);
  if (now?.grant !== undefined) return;
  const { operation } = now ?? {};
  const isTriedAgain = operation?.id === effect.operationId && operation.attempt > effect.attempt;
  const { requestId } = effect;
  if (isTriedAgain)
    await services.placement.release(state.id, claimOf(effect), { requestId, owner: context });
  else await releasePlacement(services, effect, { state, context });
}

async function releasePlacement(
  services: InstanceServices,
  effect: InstanceEffect,
  { state, context }: Moment,
): Promise<void> {
  const { requestId } = effect;
  checkOwner(context);
  await Promise.all([
    services.placement.release(state.id, claimOf(effect), { requestId, owner: context }),
    services.networks.release(state.id, requestId),
  ]);
}

async function releaseAll(
  services: InstanceServices,
  effect: InstanceEffect,
  { state, context }: Moment,
): Promise<void> {
  const { requestId } = effect;
  checkOwner(context);
  const releases: Promise<unknown>[] = [
    services.placement.release(state.id, undefined, { requestId, owner: context }),
    services.networks.release(state.id, requestId),
  ];
  if (state.request !== undefined) {
    releases.push(
      services.router.ask(
        projects.ref(state.request.projectId),
        { type: 'project.release', serverId: state.id },
        { requestId },
      ),
    );
  }
  await Promise.all(releases);
}

/** Everything that the host does. Without a grant there is no guest anywhere, so taking it away is done. */
async function order(
  services: InstanceServices,
  effect: InstanceEffect,
  context: EffectContext,
  state: InstanceState,
): Promise<Outcome | undefined> {
  const { grant, move } = state;
  const { signal, ownerEpoch } = context;
  const isEnd = effect.kind === 'destroy-guest';
  const isLive = move?.isLive === true;
  const left =
    isEnd && isLive ? await endLiveMove(services, effect, { state, context, planOf }) : [];
  const leftBehind = left.length === 0 ? {} : { leftBehind: [...left] };
  if (isEnd && move !== undefined && !isLive && move.source.host !== grant?.host)
    await endOfSource(services, effect, { state, context }, move);
  if (grant === undefined) {
    if (isEnd) return ended(effect, leftBehind);
    return failed(effect, { code: 500, message: 'The server has no host.', details: '' }, false);
  }
  const [report] = await Promise.all([
    services.nodes.perform(
      grant.host,
      { ...orderOf(effect, state, grant), ownerEpoch },
      { signal },
    ),
    effect.kind === 'build-guest' || effect.kind === 'attach-interface'
      ? services.networks.bind(state.id, grant.host, effect.requestId)
      : undefined,
  ]);
  const { power, storageId } = report;
  const told = storageId === undefined ? {} : { storageId };
  return ended(effect, { host: grant.host, power, ...told, ...leftBehind });
}

/** What a delete in the middle of a move meets at its other end: disks that are kept under a grant that is over. */
async function endOfSource(
  services: InstanceServices,
  effect: InstanceEffect,
  { state, context }: Moment,
  { source }: Move,
): Promise<void> {
  const order = {
    type: 'node.destroy',
    orderId: `${effect.id}/source`,
    serverId: state.id,
    runEpoch: source.runEpoch,
    requestId: effect.requestId,
    ownerEpoch: context.ownerEpoch,
    plan: planOf(state, source),
  } as const;
  await services.nodes.perform(source.host, order, { signal: context.signal });
}

const claimOf = (effect: InstanceEffect): string => `${effect.operationId}/${effect.attempt}`;

function ended(effect: InstanceEffect, result: Result): Outcome {
  const { operationId, step, attempt } = effect;
  if (effect.undo) {
    const about = result.leftBehind === undefined ? {} : { result };
    return { type: 'instance.step-undone', operationId, step, attempt, ...about };
  }
  return { type: 'instance.step-done', operationId, step, attempt, result };
}

function failed(effect: InstanceEffect, fault: Fault, retryable: boolean): Outcome {
  const { operationId, step, attempt } = effect;
  return { type: 'instance.step-failed', operationId, step, attempt, fault, retryable };
}

function deadlineFault(effect: InstanceEffect): Fault {
  const what = effect.undo ? `Taking back ${effect.step}` : `The step ${effect.step}`;
  return {
    code: 500,
    message: `${what} was not done within ${effect.deadlineMs / 1000} s.`,
    details: '',
  };
}

function networkFault(refusal: Refusal): Fault {
  return { code: 400, message: networkFaultMessage(refusal), details: '' };
}

const faultCodes: Readonly<Partial<Record<NodeFaultCode, number>>> = {
  'image-refused': 400,
  'no-agent': 501,
};

function nodeFault(state: InstanceState, error: NodeFault): Fault {
  const host = state.grant?.host ?? 'no host';
  const code = faultCodes[error.code] ?? 500;
  return {
    code,
    message: error.message.slice(0, 1000),
    details: `On host ${host}: ${error.code}${causeOf(error)}`,
  };
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? `: ${error.cause.message}` : '';
}
