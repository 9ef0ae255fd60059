// Takes an image's bytes in: claims the image, stores and checks the bytes, tells the image how it ended.
// Every end but success leaves the image `queued` and no byte behind; after a crash effects.ts does that.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { checkFormat, fileFacts, MAX_BYTES, refusalOf, STALL_MS, withoutStalls } from './intake.ts';
import { type imageCommands, images } from './protocol.ts';
import type { ImageState } from './state.ts';
import type { ImageStore, StoredBytes, WriteOptions } from './store.ts';

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

/** How often another process is asked about its upload. */
const LOOK_MS = 1_000;

type Start =
  | CommandNamed<typeof imageCommands, 'image.start-upload'>
  | CommandNamed<typeof imageCommands, 'image.start-stage'>;

interface Write {
  readonly imageId: string;
  readonly uploadId: string;
  /** The store's name for the bytes. */
  readonly storedAs: string;
  readonly requestId: string;
  readonly start: Start;
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
    const uploadId = this.#newId();
    const storedAs = imageId;
    const start: Start = { type: 'image.start-upload', uploadId };
    return this.#listed(uploadId, () =>
      this.#run({ imageId, uploadId, storedAs, requestId, start }, source),
    );
  }

  /** Resolves when the bytes are staged: kept for an import, which looks at what they are. Refusals as of `upload`. */
  async stage(
    imageId: string,
    source: UploadSource,
    requestId: string,
  ): Promise<Refusal | undefined> {
    const uploadId = this.#newId();
    const storedAs = this.#options.env.random.uuid();
    const start: Start = { type: 'image.start-stage', uploadId, stagedId: storedAs };
    return this.#listed(uploadId, () =>
      this.#run({ imageId, uploadId, storedAs, requestId, start }, source),
    );
  }

  #newId(): string {
    return `${this.#options.owners?.prefix ?? ''}${this.#options.env.random.uuid()}`;
  }

  async #listed(
    uploadId: string,
    work: () => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    this.#live.set(uploadId, []);
    try {
      return await work();
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

  async #run(write: Write, source: UploadSource): Promise<Refusal | undefined> {
    const { imageId, uploadId, storedAs, requestId, start } = write;
    const { router, store, view } = this.#options;
    const ref = images.ref(imageId);
    const started = await router.ask(ref, start, { requestId });
    if (isRefusal(started)) return started;
    const declared = view.get(imageId)?.attributes.diskFormat ?? null;
    const isStaged = start.type === 'image.start-stage';
    let bytes: StoredBytes;
    try {
      bytes = await this.#store(storedAs, isStaged ? undefined : declared, source);
    } catch (error) {
      const refusal = refusalOf(error, imageId);
      const reason = refusal?.refused ?? String(error);
      await router.ask(ref, { type: 'image.fail-upload', uploadId, reason }, { requestId });
      if (refusal === undefined) throw error;
      return refusal;
    }
    const type = isStaged ? 'image.finish-stage' : 'image.finish-upload';
    const file = fileFacts(declared, bytes);
    const finished = await router.ask(ref, { type, uploadId, file }, { requestId });
    if (!isRefusal(finished)) return undefined;
    // By now the image may have other bytes, from an upload that took over from this one.
    const image = view.get(imageId);
    const isTaken = image?.file !== undefined || image?.uploadId !== undefined;
    if (isStaged ? image?.staged?.id !== storedAs : !isTaken) await store.remove(storedAs);
    return finished;
  }

  /** `declared`: what the bytes must not contradict; undefined if that is looked at later. */
  #store(
    storedAs: string,
    declared: string | null | undefined,
    source: UploadSource,
  ): Promise<StoredBytes> {
    const { store, env, stallMs = STALL_MS, owners } = this.#options;
    const options: WriteOptions = {
      limitBytes: this.maxBytes,
      ...(owners === undefined ? {} : { mayKeep: () => owners.mayWrite() }),
      ...(declared === undefined
        ? {}
        : { inspect: (head: Uint8Array) => checkFormat(declared, head) }),
    };
    if (source.kind === 'file') return store.adopt(storedAs, source.path, options);
    return store.write(storedAs, withoutStalls(source.chunks, env, stallMs), options);
  }
}
