// The port Images on the embedded image service: what compute asks of it.
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { ImageRecord, Images } from '../../ports/images.ts';
import { assert } from '#runtime/assert.ts';
import type { ImageState } from './state.ts';
import type { ImageStore } from './store.ts';
import { canSee } from './visibility.ts';

export function embeddedImages(options: {
  readonly view: StateView<ImageState>;
  readonly views: Views;
  readonly store: ImageStore;
}): Images {
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
  };
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
