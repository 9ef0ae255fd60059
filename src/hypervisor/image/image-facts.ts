// What an image inspection answers, shared by the parsers and the users of this folder.

import { HypervisorFault } from '../port.ts';

/** Why an image may not be used, in words for its owner. */
export interface ImageRefusal {
  readonly ok: false;
  readonly reason: string;
}

export interface ImageAccepted {
  readonly ok: true;
  /** What a guest sees as the disk's size. */
  readonly virtualSizeBytes: number;
}

export type ImageVerdict = ImageAccepted | ImageRefusal;

export function refuseImage(reason: string): ImageRefusal {
  return { ok: false, reason };
}

/** The fault that an image's owner gets to read. */
export function refusal(image: { readonly id: string }, reason: string): HypervisorFault {
  return new HypervisorFault('image-refused', `image ${image.id} is refused: ${reason}`);
}
