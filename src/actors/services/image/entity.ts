// The image as an entity: which functions, which effects. The shell that runs it is runtime/entity.
import type { Effect, EntityDefinition } from '#runtime/entity/definition.ts';
import { decideImage } from './decide.ts';
import { evolveImage } from './evolve.ts';
import { imageCommands, imageEvents } from './protocol.ts';
import { type ImageState, initialImage } from './state.ts';

/** `tend-upload` ends an upload whose process is gone; `remove-file` follows a deletion. Run by effects.ts. */
export interface ImageEffect extends Effect {
  readonly kind: 'tend-upload' | 'remove-file';
  /** Of `tend-upload`. */
  readonly uploadId?: string;
}

export const imageDefinition: EntityDefinition<
  ImageState,
  typeof imageCommands,
  typeof imageEvents,
  ImageEffect
> = {
  kind: 'image',
  commands: imageCommands,
  events: imageEvents,
  schema: 1,
  initial: initialImage,
  decide: decideImage,
  evolve: evolveImage,
  todo,
  invariants,
};

function todo(image: ImageState): readonly ImageEffect[] {
  if (image.uploadId !== undefined) {
    const uploadId = image.uploadId;
    return [{ id: `upload:${uploadId}`, kind: 'tend-upload', uploadId }];
  }
  if (image.fileToRemove) return [{ id: 'remove-file', kind: 'remove-file' }];
  return [];
}

function invariants(image: ImageState): readonly string[] {
  const hasBytes = image.status === 'active' || image.status === 'deactivated';
  return [
    ...(hasBytes && image.file === undefined ? [`a file is missing while ${image.status}`] : []),
    ...((image.status === 'saving') === (image.uploadId === undefined)
      ? [`status ${image.status} with upload ${image.uploadId}`]
      : []),
    ...(image.fileToRemove && image.status !== 'deleted' ? ['a living image loses its file'] : []),
  ];
}
