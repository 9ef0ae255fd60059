// Our CRC-32 against the one of zlib.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32 as zlibCrc32 } from 'node:zlib';

import { crc32 } from '#runtime/journal/sqlite/checksum.ts';

it('is the checksum that zlib gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    }),
  );
});
