// Runs an import: takes over what was staged, or downloads from a URI, checks the bytes, and tells the image how it ended.
// It may run again from the start after a crash: until it has told its end, nothing that it did counts.
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import type { ImageReport } from './effects.ts';
import type { ImageEffect } from './entity.ts';
import { HEAD_BYTES } from './formats.ts';
import { checkFormat, fileFacts, MAX_BYTES, refusalOf, STALL_MS, withoutStalls } from './intake.ts';
import type { StoredFile } from './protocol.ts';
import { type ImageState, runningTask } from './state.ts';
import { type ImageStore, ImageStoreFault } from './store.ts';
import type { UploadOwners } from './upload.ts';

/** Where web-download gets its bytes. */
export interface ImageDownloads {
  /** Why this URI is not fetched from, as far as it alone tells; undefined if nothing speaks against it. */
  refusedBy(uri: string): string | undefined;
  /** The bytes behind it. The first step rejects with DownloadFault when there is no way to them. */
  open(uri: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** In words for whoever wanted the image. */
export class DownloadFault extends Error {
  override readonly name = 'DownloadFault';
}

export interface ImportOptions {
  readonly env: Env;
  readonly store: ImageStore;
  readonly view: StateView<ImageState>;
  readonly downloads: ImageDownloads;
  readonly maxBytes?: number;
  readonly stallMs?: number;
  readonly owners?: UploadOwners;
  /** Of what is kept, to make words of a refusal. */
  readonly wordsOf: (refusal: Refusal) => string;
}

type Run = Extract<ImageEffect, { kind: 'run-import' }>;
type Context = Pick<EffectContext, 'entityId' | 'signal' | 'isOurs'>;

/** Downloads at a time in one process; the others wait for their turn. */
const DOWNLOADS_AT_ONCE = 8;
/** However slowly bytes come, by then they are all there. */
const DOWNLOAD_MS = 24 * 3_600_000;

export class ImageImports {
  readonly #options: ImportOptions;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  async run(effect: Run, context: Context): Promise<ImageReport | undefined> {
    const taskId = effect.task.id;
    try {
      const file = await this.#take(effect, context);
      if (context.signal.aborted) return undefined;
      return { type: 'image.finish-import', taskId, file };
    } catch (error) {
      if (context.signal.aborted) return undefined;
      const message = this.#wordsOf(error, context.entityId);
      if (message === undefined) throw error;
      return { type: 'image.fail-import', taskId, message };
    }
  }

  async #take(effect: Run, context: Context): Promise<StoredFile> {
    if (effect.task.method === 'glance-direct') return this.#takeStaged(effect, context);
    await this.#turn();
    try {
      return await this.#download(effect, context);
    } finally {
      this.#underWay -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Moves the staged bytes; if a run before this one was cut off after that, they are moved already. */
  async #takeStaged({ stagedId }: Run, context: Context): Promise<StoredFile> {
    const { store, view } = this.#options;
    const { entityId } = context;
    const image = view.get(entityId);
    const file = image?.staged?.file;
    if (image === undefined || stagedId === undefined || file === undefined)
      throw new DownloadFault('nothing is staged');
    const head = await this.#headOf(stagedId);
    if (head !== undefined) {
      checkFormat(image.attributes.diskFormat, head);
      if (!this.#mayKeep(context)) throw new DownloadFault('another process goes on with it');
      await store.move(stagedId, entityId);
    } else if ((await this.#headOf(entityId)) === undefined)
      throw new DownloadFault('the staged bytes are gone');
    await this.#removeIfUnwanted(context);
    return file;
  }

  async #headOf(storedAs: string): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of this.#options.store.read(storedAs, {
        first: 0,
        last: HEAD_BYTES - 1,
      }))
        chunks.push(chunk);
    } catch (error) {
      if (error instanceof ImageStoreFault && error.code === 'missing') return undefined;
      throw error;
    }
    return Buffer.concat(chunks);
  }

  async #download({ task }: Run, context: Context): Promise<StoredFile> {
    const { env, store, view, downloads } = this.#options;
    const { entityId, signal } = context;
    const declared = view.get(entityId)?.attributes.diskFormat ?? null;
    const abort = new AbortController();
    const cancel = env.timers.after(DOWNLOAD_MS, () =>
      abort.abort(new DownloadFault(`it is not complete after ${DOWNLOAD_MS / 3_600_000} hours`)),
    );
    try {
      const either = AbortSignal.any([signal, abort.signal]);
      const chunks = downloads.open(task.uri ?? '', either);
      const { maxBytes = MAX_BYTES, stallMs = STALL_MS } = this.#options;
      const bytes = await store.write(entityId, withoutStalls(chunks, env, stallMs), {
        limitBytes: maxBytes,
        inspect: (head) => checkFormat(declared, head),
        mayKeep: () => this.#mayKeep(context),
      });
      await this.#removeIfUnwanted(context);
      return fileFacts(declared, bytes);
    } finally {
      cancel();
      abort.abort();
    }
  }

  #mayKeep({ entityId, signal, isOurs }: Context): boolean {
    const { owners, view } = this.#options;
    const image = view.get(entityId);
    const isWanted = image !== undefined && runningTask(image) !== undefined;
    return isWanted && !signal.aborted && isOurs() && owners?.mayWrite() !== false;
  }

  /** The image may have been deleted while its bytes took their place: then whoever removes them has come too early. */
  async #removeIfUnwanted({ entityId }: Context): Promise<void> {
    const { store, view } = this.#options;
    if (view.get(entityId)?.status === 'deleted') await store.remove(entityId);
  }

  #turn(): Promise<void> {
    this.#underWay += 1;
    if (this.#underWay <= DOWNLOADS_AT_ONCE) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Undefined for a bug, and for trouble of the store that a later try may not have. */
  #wordsOf(error: unknown, imageId: string): string | undefined {
    if (error instanceof DownloadFault) return error.message;
    const refusal = refusalOf(error, imageId);
    return refusal === undefined ? undefined : this.#options.wordsOf(refusal);
  }
}
