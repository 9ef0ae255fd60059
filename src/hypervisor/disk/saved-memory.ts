// Tells a complete memory file from one that a crash cut off. libvirt marks a file as partial in its first bytes and
// turns the mark when all is written (virQEMUSaveHeader: `LibvirtQemudPart` becomes `LibvirtQemudSave`).

import { open } from 'node:fs/promises';
import { errorCode } from '../host-files.ts';

export const completeMark = 'LibvirtQemudSave';

/** False when there is no such file. */
export async function isCompleteMemoryFile(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(completeMark.length));
      return buffer.subarray(0, bytesRead).toString('latin1') === completeMark;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
