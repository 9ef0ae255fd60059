// The port Images on the embedded image service: what compute asks of it.
import { assert } from '#runtime/assert.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { ImageChangeBy, ImageRecord, Images } from '../../ports/images.ts';
import { type ImageChange, type imageCommands, images } from './protocol.ts';
import type { ImageState } from './state.ts';
import type { ImageStore } from './store.ts';
import { canSee, isInList, mayChange } from './visibility.ts';

export interface EmbeddedImagesOptions {
  readonly env: Pick<Env, 'random'>;
  readonly router: Router;
  readonly view: StateView<ImageState>;
  readonly views: Views;
  readonly store: ImageStore;
}

type Command =
  | CommandNamed<typeof imageCommands, 'image.delete'>
  | CommandNamed<typeof imageCommands, 'image.change'>;

export function embeddedImages(options: EmbeddedImagesOptions): Images {
  const { view, views, store } = options;
  return {
    find: async (imageId, caller) => {
      await views.barrier();
      const image = view.get(imageId);
      if (image === undefined || image.status === 'absent') return undefined;
      if (caller !== undefined && !canSee(image, caller)) return undefined;
      return imageRecord(image);
    },
    open: (imageId) => store.read(imageId),
    list: async (caller) => {
      await views.barrier();
      const scope = { visibility: undefined, memberStatus: 'accepted' } as const;
      return [...view.values()]
        .filter((image) => isInList(image, caller, scope) && !image.attributes.hidden)
        .map(imageRecord);
    },
    remove: (imageId, by) =>
      change(options, imageId, by, (_image, changeId) => ({ type: 'image.delete', changeId })),
    setProperties: (imageId, properties, by) =>
      change(options, imageId, by, (image, changeId) => ({
        type: 'image.change',
        changes: stepsTo(image.properties, properties),
        changeId,
      })),
  };
}

async function change(
  { env, router, view, views }: EmbeddedImagesOptions,
  imageId: string,
  { caller, requestId }: ImageChangeBy,
  commandFor: (image: ImageState, changeId: string) => Command,
): Promise<Refusal | undefined> {
  await views.barrier();
  const image = view.get(imageId);
  if (image === undefined || !canSee(image, caller)) return refuse('image-not-found', { imageId });
  if (!mayChange(image, caller)) return refuse('image-forbidden', { imageId });
  const command = commandFor(image, env.random.uuid());
  const answer = await router.ask(images.ref(imageId), command, { requestId });
  return isRefusal(answer) ? answer : undefined;
}

type Properties = Readonly<Record<string, string>>;

function stepsTo(before: Properties, after: Properties): ImageChange[] {
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return [
    ...removed.map((name): ImageChange => ({ op: 'remove-property', name })),
    ...Object.entries(after).map(
      ([name, value]): ImageChange => ({ op: 'set-property', name, value, expect: 'any' }),
    ),
  ];
}

export function imageRecord(image: ImageState): ImageRecord {
  const { attributes, file } = image;
  assert(image.status !== 'absent', `image ${image.id} was never made`);
  return {
    id: image.id,
    name: attributes.name ?? undefined,
    status: image.status,
    visibility: attributes.visibility,
    ownerId: attributes.ownerId,
    diskFormat: attributes.diskFormat ?? undefined,
    containerFormat: attributes.containerFormat ?? undefined,
    sizeBytes: file?.sizeBytes,
    virtualSizeBytes: file?.virtualSizeBytes,
    sha512: file?.sha512,
    minDiskGiB: attributes.minDiskGiB,
    minRamMiB: attributes.minRamMiB,
    properties: image.properties,
    createdAtMs: image.createdAtMs,
    updatedAtMs: image.updatedAtMs,
  };
}
