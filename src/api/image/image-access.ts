// What all image routes share: finding an image that the caller may see or change, asking it, and the words of refusals.
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import { type imageCommands, images } from '#actors/services/image/protocol.ts';
import type { ImageDownloads } from '#actors/services/image/imports.ts';
import { type ImageQuotas, overQuota } from '#actors/services/image/quotas.ts';
import type { ImageState } from '#actors/services/image/state.ts';
import type { ImageStore } from '#actors/services/image/store.ts';
import type { ImageUploads } from '#actors/services/image/upload.ts';
import type { MetadefsState } from '#actors/services/metadefs/state.ts';
import { canSee, isOwner } from '#actors/services/image/visibility.ts';
import type { ApiContext } from '#api/context.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { errorOf, ImageHttpError } from './webob-error.ts';

/** What the image API needs beside the ApiContext. */
export interface ImageService {
  readonly view: StateView<ImageState>;
  readonly store: ImageStore;
  readonly uploads: ImageUploads;
  readonly metadefs: StateView<MetadefsState>;
  readonly downloads: Pick<ImageDownloads, 'refusedBy'>;
  readonly quotas: ImageQuotas;
}

type ImageCommandName = keyof typeof imageCommands;

export class ImageAccess {
  readonly context: ApiContext;
  readonly service: ImageService;

  constructor(context: ApiContext, service: ImageService) {
    this.context = context;
    this.service = service;
  }

  /** 404 for what the caller may not see. */
  async find(request: FastifyRequest): Promise<ImageState> {
    await this.context.views.barrier();
    const { imageId } = request.params as { imageId: string };
    const image = this.service.view.get(imageId.toLowerCase());
    if (image === undefined || !canSee(image, request.caller))
      throw new ImageHttpError(404, `No image found with ID ${imageId}`);
    return image;
  }

  /** 404 for what the caller may not see, 403 for what is another's. */
  async findOwn(request: FastifyRequest, action: string): Promise<ImageState> {
    const image = await this.find(request);
    const { caller } = request;
    requireWriter(caller, action);
    if (!caller.isAdmin && !isOwner(image, caller))
      throw new ImageHttpError(403, 'You do not own this image');
    return image;
  }

  /** Asks an image; a refusal becomes its HTTP error. */
  async ask<T extends ImageCommandName>(
    request: FastifyRequest,
    imageId: string,
    command: CommandNamed<typeof imageCommands, T>,
  ): Promise<void> {
    const { requestId } = request;
    const answer = await this.context.router.ask(images.ref(imageId), command, { requestId });
    if (isRefusal(answer)) throw errorOf(answer);
  }

  /** The image as it is now, after a change of this request. */
  current(imageId: string): ImageState {
    const image = this.service.view.get(imageId);
    if (image === undefined) throw new ImageHttpError(404, `No image found with ID ${imageId}`);
    return image;
  }

  /** 413 for what would be more than the project may have. */
  withinQuota(projectId: string, wanted: Partial<ImageQuotas>): void {
    const refusal = overQuota(this.service.view.values(), {
      projectId,
      quotas: this.service.quotas,
      wanted,
    });
    if (refusal !== undefined) throw errorOf(refusal);
  }

  newId(): string {
    return this.context.env.random.uuid();
  }
}

/** Readers look only. */
export function requireWriter(caller: Caller, action: string): void {
  if (caller.isAdmin || (caller.projectId !== undefined && caller.roles.includes('member'))) return;
  throw new ImageHttpError(403, `You are not authorized to complete ${action} action.`);
}
