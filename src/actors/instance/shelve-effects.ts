// The effects of shelving that are no orders to a host: what an offloaded server held is given back, and one that is
// unshelved is given a host. Each knows what to do from the state alone, so that it can be done again after a crash.
import { type EffectContext, wasMoved } from '#runtime/entity/effects.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { Candidate } from '../scheduler/protocol.ts';
import { askedFor, waitForSilent } from './move-effects.ts';
import type { EffectName } from './operations/table.ts';
import type { Placement } from './placement.ts';
import type { InstanceState } from './state.ts';
import type { InstanceEffect } from './todo.ts';

export type ShelveEffect = Extract<
  EffectName,
  'release-offloaded' | 'place-unshelved' | 'release-unshelved'
>;

const kinds: ReadonlySet<string> = new Set<ShelveEffect>([
  'release-offloaded',
  'place-unshelved',
  'release-unshelved',
]);

export function isShelveEffect(kind: string): kind is ShelveEffect {
  return kinds.has(kind);
}

type Placed = Omit<Candidate, 'weight'>;

interface Work {
  readonly kind: ShelveEffect;
  readonly effect: InstanceEffect;
  readonly state: InstanceState;
  readonly context: EffectContext;
}

/** The host that was found, `done`, or a refusal; undefined when nobody wants to hear it. */
export function performShelveEffect(
  placement: Placement,
  work: Work,
): Promise<Placed | 'done' | Refusal | undefined> {
  switch (work.kind) {
    case 'release-offloaded':
      return letGo(placement, work, work.state.shelved?.left?.claimId);
    case 'release-unshelved':
      return letGo(placement, work, claimOf(work));
    case 'place-unshelved':
      return place(placement, work);
    default:
      return unreachable(work.kind);
  }
}

const claimOf = ({ effect: { operationId, attempt } }: Work): string => `${operationId}/${attempt}`;

/** Also where a placement has held something that is not on record. */
async function letGo(
  placement: Placement,
  { effect, state, context }: Work,
  claimId: string | undefined,
): Promise<'done'> {
  if (claimId === undefined) return 'done';
  const claim = { serverId: state.id, claimId, requestId: effect.requestId, owner: context };
  for (const providerId of placement.holders(state.id)) await placement.letGo(providerId, claim);
  await placement.leaveGroup(claim);
  return 'done';
}

async function place(placement: Placement, work: Work): Promise<Placed | Refusal | undefined> {
  const { effect, state, context } = work;
  const { request, operation, shelved } = state;
  if (request === undefined || operation === undefined) return undefined;
  const { host } = operation.parameters;
  const image = shelved?.image ?? request.image;
  const placed = await placement.place({
    serverId: state.id,
    request: askedFor({ ...request, ...(image === undefined ? {} : { image }) }, host),
    claimId: claimOf(work),
    excludedHosts: operation.excludedHosts.map((one) => one.host),
    requestId: effect.requestId,
    owner: context,
  });
  if (wasMoved(context.signal) || !context.isOurs() || context.signal.aborted) return undefined;
  if (isRefusal(placed)) {
    waitForSilent(placed, context.attempt);
    return placed;
  }
  const { host: chosen, node, providerId, availabilityZone } = placed;
  return { host: chosen, node, providerId, availabilityZone };
}
