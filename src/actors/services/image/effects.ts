// Runs what an image's state calls for: ends uploads that nobody works on any more, removes the bytes of deleted images.
// Each ends with a command to the image; the entity's shell tries again what failed.
import { unreachable } from '#runtime/assert.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import type { ImageEffect } from './entity.ts';
import type { imageCommands } from './protocol.ts';
import type { ImageStore } from './store.ts';
import type { ImageUploads } from './upload.ts';

type Report =
  | CommandNamed<typeof imageCommands, 'image.fail-upload'>
  | CommandNamed<typeof imageCommands, 'image.file-removed'>;

export function imageEffects(options: {
  readonly store: ImageStore;
  readonly uploads: ImageUploads;
}): (
  effect: ImageEffect,
  context: { readonly entityId: string; readonly signal?: AbortSignal },
) => Promise<Report> {
  const { store, uploads } = options;
  return async (effect, { entityId, signal }) => {
    switch (effect.kind) {
      case 'tend-upload': {
        const uploadId = effect.uploadId ?? '';
        await uploads.ended(uploadId, signal);
        if (signal?.aborted !== true && !uploads.isOurs(uploadId))
          await store.removeParts(entityId);
        return { type: 'image.fail-upload', uploadId, reason: 'the upload ended without a result' };
      }
      case 'remove-file':
        await store.remove(entityId);
        return { type: 'image.file-removed' };
      default:
        return unreachable(effect.kind);
    }
  };
}
