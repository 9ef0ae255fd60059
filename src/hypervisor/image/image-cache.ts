// Images that this host has fetched, checked and inspected: one directory each, complete or not there at all.
// A directory is named by image id and digest, so that an id whose content changes never touches disks based on the old one.
// Layout: <directory>/<image id>-<12 hex of sha512>/{disk,facts.json}; unfinished ones are `.incoming-…` and swept at start.

import { readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunCommand } from '../command.ts';
import {
  ensureDirectory,
  removeDirectory,
  replaceFile,
  sweepUnfinished,
  syncDirectory,
  unfinishedPath,
  withFileFaults,
} from '../host-files.ts';
import { Lane } from '../lane.ts';
import { checkUuid } from '../path-names.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import type { ImageSource } from '../storage-port.ts';
import { refusal } from './image-facts.ts';
import { fetchImage } from './image-fetch.ts';
import { inspectImage } from './image-inspection.ts';

const factsName = 'facts.json';
const diskName = 'disk';
const fetchesAtOnce = 4;
const maxWaitingFetches = 256;

interface ImageFacts {
  readonly imageId: string;
  readonly format: 'qcow2' | 'raw';
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
}

export interface CachedImage extends ImageFacts {
  readonly directory: string;
  /** Absolute path of the image file. */
  readonly path: string;
  /** How often something was based on it, and how much of that is under way: pruning must notice either. */
  uses: number;
  usesUnderWay: number;
}

export interface ImageCacheOptions {
  readonly directory: string;
  readonly env: HypervisorEnv;
  readonly run: RunCommand;
  /** A fetch without a byte for this long is given up. Default 60 s. */
  readonly stallMs?: number;
}

export class ImageCache {
  readonly #options: ImageCacheOptions;
  readonly #byKey = new Map<string, CachedImage>();
  /** The content that an image id stands for now. */
  readonly #current = new Map<string, CachedImage>();
  readonly #fetching = new Map<string, Promise<CachedImage>>();
  readonly #lane = new Lane('image fetches', fetchesAtOnce, maxWaitingFetches);

  private constructor(options: ImageCacheOptions) {
    this.#options = options;
  }

  static async open(options: ImageCacheOptions): Promise<ImageCache> {
    const cache = new ImageCache(options);
    await withFileFaults('opening the image cache', () => cache.#load());
    return cache;
  }

  /** Resolves when the image is complete on this host. Fetches of one content are made once, however many ask. */
  async ensure(source: ImageSource): Promise<void> {
    const key = imageKey(source);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      if (known.format !== source.format) throw refusal(source, `it is cached as ${known.format}`);
      this.#current.set(source.id, known);
      return;
    }
    const running = this.#fetching.get(key) ?? this.#startFetch(key, source);
    this.#current.set(source.id, await running);
  }

  /** Bases something on an image, which is not pruned meanwhile. Fault `failed` when it was not fetched. */
  async use<T>(imageId: string, work: (image: CachedImage) => Promise<T>): Promise<T> {
    const image = this.#current.get(checkUuid(imageId, 'image id'));
    if (image === undefined) {
      throw new HypervisorFault('failed', `image ${imageId} is not in this host's cache`);
    }
    image.uses += 1;
    image.usesUnderWay += 1;
    try {
      return await work(image);
    } finally {
      image.usesUnderWay -= 1;
    }
  }

  /** Drops images that are not in `keep` and that `findBases` (paths of images that disks stand on) does not name. */
  async prune(
    keep: ReadonlySet<string>,
    findBases: () => Promise<ReadonlySet<string>>,
  ): Promise<void> {
    const wanted = (image: CachedImage): boolean =>
      keep.has(image.imageId) && this.#current.get(image.imageId) === image;
    const candidates = [...this.#byKey].filter(([, image]) => !wanted(image));
    if (candidates.length === 0) return;
    const usesBefore = new Map(candidates.map(([key, image]) => [key, image.uses]));
    const bases = await findBases();
    for (const [key, image] of candidates) {
      const used = image.usesUnderWay > 0 || image.uses !== usesBefore.get(key);
      if (!used && !bases.has(image.path)) await this.#drop(key, image);
    }
  }

  async #drop(key: string, image: CachedImage): Promise<void> {
    this.#byKey.delete(key);
    if (this.#current.get(image.imageId) === image) this.#current.delete(image.imageId);
    await withFileFaults(`removing image ${image.imageId}`, () =>
      removeDirectory(this.#options.env, image.directory),
    );
    this.#options.env.log.info({ imageId: image.imageId }, 'cached image removed');
  }

  async #load(): Promise<void> {
    const { directory, env } = this.#options;
    await ensureDirectory(directory);
    const swept = await sweepUnfinished(directory);
    if (swept > 0) env.log.info({ swept }, 'unfinished images removed');
    for (const name of (await readdir(directory)).toSorted()) {
      const place = join(directory, name);
      if (!entryName.test(name)) {
        env.log.warn({ place }, 'not an image of ours; left alone');
        continue;
      }
      const facts = JSON.parse(await readFile(join(place, factsName), 'utf8')) as ImageFacts;
      this.#add(facts, place);
    }
  }

  #add(facts: ImageFacts, directory: string): CachedImage {
    const image: CachedImage = {
      ...facts,
      directory,
      path: join(directory, diskName),
      uses: 0,
      usesUnderWay: 0,
    };
    this.#byKey.set(imageKey({ id: facts.imageId, sha512: facts.sha512 }), image);
    this.#current.set(facts.imageId, image);
    return image;
  }

  #startFetch(key: string, source: ImageSource): Promise<CachedImage> {
    const fetching = this.#lane
      .run(() => withFileFaults(`fetching image ${source.id}`, () => this.#fetch(key, source)))
      .finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetch(key: string, source: ImageSource): Promise<CachedImage> {
    const { directory, env, run } = this.#options;
    await this.#checkSpace(source);
    const temporary = unfinishedPath(env, directory);
    await ensureDirectory(temporary);
    try {
      const path = join(temporary, diskName);
      await fetchImage(env, source, { path, stallMs: this.#options.stallMs ?? 60_000 });
      const { virtualSizeBytes } = await inspectImage(run, path, source);
      const { id: imageId, format, sizeBytes } = source;
      const facts = { imageId, format, sha512: source.sha512, sizeBytes, virtualSizeBytes };
      await replaceFile(env, join(temporary, factsName), JSON.stringify(facts), { durable: true });
      await rename(temporary, join(directory, key));
      await syncDirectory(directory);
      env.log.info({ imageId, sizeBytes }, 'image fetched into the cache');
      return this.#add(facts, join(directory, key));
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  async #checkSpace(source: ImageSource): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.directory);
    const freeBytes = bavail * bsize;
    if (freeBytes >= source.sizeBytes) return;
    const message = `image ${source.id} needs ${source.sizeBytes} bytes, the host has ${freeBytes} free`;
    throw new HypervisorFault('no-space', message, { retryable: true });
  }
}

const entryName = /^[0-9a-f-]{36}-[0-9a-f]{12}$/;
const hexDigest = /^[0-9a-f]{128}$/i;

/** Names one content of an image. Fault failed without a proper id and digest. */
export function imageKey(image: { readonly id: string; readonly sha512: string }): string {
  if (!hexDigest.test(image.sha512)) {
    throw new HypervisorFault('failed', `image ${image.id} has no sha512 to be checked against`);
  }
  return `${checkUuid(image.id, 'image id')}-${image.sha512.slice(0, 12).toLowerCase()}`;
}
