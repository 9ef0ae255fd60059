// Where images' bytes are kept. Two adapters pass one suite: disk-store.ts and memory-store.ts (for tests and simulation).
// It knows ids and bytes; names, owners and states are the image entity's matter.

export type ImageStoreFaultCode =
  /** No room left for the bytes. */
  | 'no-space'
  /** More bytes than allowed. */
  | 'too-large'
  /** Another write of the same image is under way. */
  | 'busy'
  /** There are no bytes of this image. */
  | 'missing'
  /** The source broke off before its end. */
  | 'interrupted'
  /** Trouble with the medium. */
  | 'failed';

export class ImageStoreFault extends Error {
  readonly code: ImageStoreFaultCode;

  constructor(code: ImageStoreFaultCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ImageStoreFault';
    this.code = code;
  }
}

export interface StoredBytes {
  readonly sizeBytes: number;
  /** Hex digests of all bytes. */
  readonly md5: string;
  readonly sha512: string;
  /** The first HEAD_BYTES (formats.ts), or all. */
  readonly head: Uint8Array;
}

export interface WriteOptions {
  readonly limitBytes: number;
  /** Sees the head as soon as it is there; what it throws ends the write and is what `write` rejects with. */
  readonly inspect?: (head: Uint8Array) => void;
  /** Asked when all bytes are there, before they take the image's place. False ends the write as `interrupted`. */
  readonly mayKeep?: () => boolean;
}

/** What a sweep leaves alone; asked of what was there at its beginning. */
export interface SweepRules {
  /** Complete files that belong to an image. */
  readonly isKnown: (imageId: string) => boolean;
  /** Another process writes to this image: neither its parts nor its file are touched. Default: none does. */
  readonly isWrittenElsewhere?: (imageId: string) => boolean;
  /** Awaited between the look at what is there and the questions. */
  readonly settle?: () => Promise<void>;
}

/** First and last byte, both within the file. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export interface ImageStore {
  /**
   * Takes all bytes and keeps them durably before it resolves, in place of what was there. On any fault nothing of
   * this write is left. Rejects with ImageStoreFault no-space, too-large, busy, interrupted or failed.
   */
  write(
    imageId: string,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredBytes>;
  /** Like `write`, from a local file; shares its blocks with it where the file system can. */
  adopt(imageId: string, path: string, options: WriteOptions): Promise<StoredBytes>;
  /** Whether the image's bytes were adopted from this file as it is now. Cheap: no byte is read. */
  isAdoptedFrom(imageId: string, path: string): Promise<boolean>;
  /** The bytes in order. The first step rejects with `missing` if there are none. */
  read(imageId: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Gives bytes another id, in place of what was there. False if there are none. */
  move(fromId: string, toId: string): Promise<boolean>;
  /** Silent if there are none. */
  remove(imageId: string): Promise<void>;
  /** Removes unfinished writes of processes that are gone, and complete files that no image knows. */
  sweep(rules: SweepRules): Promise<readonly string[]>;
  /** Removes unfinished writes of one image by others than this store. */
  removeParts(imageId: string): Promise<void>;
}

/** The write was ended by `mayKeep`. */
export function notOursFault(): ImageStoreFault {
  return new ImageStoreFault('interrupted', 'this process may no longer write the image');
}
