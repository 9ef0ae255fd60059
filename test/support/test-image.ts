// The smallest disk that passes for a raw image, with its true digest.
import { createHash } from 'node:crypto';
import type { ServerImage } from '#actors/domain/server.ts';
import type { ImageSource } from '#hypervisor/storage-port.ts';

export const testImageBytes = new Uint8Array(65_536);

export const testImage: ServerImage = {
  id: '11111111-1111-4111-8111-111111111111',
  name: 'tiny',
  format: 'raw',
  sha512: createHash('sha512').update(testImageBytes).digest('hex'),
  sizeBytes: testImageBytes.length,
  minDiskGiB: 0,
  minRamMiB: 0,
  properties: {},
};

export function testImageSource(image: ServerImage): ImageSource {
  const { id, format, sha512, sizeBytes } = image;
  return {
    id,
    format,
    sha512,
    sizeBytes,
    open: async function* () {
      yield testImageBytes;
    },
  };
}
