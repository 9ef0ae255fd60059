// The port ImageWriter on the embedded image service.
import type { Router } from '#runtime/directory/router.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import type { ServerSnapshot } from '../../domain/server-snapshot.ts';
import type { ImageWriter } from '../../ports/image-writer.ts';
import { type imageCommands, images } from './protocol.ts';
import type { ImageState } from './state.ts';
import type { ImageUploads } from './upload.ts';

export function embeddedImageWriter(options: {
  readonly router: Router;
  readonly views: Views;
  readonly view: StateView<ImageState>;
  readonly uploads: Pick<ImageUploads, 'upload'>;
}): ImageWriter {
  const { router, views, view, uploads } = options;
  return {
    create: (snapshot, requestId) => createImage(router, snapshot, requestId),
    upload: async (imageId, bytes, requestId) => {
      await views.barrier();
      if (view.get(imageId)?.status === 'active') return undefined;
      return uploads.upload(imageId, { kind: 'stream', chunks: bytes }, requestId);
    },
    remove: async (imageId, requestId) => {
      const removal = { type: 'image.delete', changeId: `remove-${imageId}` } as const;
      const answer = await router.ask(images.ref(imageId), removal, { requestId });
      if (isRefusal(answer) && answer.refused === 'image-not-found') {
        await views.barrier();
        // One that was never made may still be on its way: it must find that it came too late.
        if ((view.get(imageId)?.status ?? 'absent') !== 'absent') return;
        await router.ask(images.ref(imageId), unwanted(imageId), { requestId });
        await router.ask(images.ref(imageId), removal, { requestId });
        return;
      }
      const isKept = isRefusal(answer) && answer.refused !== 'image-not-found';
      // One that its owner protects is the owner's matter.
      if (isKept && answer.refused !== 'image-protected')
        throw new Error(`image ${imageId} can't be removed: ${answer.refused}`);
    },
    backupsOf: async (serverId, backupType) => {
      await views.barrier();
      return [...view.values()]
        .filter(
          ({ status, properties }) =>
            status === 'active' &&
            properties['instance_uuid'] === serverId &&
            properties['image_type'] === 'backup' &&
            properties['backup_type'] === backupType,
        )
        .sort((one, other) => other.createdAtMs - one.createdAtMs)
        .map(({ id }) => id);
    },
  };
}

async function createImage(
  router: Router,
  snapshot: ServerSnapshot,
  requestId: string,
): Promise<Refusal | undefined> {
  const { id, name, ownerId, sharedWith, minDiskGiB, minRamMiB, properties } = snapshot;
  const made = await router.ask(
    images.ref(id),
    {
      type: 'image.create',
      attributes: {
        name,
        visibility: sharedWith === undefined ? 'private' : 'shared',
        protected: false,
        hidden: false,
        diskFormat: 'qcow2',
        containerFormat: 'bare',
        minDiskGiB,
        minRamMiB,
        ownerId,
      },
      tags: [],
      properties,
      changeId: `snapshot-${id}`,
    },
    { requestId },
  );
  if (isRefusal(made)) return made;
  if (sharedWith === undefined) return undefined;
  const shared = await router.ask(
    images.ref(id),
    { type: 'image.add-member', projectId: sharedWith, changeId: `share-${id}` },
    { requestId },
  );
  return isRefusal(shared) && shared.refused !== 'image-member-exists' ? shared : undefined;
}

function unwanted(imageId: string): CommandNamed<typeof imageCommands, 'image.create'> {
  return {
    type: 'image.create',
    attributes: {
      name: null,
      visibility: 'private',
      protected: false,
      hidden: false,
      diskFormat: null,
      containerFormat: null,
      minDiskGiB: 0,
      minRamMiB: 0,
      ownerId: '',
    },
    tags: [],
    properties: {},
    changeId: `snapshot-${imageId}`,
  };
}
