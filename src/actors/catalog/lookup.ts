// Finds flavors and key pairs in their states: short lists, so that the journal can keep them as plain JSON. Pure.
import type { FlavorRecord, FlavorsState, Keypair, KeypairsState } from './protocol.ts';

export function flavorOf(
  state: Pick<FlavorsState, 'records'> | undefined,
  flavorId: string,
): FlavorRecord | undefined {
  return state?.records.find((record) => record.flavor.id === flavorId);
}

export function keypairOf(
  state: Pick<KeypairsState, 'keypairs'> | undefined,
  name: string,
): Keypair | undefined {
  return state?.keypairs.find((keypair) => keypair.name === name);
}
