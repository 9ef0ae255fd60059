// What being shelved leaves in an instance's state, event by event: the image that the server can be made from, when it is
// offloaded, and which images are of no use any more. Called by evolve alone. Pure.
import { operations } from './operations/all.ts';
import { givesDisk } from './operations/table.ts';
import type { InstanceEvent } from './protocol.ts';
import { type InstanceState, MAX_LEFT_IMAGES, type RunningOperation } from './state.ts';

type Changes = Partial<
  Pick<
    InstanceState,
    'shelved' | 'leftImages' | 'hasWholeDisk' | 'unfinishedImage' | 'needsRebuild'
  >
>;

/** What of an offload came to nothing is tried again after this. */
export const OFFLOAD_AGAIN_MS = 60_000;

/** An operation begins: one that builds is told the image in full, one that offloads can't be taken back. */
export function shelvingBegun(
  { shelved }: InstanceState,
  {
    operation,
    parameters,
  }: Extract<InstanceEvent, { readonly type: 'instance.operation-started' }>,
): Changes {
  const image = parameters?.shelvedImage;
  if (operation === 'shelve-offload' && shelved !== undefined)
    return { shelved: { ...shelved, isLeaving: true } };
  return image === undefined || shelved === undefined ? {} : { shelved: { ...shelved, image } };
}

/** The grant that an offload has ended. */
export function shelvingReleased({ shelved, grant, operation }: InstanceState): Changes {
  if (shelved === undefined || operation?.name !== 'shelve-offload') return {};
  return { shelved: { ...shelved, left: grant } };
}

/** A step is done that is not the last one. */
export function shelvingStepped(state: InstanceState, { name }: RunningOperation): Changes {
  // From here on there may be less of a disk than what starts the guest needs.
  if (name === 'unshelve-offloaded') return { needsRebuild: true };
  return name === 'rebuild' ? { needsRebuild: true, hasWholeDisk: false, ...unshelved(state) } : {};
}

/**
 * An operation has ended well in `vmState`. The image is of no use once the server is not shelved any more: its disk is on
 * its host. Where making it from the image has begun it is kept until that is done, by whichever operation.
 */
export function shelvingEnded(
  state: InstanceState,
  { name, parameters }: RunningOperation,
  { vmState, atMs }: { readonly vmState: InstanceState['vmState']; readonly atMs: number },
): Changes {
  const { shelved } = state;
  const { snapshot, offloadAfterMs } = parameters;
  if (name === 'shelve' && snapshot !== undefined) {
    const offloadAtMs = offloadAfterMs === undefined ? undefined : atMs + offloadAfterMs;
    return {
      shelved: { imageId: snapshot.id, offloadAtMs },
      unfinishedImage: undefined,
    };
  }
  if (shelved === undefined) return {};
  if (vmState === 'shelved_offloaded') return { shelved: { imageId: shelved.imageId } };
  if (shelved.image === undefined) return unshelved(state);
  return givesDisk(operations[name]) ? { ...unshelved(state), hasWholeDisk: true } : {};
}

/** An offload that came to nothing is tried again: nobody knows how much of the guest the host has left. */
export function shelvingFailed(state: InstanceState, atMs: number): Changes {
  const { shelved, operation } = state;
  if (shelved === undefined || operation?.name !== 'shelve-offload') return {};
  return { shelved: { ...shelved, offloadAtMs: atMs + OFFLOAD_AGAIN_MS } };
}

/** An administrator says that it is active: its image is left to its owner. One without a host is what it was. */
export function shelvingReset(
  { shelved, grant }: InstanceState,
  wanted: InstanceState['vmState'],
): Changes & Pick<InstanceState, 'vmState'> {
  if (shelved === undefined || wanted !== 'active') return { vmState: wanted };
  if (grant === undefined) return { vmState: 'shelved_offloaded' };
  return { vmState: wanted, shelved: undefined };
}

/** It is not shelved any more: the image goes. */
export function unshelved(state: InstanceState): Changes {
  const { shelved, leftImages = [] } = state;
  if (shelved === undefined) return {};
  const left = [...leftImages.slice(1 - MAX_LEFT_IMAGES), shelved.imageId];
  return { leftImages: left, shelved: undefined };
}
