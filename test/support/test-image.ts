// The smallest disks that pass for raw images, with their true digests.
import { createHash } from 'node:crypto';
import type { ServerImage } from '#actors/domain/server.ts';
import type { ImageSource } from '#hypervisor/storage-port.ts';

const SIZE = 65_536;

function imageOf(id: string, name: string, bytes: Uint8Array): ServerImage {
  return {
    id,
    name,
    format: 'raw',
    sha512: createHash('sha512').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    minDiskGiB: 0,
    minRamMiB: 0,
    properties: {},
  };
}

export const testImageBytes = new Uint8Array(SIZE);
export const testImage = imageOf('11111111-1111-4111-8111-111111111111', 'tiny', testImageBytes);

const otherBytes = new Uint8Array(SIZE).fill(0x41);
/** For servers that get another image than they had. */
export const otherImage = imageOf('12121212-1212-4121-8121-121212121212', 'other', otherBytes);

export const testImageIds: ReadonlySet<string> = new Set([testImage.id, otherImage.id]);

/** The bytes of the image that a URL or an id ends in. */
export function imageBytesAt(url: string): Uint8Array {
  return url.endsWith(otherImage.id) ? otherBytes : testImageBytes;
}

export function testImageSource(image: ServerImage): ImageSource {
  const { id, format, sha512, sizeBytes } = image;
  return {
    id,
    format,
    sha512,
    sizeBytes,
    open: async function* () {
      yield imageBytesAt(id);
    },
  };
}
