// The image as an entity: which functions, which effects. The shell that runs it is runtime/entity.
import type { Effect, EntityDefinition } from '#runtime/entity/definition.ts';
import { decideImage } from './decide.ts';
import { evolveImage } from './evolve.ts';
import { imageCommands, imageEvents, type ImportTask } from './protocol.ts';
import { type ImageState, initialImage, runningTask } from './state.ts';

/**
 * `tend-upload` ends an upload whose process is gone; `run-import` fetches or takes over an import's bytes; `remove-staged`
 * and `remove-file` throw away what nobody needs. Run by effects.ts.
 */
export type ImageEffect = Effect &
  (
    | { readonly kind: 'tend-upload'; readonly uploadId: string; readonly storedAs: string }
    | {
        readonly kind: 'run-import';
        readonly task: ImportTask;
        readonly stagedId: string | undefined;
      }
    | { readonly kind: 'remove-staged'; readonly stagedId: string }
    | { readonly kind: 'remove-file' }
  );

export const imageDefinition: EntityDefinition<
  ImageState,
  typeof imageCommands,
  typeof imageEvents,
  ImageEffect
> = {
  kind: 'image',
  commands: imageCommands,
  events: imageEvents,
  schema: 2,
  initial: initialImage,
  decide: decideImage,
  evolve: evolveImage,
  todo,
  invariants,
};

function todo(image: ImageState): readonly ImageEffect[] {
  const { id, uploadId, staged } = image;
  const running = runningTask(image);
  return [
    ...(uploadId === undefined
      ? []
      : [
          {
            id: `upload:${uploadId}`,
            kind: 'tend-upload',
            uploadId,
            storedAs: staged?.id ?? id,
          } as const,
        ]),
    ...(running === undefined ? [] : [importEffect(running, staged?.id)]),
    ...image.discarded.map(
      (stagedId) => ({ id: `staged:${stagedId}`, kind: 'remove-staged', stagedId }) as const,
    ),
    ...(image.fileToRemove ? [{ id: 'remove-file', kind: 'remove-file' } as const] : []),
  ];
}

function importEffect(task: ImportTask, stagedId: string | undefined): ImageEffect {
  const { id, requestId } = task;
  return { id: `import:${id}`, kind: 'run-import', requestId, task, stagedId };
}

function invariants(image: ImageState): readonly string[] {
  const { status, uploadId, staged } = image;
  const hasBytes = status === 'active' || status === 'deactivated';
  const isWritten = status === 'saving' || (status === 'uploading' && staged?.file === undefined);
  const mayHaveStaged = status === 'uploading' || status === 'importing';
  return [
    ...(hasBytes && image.file === undefined ? [`a file is missing while ${status}`] : []),
    ...(isWritten === (uploadId === undefined) ? [`status ${status} with upload ${uploadId}`] : []),
    ...(staged !== undefined && !mayHaveStaged ? [`bytes are staged while ${status}`] : []),
    ...(status === 'importing' && image.tasks.at(-1)?.status !== 'processing'
      ? ['importing without a task']
      : []),
    ...(image.fileToRemove && status !== 'deleted' ? ['a living image loses its file'] : []),
  ];
}
