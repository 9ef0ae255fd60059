// Compares what a process has in memory with what the journal says, entity by entity: read anew, by events alone and by
// snapshot and events, every state must come out the same, also after a trip through JSON.
import { isDeepStrictEqual } from 'node:util';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { recoverEntity } from '#runtime/entity/codec.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import { decodeState, encodeState } from '#runtime/journal/codec.ts';
import type { Running } from '#test/support/simulated-cloud.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';

export const mirroredKinds: readonly AnyEntityDefinition[] = [
  instanceDefinition,
  providerDefinition,
  projectDefinition,
  ledgerDefinition,
  hostDefinition,
  networkDefinition,
  tenancyDefinition,
  flavorsDefinition,
  keypairsDefinition,
];

/** What does not come out the same; the process must be at rest. */
export async function mirrorFaults(env: VirtualEnv, running: Running): Promise<readonly string[]> {
  const found: string[] = [];
  const { journal, assembly } = running;
  for (const definition of mirroredKinds) {
    const view = assembly.entities.view<unknown>(definition);
    const rows = await env.complete(journal.keys(definition.kind, undefined, 10_000), 'the keys');
    if (rows.length !== view.size)
      found.push(
        `${view.size} of kind ${definition.kind} in memory, ${rows.length} in the journal`,
      );
    for (const { key } of rows) {
      const id = key.slice(definition.kind.length + 1);
      const state = view.get(id);
      const [stored] = await env.complete(journal.load([key]), 'the entity');
      if (stored === undefined) continue;
      const recovered = await env.complete(recoverEntity(journal, definition, stored), 'recovery');
      if (!isDeepStrictEqual(plain(recovered.state), plain(state)))
        found.push(`${key} in memory is not what the journal says`);
      // A field that is undefined reads as undefined again, so both sides are compared without such fields.
      if (!isDeepStrictEqual(decodeState(encodeState(state)), plain(state)))
        found.push(`${key} does not survive a snapshot`);
      if (
        !isDeepStrictEqual(
          definition.todo(decodeState(encodeState(state)) as never),
          definition.todo(state as never),
        )
      )
        found.push(`${key} wants other effects after a snapshot`);
    }
  }
  return found;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(kept.map(([key, part]) => [key, plain(part)]));
}
