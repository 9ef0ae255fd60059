// Compares what a process has in memory with what the journal says, entity by entity: read anew, by events alone and by
// snapshot and events, every state must come out the same, also after a trip through JSON.
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import { placementDefinition, placementNamesDefinition } from '#actors/placement/entity.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { recoverEntity } from '#runtime/entity/codec.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import { decodeState, encodeState } from '#runtime/journal/codec.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import type { EntityKey } from '#runtime/journal/port.ts';
import type { StateView } from '#runtime/events/projection.ts';

export const mirroredKinds: readonly AnyEntityDefinition[] = [
  instanceDefinition,
  providerDefinition,
  placementDefinition,
  placementNamesDefinition,
  projectDefinition,
  serverGroupsDefinition,
  ledgerDefinition,
  hostDefinition,
  networkDefinition,
  tenancyDefinition,
  flavorsDefinition,
  keypairsDefinition,
];

interface Views {
  view<S>(definition: { readonly kind: string; initial(id: string): S }): StateView<S>;
}

/** What does not come out the same; the process must be at rest. */
export async function mirrorFaults(disk: MemoryDisk, views: Views): Promise<readonly string[]> {
  const found: string[] = [];
  const journal = {
    read: (key: EntityKey, from: number) => Promise.resolve(disk.read(key, from)),
  };
  for (const definition of mirroredKinds) {
    const view = views.view<unknown>(definition);
    const rows = disk.keys(definition.kind, undefined, 10_000);
    if (rows.length !== view.size)
      found.push(
        `${view.size} of kind ${definition.kind} in memory, ${rows.length} in the journal`,
      );
    for (const { key } of rows) {
      const state = view.get(key.slice(definition.kind.length + 1));
      const stored = disk.load(key);
      const recovered = await recoverEntity(journal, definition, stored);
      if (!isSame(recovered.state, state))
        found.push(`${key} in memory is not what the journal says`);
      if (stored.snapshot !== undefined && disk.read(key, 0)[0]?.firstVersion === 0) {
        const replayed = await recoverEntity(journal, definition, {
          key,
          snapshot: undefined,
          entries: disk.read(key, 0),
        });
        if (!isSame(replayed.state, state)) found.push(`${key}: its events alone say otherwise`);
      }
      const copy = decodeState(encodeState(state));
      if (!isSame(copy, state)) found.push(`${key} does not survive a snapshot`);
      if (!isSame(definition.todo(copy as never), definition.todo(state as never)))
        found.push(`${key} wants other effects after a snapshot`);
    }
  }
  return found;
}

/** Equal but for fields that are undefined, which read as undefined again when they are not there. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [a, b] = [one, other] as Readonly<Record<string, unknown>>[];
  for (const key in a) if (a[key] !== undefined && !isSame(a[key], b?.[key])) return false;
  for (const key in b) if (b[key] !== undefined && a?.[key] === undefined) return false;
  return true;
}
