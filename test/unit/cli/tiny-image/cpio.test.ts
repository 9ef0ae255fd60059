// The archive writer against what the format says, byte by byte.

import { describe, expect, it } from 'vitest';
import { writeCpio } from '#cli/tiny-image/cpio.ts';

const field = (value: number) => value.toString(16).padStart(8, '0');

const header = (fields: { inode: number; mode: number; size: number; nameLength: number }) =>
  `070701${field(fields.inode)}${field(fields.mode)}${field(0).repeat(2)}${field(1)}${field(0)}` +
  `${field(fields.size)}${field(0).repeat(4)}${field(fields.nameLength)}${field(0)}`;

const trailer = `${header({ inode: 0, mode: 0, size: 0, nameLength: 11 })}TRAILER!!!\0\0\0\0`;

describe('writeCpio', () => {
  it('ends an empty archive with the trailer', () => {
    expect(writeCpio([]).toString('latin1')).toBe(trailer);
  });

  it('writes each kind of entry, padded to four bytes', () => {
    const archive = writeCpio([
      { type: 'directory', path: 'bin' },
      { type: 'file', path: 'bin/a', executable: true, content: Buffer.from('12345') },
      { type: 'file', path: 'b', executable: false, content: Buffer.alloc(0) },
      { type: 'link', path: 'bin/sh', target: 'busybox' },
    ]);
    expect(archive.toString('latin1')).toBe(
      [
        `${header({ inode: 1, mode: 0o040755, size: 0, nameLength: 4 })}bin\0\0\0`,
        `${header({ inode: 2, mode: 0o100755, size: 5, nameLength: 6 })}bin/a\x0012345\0\0\0`,
        `${header({ inode: 3, mode: 0o100644, size: 0, nameLength: 2 })}b\0`,
        `${header({ inode: 4, mode: 0o120777, size: 7, nameLength: 7 })}bin/sh\0\0\0\0busybox\0`,
        trailer,
      ].join(''),
    );
    expect(archive.length % 4).toBe(0);
  });
});
