// Clears the image store of what an earlier process left: torn uploads, and files whose image never learnt of them.
// Call it once at the start, after the journal is read and before anyone uploads here. Where other processes share the
// store, what belongs to an upload under way is theirs and stays.
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { ImageState } from './state.ts';
import type { ImageStore } from './store.ts';

/** Names of what was removed. Bytes of a deleted image are left to its `remove-file` effect. */
export function sweepImages(options: {
  readonly store: ImageStore;
  readonly view: StateView<ImageState>;
  /** Given where other processes write to the store, too. */
  readonly shared?: Views;
}): Promise<readonly string[]> {
  const { store, view, shared } = options;
  const isKnown = (storedAs: string): boolean => {
    const image = view.get(storedAs);
    return image?.file !== undefined || image?.status === 'importing' || isStaged(view, storedAs);
  };
  if (shared === undefined) return store.sweep({ isKnown });
  return store.sweep({
    isKnown,
    isWrittenElsewhere: (storedAs) => {
      const image = view.get(storedAs);
      const isWritten = image?.uploadId !== undefined || image?.status === 'importing';
      return isWritten || isStaged(view, storedAs);
    },
    settle: async () => {
      await shared.barrier();
      if (shared.isStale)
        throw new Error(
          'the images can not be swept: the store is away, so nobody knows whose they are',
        );
    },
  });
}

/** Staged bytes bear a name of their own. Looked for among all images, since a sweep meets few that belong to none. */
function isStaged(view: StateView<ImageState>, storedAs: string): boolean {
  for (const { staged } of view.values()) if (staged?.id === storedAs) return true;
  return false;
}
