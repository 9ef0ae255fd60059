// Links in a guest's directory that lead back to it, one for each run-epoch under which it may be started. A start names its
// files through the link of its run-epoch; without the link it finds none, however late the hypervisor gets to it
// (docs/adr/0019-paths-of-a-run.md). It must not look at the files themselves.

import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory, errorCode, listIfThere, syncDirectory } from '../host-files.ts';
import { runEpochOf, runLinkName } from '../path-names.ts';

/** A link that a power cut takes away is made again by the next start. */
export async function openRunLink(directory: string, runEpoch: number): Promise<void> {
  await ensureDirectory(directory);
  try {
    await symlink('.', join(directory, runLinkName(runEpoch)));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** Durable: a power cut brings none of them back on storage that other hosts see, too. */
export async function closeRunLinks(directory: string, upTo: number): Promise<void> {
  const links = (await listIfThere(directory)).filter((name) => {
    const runEpoch = runEpochOf(name);
    return runEpoch !== undefined && runEpoch <= upTo;
  });
  for (const name of links) await rm(join(directory, name), { force: true });
  if (links.length > 0) await syncDirectory(directory);
}
