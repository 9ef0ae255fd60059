// Clears the image store of what an earlier process left: torn uploads, and files whose image never learnt of them.
// Call it once at the start, after the journal is read and before anyone uploads.
import type { StateView } from '#runtime/events/projection.ts';
import type { ImageState } from './state.ts';
import type { ImageStore } from './store.ts';

/** Names of what was removed. Bytes of a deleted image are left to its `remove-file` effect. */
export function sweepImages(options: {
  readonly store: ImageStore;
  readonly view: StateView<ImageState>;
}): Promise<readonly string[]> {
  return options.store.sweep((imageId) => options.view.get(imageId)?.file !== undefined);
}
