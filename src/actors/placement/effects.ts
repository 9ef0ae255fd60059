// Sees placement writes through: asks every provider of a write to prepare, then tells all of them to commit or to abort.
// Every step may be repeated; a write of one part is prepared and committed in one.
import type { Router } from '#runtime/directory/router.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { CommandOf } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import { providers, type providerCommands } from '../provider/protocol.ts';
import type { WriteEffect } from './entity.ts';
import type { PlacementCommand, PlacementState, PlacementWrite, WritePart } from './protocol.ts';

export interface PlacementServices {
  readonly router: Router;
  readonly states: StateView<PlacementState>;
}

type Report = Exclude<PlacementCommand, { type: 'placement.begin' }>;
type ProviderOrder = CommandOf<typeof providerCommands>;

/** A write whose providers can't all be asked is given up after so many tries. */
const MAX_TRIES = 5;
const ASK_MS = 10_000;

export function placementEffects(
  services: PlacementServices,
): (effect: WriteEffect, context: EffectContext) => Promise<Report | undefined> {
  return async ({ writeId }, { entityId, attempt }) => {
    const write = services.states.get(entityId)?.writes[writeId];
    if (write === undefined) return undefined;
    switch (write.phase) {
      case 'preparing':
        return prepare(services.router, { writeId, write, attempt });
      case 'committing':
        await tellAll(services.router, write, { type: 'provider.commit', writeId });
        return { type: 'placement.settle', writeId };
      case 'aborting':
        // A part that is alone was refused, so there is nothing to take back.
        if (write.parts.length > 1)
          await tellAll(services.router, write, { type: 'provider.abort', writeId });
        return { type: 'placement.settle', writeId };
      default:
        return unreachable(write.phase);
    }
  };
}

async function prepare(
  router: Router,
  asked: {
    readonly writeId: string;
    readonly write: PlacementWrite;
    readonly attempt: number;
  },
): Promise<Report> {
  const { writeId, write, attempt } = asked;
  const alone = write.parts.length === 1;
  const refused = ({ refused: code, detail }: Refusal): Report => ({
    type: 'placement.refuse',
    writeId,
    refusal: { refused: code, detail: { ...detail } },
  });
  try {
    const answers = await Promise.all(
      write.parts.map((part) => tell(router, part.providerId, orderOf(part, { writeId, alone }))),
    );
    const refusal = answers.find(isRefusal);
    if (refusal !== undefined) return refused(refusal);
    return { type: alone ? 'placement.settle' : 'placement.prepared', writeId };
  } catch (error) {
    // Alone it may be done already: then only asking again tells.
    if (alone || attempt < MAX_TRIES) throw error;
    return refused({ refused: 'write-abandoned', detail: { tries: attempt } });
  }
}

function orderOf(
  { op }: WritePart,
  { writeId, alone }: { readonly writeId: string; readonly alone: boolean },
): ProviderOrder {
  switch (op.kind) {
    case 'create':
    case 'place': {
      const { kind, ...place } = op;
      return { type: `provider.${kind}`, writeId, ...place };
    }
    case 'remove':
      return { type: 'provider.remove', writeId };
    case 'change':
      return { type: 'provider.prepare', writeId, change: op.change, alone };
    default:
      return unreachable(op);
  }
}

async function tellAll(router: Router, write: PlacementWrite, order: ProviderOrder): Promise<void> {
  await Promise.all(write.parts.map(({ providerId }) => tell(router, providerId, order)));
}

function tell(router: Router, providerId: string, order: ProviderOrder): ReturnType<Router['ask']> {
  const requestId = 'writeId' in order ? `write-${order.writeId}` : `write-${providerId}`;
  return router.ask(providers.ref(providerId), order, { requestId, deadlineMs: ASK_MS });
}
