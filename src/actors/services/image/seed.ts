// Registers a local file as a public image, once: what `up` does with the tiny image.
// A file that changed since becomes a new image in place of the old one; servers keep what they were made from.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { images } from './protocol.ts';
import { type ImageState, isListed } from './state.ts';
import type { ImageStore } from './store.ts';
import type { ImageUploads } from './upload.ts';

/** Marks what was made here, for users to see, too. */
const SEED_PROPERTY = 'kilonova_seed';

export interface SeedContext {
  readonly env: Env;
  readonly router: Router;
  readonly views: Views;
  readonly view: StateView<ImageState>;
  readonly store: ImageStore;
  readonly uploads: ImageUploads;
}

export interface ImageSeed {
  readonly name: string;
  /** Absolute path of the file. */
  readonly path: string;
  readonly diskFormat: 'qcow2' | 'raw';
  /** The project that owns it. */
  readonly ownerId: string;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  readonly properties: Readonly<Record<string, string>>;
  /** An image that is there is kept, whatever the file here is: in a cluster each machine has built its own. */
  readonly keepsEarlier?: boolean;
}

/** The image's id. Throws in words if the file can't become an image. */
export async function seedImage(context: SeedContext, seed: ImageSeed): Promise<string> {
  const { env, router, views, view, store } = context;
  await views.barrier();
  const requestId = `req-${env.random.uuid()}`;
  const earlier = [...view.values()].filter((image) => isEarlier(image, seed));
  for (const image of earlier)
    if (image.status === 'active' && (await isGood(image, seed, store))) return image.id;
  const imageId = env.random.uuid();
  await must(router.ask(images.ref(imageId), createCommand(env, seed), { requestId }), seed);
  const refused = await context.uploads.upload(
    imageId,
    { kind: 'file', path: seed.path },
    requestId,
  );
  if (refused !== undefined)
    throw new Error(`image ${seed.name} from ${seed.path}: ${words(refused)}`);
  for (const image of earlier) {
    if (image.attributes.protected) continue;
    const changeId = env.random.uuid();
    await must(
      router.ask(images.ref(image.id), { type: 'image.delete', changeId }, { requestId }),
      seed,
    );
  }
  return imageId;
}

async function isGood(image: ImageState, seed: ImageSeed, store: ImageStore): Promise<boolean> {
  return seed.keepsEarlier === true || (await store.isAdoptedFrom(image.id, seed.path));
}

/** Made by an earlier call; an administrator's own image of that name is none of ours. */
function isEarlier(image: ImageState, seed: ImageSeed): boolean {
  return isListed(image) && image.properties[SEED_PROPERTY] === seed.name;
}

function createCommand(env: Env, seed: ImageSeed) {
  return {
    type: 'image.create' as const,
    attributes: {
      name: seed.name,
      visibility: 'public' as const,
      protected: false,
      hidden: false,
      diskFormat: seed.diskFormat,
      containerFormat: 'bare',
      minDiskGiB: seed.minDiskGiB,
      minRamMiB: seed.minRamMiB,
      ownerId: seed.ownerId,
    },
    tags: [],
    properties: { ...seed.properties, [SEED_PROPERTY]: seed.name },
    changeId: env.random.uuid(),
  };
}

async function must(answer: Promise<unknown>, seed: ImageSeed): Promise<void> {
  const given = await answer;
  if (isRefusal(given)) throw new Error(`image ${seed.name}: ${words(given)}`);
}

function words(refusal: Refusal): string {
  return `${refusal.refused} ${JSON.stringify(refusal.detail)}`;
}
