// Runs what an image's state calls for: ends uploads that nobody works on any more, runs imports, removes bytes that
// nobody needs. Each ends with a command to the image; the entity's shell tries again what failed.
import { unreachable } from '#runtime/assert.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import type { ImageEffect } from './entity.ts';
import type { ImageImports } from './imports.ts';
import type { imageCommands } from './protocol.ts';
import type { ImageStore } from './store.ts';
import type { ImageUploads } from './upload.ts';

type ReportName =
  | 'image.fail-upload'
  | 'image.finish-import'
  | 'image.fail-import'
  | 'image.staged-removed'
  | 'image.file-removed';
export type ImageReport = { [T in ReportName]: CommandNamed<typeof imageCommands, T> }[ReportName];

export function imageEffects(options: {
  readonly store: ImageStore;
  readonly uploads: ImageUploads;
  readonly imports: ImageImports;
}): (
  effect: ImageEffect,
  context: Pick<EffectContext, 'entityId' | 'signal' | 'isOurs'>,
) => Promise<ImageReport | undefined> {
  const { store, uploads, imports } = options;
  return async (effect, context) => {
    switch (effect.kind) {
      case 'tend-upload': {
        const { uploadId, storedAs } = effect;
        await uploads.ended(uploadId, context.signal);
        if (!context.signal.aborted && !uploads.isOurs(uploadId)) await store.removeParts(storedAs);
        return { type: 'image.fail-upload', uploadId, reason: 'the upload ended without a result' };
      }
      case 'run-import':
        return imports.run(effect, context);
      case 'remove-staged':
        await store.remove(effect.stagedId);
        return { type: 'image.staged-removed', stagedId: effect.stagedId };
      case 'remove-file':
        await store.remove(context.entityId);
        return { type: 'image.file-removed' };
      default:
        return unreachable(effect);
    }
  };
}
