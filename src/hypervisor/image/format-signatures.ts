// Recognises disk image formats by their signatures, so that a file declared raw is not secretly something that
// other tools would follow to other files. Pure. Signatures: QEMU block drivers' probe functions and the formats' own documents.

import { refuseImage } from './image-facts.ts';
import type { ImageVerdict } from './image-facts.ts';

export const signatureStartBytes = 1024;
export const signatureEndBytes = 512;
const sectorBytes = 512;

interface Signature {
  readonly format: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly from: 'start' | 'end';
}

function atStart(format: string, text: string, offset = 0): Signature {
  return { format, bytes: Buffer.from(text, 'latin1'), offset, from: 'start' };
}

function atEnd(format: string, text: string): Signature {
  return { format, bytes: Buffer.from(text, 'latin1'), offset: 0, from: 'end' };
}

const signatures: readonly Signature[] = [
  atStart('qcow2', 'QFI\u00fb'),
  atStart('qed', 'QED\0'),
  atStart('vmdk', 'KDMV'),
  atStart('vmdk', 'COWD'),
  atStart('vmdk', '# Disk DescriptorFile'),
  atStart('vhd', 'conectix'),
  atEnd('vhd', 'conectix'),
  atStart('vhdx', 'vhdxfile'),
  atStart('vdi', '\u007f\u0010\u00da\u00be', 64),
  atStart('parallels', 'WithoutFreeSpace'),
  atStart('parallels', 'WithouFreSpacExt'),
  atStart('luks', 'LUKS\u00ba\u00be'),
  atStart('bochs', 'Bochs Virtual HD Image'),
  atStart('cloop', '#!/bin/sh\n#V2.0 Format\n'),
  atEnd('dmg', 'koly'),
];

/** The format that these bytes announce, or undefined. `end` is the file's last 512 bytes (all of a shorter file). */
export function recogniseFormat(start: Uint8Array, end: Uint8Array): string | undefined {
  const found = signatures.find((signature) => {
    const where = signature.from === 'start' ? start : end;
    return signature.bytes.every((byte, index) => where[signature.offset + index] === byte);
  });
  return found?.format ?? (isVmdkDescriptor(start) ? 'vmdk' : undefined);
}

/** QEMU also takes text for a VMDK descriptor whose comment lines and blanks come before `version=`. */
function isVmdkDescriptor(start: Uint8Array): boolean {
  const lines = Buffer.from(start).toString('latin1').split(/\r?\n/);
  const first = lines.find((line) => line.trim() !== '' && !line.startsWith('#'));
  return first !== undefined && /^version=\d+\s*$/.test(first);
}

/** `start` and `end` are the first 1024 and the last 512 bytes of a file declared raw. */
export function inspectRaw(start: Uint8Array, end: Uint8Array, sizeBytes: number): ImageVerdict {
  if (sizeBytes === 0) return refuseImage('it is empty');
  const found = recogniseFormat(start, end);
  if (found !== undefined) return refuseImage(`it is declared raw but is a ${found} file`);
  return { ok: true, virtualSizeBytes: Math.ceil(sizeBytes / sectorBytes) * sectorBytes };
}
