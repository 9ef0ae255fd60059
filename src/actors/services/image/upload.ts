// Takes an image's bytes in: claims the image, stores and checks the bytes, tells the image how it ended.
// Every end but success leaves the image `queued` and no byte behind; after a crash effects.ts does that.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import { inspectHead, matchesDeclared, virtualSizeOf } from './formats.ts';
import { images } from './protocol.ts';
import type { ImageState } from './state.ts';
import { type ImageStore, ImageStoreFault, type StoredBytes, type WriteOptions } from './store.ts';

/** Where several processes take uploads: whose is which. */
export interface UploadOwners {
  /** Begins the ids of this process's uploads, and of no other's. */
  readonly prefix: string;
  /** Whether the process that began an upload may still be at it. */
  isUnderWay(uploadId: string): Promise<boolean>;
  /** False once others may count this process as gone, and take over what it does. */
  mayWrite(): boolean;
}

export interface UploadOptions {
  readonly env: Env;
  readonly router: Router;
  readonly store: ImageStore;
  readonly view: StateView<ImageState>;
  /** Default 1 TiB, as Glance's image_size_cap. */
  readonly maxBytes?: number;
  /** A source that gives nothing for this long is given up. Default 60 s. */
  readonly stallMs?: number;
  /** Without it this process is the only one. */
  readonly owners?: UploadOwners;
}

/** Where the bytes come from. */
export type UploadSource =
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array> }
  | { readonly kind: 'file'; readonly path: string };

const MAX_BYTES = 1_099_511_627_776;
const STALL_MS = 60_000;
/** How often another process is asked about its upload. */
const LOOK_MS = 1_000;

/** Thrown through the store to end a write; never leaves this file. */
class Mismatch extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.refused);
    this.refusal = refusal;
  }
}

export class ImageUploads {
  readonly maxBytes: number;
  readonly #options: UploadOptions;
  /** Uploads of this process that have not ended, each with those who wait for its end. */
  readonly #live = new Map<string, (() => void)[]>();

  constructor(options: UploadOptions) {
    this.#options = options;
    this.maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /**
   * Resolves when the image is active. Refusals: those of `image.start-upload`, image-format-mismatch,
   * image-too-large, image-no-space, image-interrupted, image-store-failed, image-gone.
   */
  async upload(
    imageId: string,
    source: UploadSource,
    requestId: string,
  ): Promise<Refusal | undefined> {
    const uploadId = `${this.#options.owners?.prefix ?? ''}${this.#options.env.random.uuid()}`;
    this.#live.set(uploadId, []);
    try {
      return await this.#run({ imageId, uploadId, requestId }, source);
    } finally {
      const waiting = this.#live.get(uploadId) ?? [];
      this.#live.delete(uploadId);
      for (const resolve of waiting) resolve();
    }
  }

  /** Resolves when nobody is at this upload (any more), or nobody wants to know it. */
  async ended(uploadId: string, signal?: AbortSignal): Promise<void> {
    const waiting = this.#live.get(uploadId);
    if (waiting !== undefined) return new Promise<void>((resolve) => waiting.push(resolve));
    const { owners, env } = this.#options;
    if (owners === undefined || this.isOurs(uploadId)) return;
    for (;;) {
      if (signal?.aborted === true || !(await owners.isUnderWay(uploadId))) return;
      await new Promise<void>((resolve) => {
        env.timers.after(LOOK_MS, resolve);
      });
    }
  }

  /** Whether this process is at it now. */
  isLive(uploadId: string): boolean {
    return this.#live.has(uploadId);
  }

  /** Whether this very process began it. */
  isOurs(uploadId: string): boolean {
    const { owners } = this.#options;
    return owners !== undefined && uploadId.startsWith(owners.prefix);
  }

  async #run(
    names: { imageId: string; uploadId: string; requestId: string },
    source: UploadSource,
  ): Promise<Refusal | undefined> {
    const { imageId, uploadId, requestId } = names;
    const { router, store, view } = this.#options;
    const ref = images.ref(imageId);
    const started = await router.ask(ref, { type: 'image.start-upload', uploadId }, { requestId });
    if (isRefusal(started)) return started;
    const declared = view.get(imageId)?.attributes.diskFormat ?? null;
    let bytes: StoredBytes;
    try {
      bytes = await this.#store(imageId, declared, source);
    } catch (error) {
      const refusal = refusalOf(error, imageId);
      const reason = refusal?.refused ?? String(error);
      await router.ask(ref, { type: 'image.fail-upload', uploadId, reason }, { requestId });
      if (refusal === undefined) throw error;
      return refusal;
    }
    const file = fileFacts(declared, bytes);
    const finished = await router.ask(
      ref,
      { type: 'image.finish-upload', uploadId, file },
      { requestId },
    );
    if (!isRefusal(finished)) return undefined;
    // By now the image may have other bytes, from an upload that took over from this one.
    const image = view.get(imageId);
    if (image?.file === undefined && image?.uploadId === undefined) await store.remove(imageId);
    return finished;
  }

  #store(imageId: string, declared: string | null, source: UploadSource): Promise<StoredBytes> {
    const { store, env, stallMs = STALL_MS, owners } = this.#options;
    const options: WriteOptions = {
      limitBytes: this.maxBytes,
      ...(owners === undefined ? {} : { mayKeep: () => owners.mayWrite() }),
      inspect: (head) => checkFormat(declared, head),
    };
    if (source.kind === 'file') return store.adopt(imageId, source.path, options);
    return store.write(imageId, withoutStalls(source.chunks, env, stallMs), options);
  }
}

function checkFormat(declared: string | null, head: Uint8Array): void {
  const { format } = inspectHead(head);
  if (!matchesDeclared(declared, format))
    throw new Mismatch(refuse('image-format-mismatch', { declared, found: format }));
}

function fileFacts(
  declared: string | null,
  bytes: StoredBytes,
): { sizeBytes: number; virtualSizeBytes?: number; md5: string; sha512: string } {
  const { sizeBytes, md5, sha512, head } = bytes;
  const virtualSizeBytes = virtualSizeOf(declared, inspectHead(head), sizeBytes);
  return {
    sizeBytes,
    md5,
    sha512,
    ...(virtualSizeBytes === undefined ? {} : { virtualSizeBytes }),
  };
}

/** What users can be told of as an expected end; undefined for a bug. */
function refusalOf(error: unknown, imageId: string): Refusal | undefined {
  if (error instanceof Mismatch) return error.refusal;
  if (!(error instanceof ImageStoreFault)) return undefined;
  const detail = { imageId, reason: error.message };
  switch (error.code) {
    case 'too-large':
      return refuse('image-too-large', detail);
    case 'no-space':
      return refuse('image-no-space', detail);
    case 'interrupted':
      return refuse('image-interrupted', detail);
    case 'busy':
      return refuse('image-status', { from: 'saving', to: 'saving' });
    default:
      return refuse('image-store-failed', detail);
  }
}

async function* withoutStalls(
  chunks: AsyncIterable<Uint8Array>,
  env: Env,
  stallMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await inTime(iterator.next(), env, stallMs);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    // Not awaited: a source that hangs may hang here, too.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

async function inTime<T>(step: Promise<T>, env: Env, stallMs: number): Promise<T> {
  let cancel = (): void => undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    cancel = env.timers.after(stallMs, () =>
      reject(new ImageStoreFault('interrupted', `no byte came for ${stallMs} ms`)),
    );
  });
  try {
    return await Promise.race([step, stalled]);
  } finally {
    cancel();
  }
}
