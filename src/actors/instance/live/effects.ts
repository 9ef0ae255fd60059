// The effects of a live migration: what one host says is carried to the other, and what only the journal may decide is reported
// to it first (DESIGN §5). Each knows what to do from the state alone; hosts that have done a part of it answer as before, so
// that whoever goes on with it joins what is under way. An exception here means "try again".
import type { Env } from '#runtime/env/env.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { NodeClient } from '#actors/node/client.ts';
import {
  type GuestPlan,
  NodeFault,
  type NodeOrder,
  type NodeReport,
} from '#actors/node/protocol.ts';
import type { Networks } from '#actors/ports/networks.ts';
import { type CopyProgress, type LeftBehind, leftBehindId } from './handover.ts';
import { watchCopy } from './copy-watch.ts';
import type { MoveMoment, MoveResult } from '../move-effects.ts';
import type { EffectName } from '../operations/table.ts';
import type { Placement } from '../placement.ts';
import { instances } from '../protocol.ts';
import type { Grant, Move } from '../state.ts';
import type { InstanceEffect } from '../todo.ts';

export interface LiveServices {
  readonly env: Pick<Env, 'clock' | 'timers'>;
  readonly placement: Pick<Placement, 'letGo'>;
  readonly networks: Pick<Networks, 'bind'>;
  readonly nodes: Pick<NodeClient, 'perform'>;
  readonly router: Router;
}

type LiveEffect =
  | Extract<
      EffectName,
      | 'copy-guest'
      | 'keep-guest'
      | 'hand-over-guest'
      | 'take-over-guest'
      | 'decline-guest'
      | 'clean-handed-over'
    >
  | 'tidy-up'
  | 'force-copy';

/** A host that does not answer by then (within 2 s) is left to be told later. */
const TRIES_TO_TELL = 5;
/** One that takes an order and does not answer it is not waited for longer. */
const ANSWER_MS = 20_000;
/** Nor is one that does not take its part of the copy by then (within a minute). */
const TRIES_TO_COPY = 9;

type Run = (work: LiveWork) => Promise<LiveResult>;
/** `found`: what was to be taken back is done, and is to stay; `told`: what was left to be done is done. */
export type LiveResult =
  | MoveResult
  | { readonly found: Readonly<Record<string, unknown>> }
  | { readonly told: LeftBehind };

const runs: Readonly<Record<LiveEffect, Run>> = {
  'copy-guest': (work) => work.copy(),
  'keep-guest': (work) => work.keep(),
  'hand-over-guest': (work) => work.handOver(),
  'take-over-guest': (work) => work.takeOver(),
  'decline-guest': (work) => work.decline(),
  'clean-handed-over': (work) => work.clean(),
  'tidy-up': (work) => work.tidyUp(),
  'force-copy': (work) => work.force(),
};

export function isLiveEffect(kind: string): kind is LiveEffect {
  return Object.hasOwn(runs, kind);
}

type Moment = MoveMoment & {
  readonly planOf: (
    state: MoveMoment['state'],
    grant: Pick<Grant, 'availabilityZone'>,
  ) => GuestPlan;
};

/** Rejects with a NodeFault for trouble on a host that ends the step. */
export function performLiveEffect(
  services: LiveServices,
  effect: InstanceEffect & { readonly kind: LiveEffect },
  moment: Moment,
): Promise<LiveResult> {
  return runs[effect.kind](new LiveWork(services, effect, moment));
}

/** A delete in the middle of a live migration: its other ends are told; who does not answer is told later. */
export function endLiveMove(
  services: LiveServices,
  effect: InstanceEffect,
  moment: Moment,
): Promise<readonly LeftBehind[]> {
  return new LiveWork(services, effect, moment).endOthers();
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

const done = { result: {} } as const;
type End = Pick<Grant, 'host' | 'availabilityZone'> & { readonly runEpoch: number };

class LiveWork {
  readonly #services: LiveServices;
  readonly #effect: InstanceEffect;
  readonly #moment: Moment;

  constructor(services: LiveServices, effect: InstanceEffect, moment: Moment) {
    this.#services = services;
    this.#effect = effect;
    this.#moment = moment;
  }

  /** Nothing here is on record: hosts that remember their part answer as before, others begin anew under another try's name. */
  async copy(): Promise<LiveResult> {
    try {
      return await this.#copy();
    } catch (error) {
      const { attempt } = this.#moment.context;
      if (!isUnreachable(error) || attempt < TRIES_TO_COPY) throw error;
      throw new NodeFault('timeout', error.message, { retryable: true, cause: error });
    }
  }

  async #copy(): Promise<LiveResult> {
    const { source } = this.#move;
    const destination = this.#destination;
    const plan = this.#plan(destination);
    const copiesDisks = this.#moment.state.operation?.parameters.blockMigration;
    const expected = await this.#order(destination, {
      type: 'node.expect',
      plan,
      sourceStorageId: source.storageId,
      copiesDisks,
    });
    const { spec, copiedDisks = [] } = expected.handover ?? {};
    if (spec === undefined) throw senseless(destination.host, 'no guest to be expected');
    const settings = settingsOf(copiedDisks);
    const offered = await this.#order(source, { type: 'node.offer', spec, settings });
    const { offer, tryId } = offered.handover ?? {};
    if (offer === undefined || tryId === undefined) throw senseless(source.host, 'no offer');
    const invited = await this.#order(
      destination,
      { type: 'node.invite', plan, offer, settings },
      tryId,
    );
    const { invitation } = invited.handover ?? {};
    if (invitation === undefined) throw senseless(destination.host, 'no invitation');
    await this.#tellRunning();
    const copied = await watchCopy(
      this.#order(source, { type: 'node.copy', spec, offer, invitation, settings }, tryId),
      {
        env: this.#services.env,
        host: source.host,
        look: (lookId) => this.#order(source, { type: 'node.copy-progress' }, lookId),
        tell: (progress) => this.#tell(progress),
      },
    );
    const { cookie } = copied.handover ?? {};
    if (cookie === undefined) throw senseless(source.host, 'a copy without its cookie');
    const destinationStorageId = expected.storageId ?? '';
    const { isPaused } = offer;
    const handover = { cookie, isPaused, copiedDisks: [...copiedDisks], destinationStorageId };
    return { result: { handover } };
  }

  async #tellRunning(): Promise<void> {
    const { operation, migrations } = this.#moment.state;
    const record = migrations.find(({ id }) => id === operation?.id);
    if (record?.status !== 'running') await this.#tell(undefined);
  }

  /** What is told comes too late when the migration has been given up meanwhile: then nobody waits for it either. */
  async #tell(progress: CopyProgress | undefined): Promise<void> {
    const { operationId, requestId } = this.#effect;
    const told = progress === undefined ? {} : { progress };
    const command = { type: 'instance.copy-progress', operationId, ...told } as const;
    await this.#services.router.ask(instances.ref(this.#moment.state.id), command, { requestId });
  }

  /** Also its own undo: whatever became of it, by the source's word its grant is over afterwards, and its guest stands still. */
  async handOver(): Promise<LiveResult> {
    const { grant } = this.#moment.state;
    const { undo } = this.#effect;
    if (grant === undefined || grant.side !== undefined) return done;
    const order = { type: 'node.hand-over', pauses: undo } as const;
    const ordered = this.#order(grant, order);
    await (undo ? again(ordered) : ordered);
    return { result: { host: grant.host } };
  }

  async takeOver(): Promise<LiveResult> {
    return { result: await this.#takeOver() };
  }

  async #takeOver() {
    const { state } = this.#moment;
    const grant = this.#granted;
    const { handover } = this.#move;
    if (handover === undefined) throw new Error(`instance ${state.id} was not copied`);
    const { cookie, isPaused, copiedDisks } = handover;
    const settings = settingsOf(copiedDisks);
    const plan = this.#plan(grant);
    const [{ power, storageId }] = await Promise.all([
      this.#order(grant, { type: 'node.take-over', plan, cookie, isPaused, settings }),
      this.#services.networks.bind(state.id, grant.host, this.#effect.requestId),
    ]);
    const told = storageId === undefined ? {} : { storageId };
    return { host: grant.host, power, ...told };
  }

  /** A destination that has saved its grant may have run the guest: then there is no way back, only on. */
  async decline(): Promise<LiveResult> {
    const { grant } = this.#moment.state;
    if (grant?.side !== 'destination') return done;
    const plan = this.#plan(grant);
    const spareStorage = this.#move.source.storageId;
    const order = { type: 'node.decline', plan, spareStorage, closes: true } as const;
    const { stopped } = await again(this.#order(grant, order));
    if (stopped) return done;
    return { found: await again(this.#takeOver()) };
  }

  /** The source's guest goes on, and the destination waits no more. */
  async keep(): Promise<LiveResult> {
    const { state } = this.#moment;
    const grant = this.#granted;
    const isNew = grant.side === 'source';
    const isPaused = this.#move.fromVmState === 'paused';
    const [kept, declined] = await Promise.all([
      this.#orLeave(this.#left('keep', grant), {
        type: 'node.keep',
        plan: this.#plan(grant),
        isPaused,
        starts: isNew,
      }),
      this.#declineLater(),
      isNew
        ? this.#services.networks.bind(state.id, grant.host, this.#effect.requestId)
        : undefined,
    ]);
    return { result: { leftBehind: [...kept, ...declined] } };
  }

  #declineLater(): Promise<readonly LeftBehind[]> {
    const plan = this.#plan(this.#destination);
    const spareStorage = this.#move.source.storageId;
    const order = { type: 'node.decline', plan, spareStorage, closes: false } as const;
    return this.#orLeave(this.#left('decline', this.#destination, spareStorage), order);
  }

  async clean(): Promise<LiveResult> {
    const { source } = this.#move;
    const left = this.#left('clean', source, this.#granted.storageId);
    const leftBehind = await this.#orLeave(left, this.#cleanOrder(left));
    if (leftBehind.length === 0) await this.#letGo(left);
    return { result: { leftBehind } };
  }

  #cleanOrder(left: LeftBehind) {
    return {
      type: 'node.clean',
      plan: this.#plan(left),
      spareStorage: left.spareStorage,
    } as const;
  }

  #letGo({ providerId, claimId }: LeftBehind): Promise<void> {
    const { state, context } = this.#moment;
    const { requestId } = this.#effect;
    const claim = { serverId: state.id, claimId, requestId, owner: context };
    return this.#services.placement.letGo(providerId, claim);
  }

  /** A host is told what it did not hear; a guest goes on there only under the grant that stands. */
  async tidyUp(): Promise<LiveResult> {
    const { leftBehind = [] } = this.#moment.state;
    const left = leftBehind.find((one) => this.#effect.id === leftBehindId(one));
    if (left === undefined) return undefined;
    await again(this.#tidyUp(left));
    return { told: left };
  }

  async #tidyUp(left: LeftBehind): Promise<void> {
    const { grant } = this.#moment.state;
    const { work, isPaused, spareStorage } = left;
    const plan = this.#plan(left);
    if (work === 'decline')
      await this.#order(left, { type: 'node.decline', plan, spareStorage, closes: false });
    else if (work === 'clean') {
      await this.#order(left, this.#cleanOrder(left));
      await this.#letGo(left);
    } else if (grant?.host === left.host && grant.runEpoch === left.runEpoch)
      await this.#order(left, { type: 'node.keep', plan, isPaused, starts: false });
  }

  async force(): Promise<LiveResult> {
    const { grant } = this.#moment.state;
    if (grant !== undefined) await again(this.#order(grant, { type: 'node.force-copy' }));
    return undefined;
  }

  async endOthers(): Promise<readonly LeftBehind[]> {
    const { source, handover } = this.#move;
    const { grant } = this.#moment.state;
    if (grant?.side !== 'destination') return this.#declineLater();
    const left = this.#left('clean', source, handover?.destinationStorageId);
    return this.#orLeave(left, this.#cleanOrder(left));
  }

  /** What a host that does not answer is to do stays behind; other trouble there is tried again, and left, too. */
  async #orLeave(
    left: LeftBehind,
    what: WithoutAddress<NodeOrder>,
  ): Promise<readonly LeftBehind[]> {
    try {
      await this.#answered(left.host, this.#order(left, what));
      return [];
    } catch (error) {
      if (error instanceof NoAnswer) return [left];
      if (!(error instanceof NodeFault)) throw error;
      const mayWait = isUnreachable(error) || left.work !== 'keep';
      if (mayWait && this.#moment.context.attempt >= TRIES_TO_TELL) return [left];
      throw retried(error);
    }
  }

  /** What goes on there all the same is joined, or found done, by whoever tells it later. */
  async #answered(host: string, ordered: Promise<NodeReport>): Promise<NodeReport> {
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      const { timers } = this.#services.env;
      cancel = timers.after(ANSWER_MS, () => reject(new NoAnswer(`host ${host} does not answer`)));
    });
    try {
      return await Promise.race([ordered, late]);
    } finally {
      cancel();
      ordered.catch(() => undefined);
    }
  }

  #left(
    work: LeftBehind['work'],
    end: Pick<Grant, 'host' | 'runEpoch' | 'availabilityZone' | 'providerId' | 'claimId'>,
    spareStorage?: string,
  ): LeftBehind {
    const { host, runEpoch, availabilityZone, providerId, claimId } = end;
    return {
      work,
      host,
      runEpoch,
      migrationId: this.#move.migrationId,
      availabilityZone,
      providerId,
      claimId,
      isPaused: this.#move.fromVmState === 'paused',
      ...(spareStorage === undefined ? {} : { spareStorage }),
    };
  }

  get #move(): Move {
    const { move, id } = this.#moment.state;
    if (move === undefined) throw new Error(`instance ${id} is not being moved`);
    return move;
  }

  /** Under the run-epoch that it gets when the source has handed the guest over. */
  get #destination(): Move['destination'] & End {
    const { source, destination } = this.#move;
    return { ...destination, runEpoch: source.runEpoch + 1 };
  }

  get #granted(): Grant {
    const { grant, id } = this.#moment.state;
    if (grant === undefined) throw new Error(`instance ${id} has no host`);
    return grant;
  }

  #plan(end: Pick<Grant, 'availabilityZone'>): GuestPlan {
    return this.#moment.planOf(this.#moment.state, end);
  }

  /** `tryId`: of orders that are good for one try alone. */
  #order(
    end: Pick<Grant, 'host' | 'runEpoch'>,
    what: WithoutAddress<NodeOrder>,
    tryId?: string,
  ): Promise<NodeReport> {
    const { state, context } = this.#moment;
    const { id, requestId } = this.#effect;
    // What is told now would come after the undo, or the delete, that has taken its place.
    if (context.signal.aborted) throw new Error(`nobody wants ${what.type} of ${id} any more`);
    const order = {
      ...what,
      orderId: `${id}/${what.type}${tryId === undefined ? '' : `/${tryId}`}`,
      serverId: state.id,
      runEpoch: end.runEpoch,
      requestId,
      ownerEpoch: context.ownerEpoch,
    } as NodeOrder;
    return this.#services.nodes.perform(end.host, order, { signal: context.signal });
  }
}

type Settings = Extract<NodeOrder, { readonly type: 'node.offer' }>['settings'];

const settingsOf = (copiedDisks: readonly string[]): Settings => ({
  copiedDisks,
  autoConverge: true,
});

function isUnreachable(error: unknown): error is NodeFault {
  return error instanceof NodeFault && error.code === 'host-unreachable';
}

/** What must be done is tried again, whatever the trouble was, for as long as it is wanted. */
async function again<T>(ordered: Promise<T>): Promise<T> {
  try {
    return await ordered;
  } catch (error) {
    throw error instanceof NodeFault ? retried(error) : error;
  }
}

function retried(error: NodeFault): Error {
  return new Error(error.message, { cause: error });
}

function senseless(host: string, what: string): NodeFault {
  return new NodeFault('hypervisor', `host ${host} answers what makes no sense here: ${what}`, {
    retryable: false,
  });
}

/** An order without what says to whom and under which grant. */
type WithoutAddress<O> = O extends NodeOrder
  ? Omit<O, 'orderId' | 'serverId' | 'runEpoch' | 'requestId' | 'ownerEpoch'>
  : never;
