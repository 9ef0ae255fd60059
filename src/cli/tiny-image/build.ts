// Builds the tiny image: a bootable qcow2 of some 20 MB that behaves as a cloud image does, made of Debian 12 packages.
// Needs root and amd64; installs nothing, mounts nothing, uses no loop device. What the guest does: docs/tiny-image.md.
// A finished build is kept under a name that contains the hash of this folder, and found again by it.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join, relative } from 'node:path';
import { TinyImageError } from './command.ts';
import { convertDisk, virtualSizeBytes, writeDisk } from './disk.ts';
import { buildInitramfs, buildRootTree } from './guest-tree.ts';
import { readKernel } from './kernel.ts';
import { gatherMaterial } from './packages.ts';

/** Debian packages that the building machine needs besides apt and dpkg. */
export const tinyImagePackages: readonly string[] = ['e2fsprogs', 'qemu-utils'];

export interface TinyImage {
  readonly path: string;
  /** Hexadecimal digest of the file. */
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
}

export interface TinyImageOptions {
  /** Where the image goes: `kilonova-tiny-HASH.qcow2` and a `.json` beside it that says what is in it. */
  readonly outputDirectory: string;
  /** Keeps the downloaded packages; private working directories come and go in it. */
  readonly cacheDirectory: string;
  readonly onProgress: (line: string) => void;
}

/**
 * The tiny image, built unless a complete build of the same inputs is there (then nothing is run or fetched).
 * A build fetches the newest packages that apt knows; to renew an image, delete it.
 * Rejects with TinyImageError: what failed, where, and what mends it. Partial files are never left under the final name.
 */
export async function buildTinyImage(options: TinyImageOptions): Promise<TinyImage> {
  const name = `kilonova-tiny-${await hashInputs(import.meta.dirname)}`;
  const path = join(options.outputDirectory, `${name}.qcow2`);
  const recordPath = join(options.outputDirectory, `${name}.json`);
  const found = await findBuild(path, recordPath);
  if (found !== undefined) return found;
  requireHost();
  await mkdir(options.outputDirectory, { recursive: true });
  await mkdir(options.cacheDirectory, { recursive: true });
  await sweep(options.cacheDirectory);
  const work = await mkdtemp(join(options.cacheDirectory, `build-${process.pid}-`));
  try {
    const packages = await buildInto(work, options);
    // A record without its image, or with another one, must never be seen: it goes first and comes last.
    await rm(recordPath, { force: true });
    const image = await publish(join(work, 'image.qcow2'), path);
    const { sha512, sizeBytes } = image;
    const record = { sha512, sizeBytes, virtualSizeBytes, packages };
    await writeFile(join(work, 'record'), `${JSON.stringify(record, undefined, 2)}\n`);
    await publish(join(work, 'record'), recordPath);
    options.onProgress(`${path} is ready, ${(sizeBytes / 1e6).toFixed(1)} MB`);
    return image;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Removes what builds that were killed left behind; the number in the name is their process. */
async function sweep(cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    const pid = /^build-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      await rm(join(cacheDirectory, name), { recursive: true, force: true });
    }
  }
}

function requireHost(): void {
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    throw new TinyImageError(
      `the tiny image can't be built on ${process.platform}/${process.arch}`,
      'build it on Debian 12 for amd64 and copy the file',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new TinyImageError(
      'the tiny image can only be built by root: its files must belong to root',
      'run the same command with sudo',
    );
  }
}

/** Builds `image.qcow2` in the working directory. Returns the file names of the packages in it. */
async function buildInto(work: string, options: TinyImageOptions): Promise<readonly string[]> {
  const { onProgress } = options;
  const { root: material, packages } = await gatherMaterial({
    downloadDirectory: join(options.cacheDirectory, 'packages'),
    root: join(work, 'material'),
    onProgress,
  });
  const kernel = await readKernel(material);
  if (!kernel.lowered) {
    onProgress(`kernel ${kernel.version} keeps its load address: guests need 80 MiB of memory`);
  }
  onProgress(`putting Linux ${kernel.version} and the guest's files together`);
  const parts = {
    material,
    kernelPath: join(work, 'vmlinuz'),
    initramfsPath: join(work, 'initrd'),
    bootSettingsPath: join(work, 'syslinux.cfg'),
    rootTree: join(work, 'root'),
  };
  await writeFile(parts.kernelPath, kernel.image);
  await writeFile(parts.initramfsPath, await buildInitramfs(material, kernel.version));
  await copyFile(join(import.meta.dirname, 'guest', 'syslinux.cfg'), parts.bootSettingsPath);
  await buildRootTree(material, kernel.version, parts.rootTree);
  onProgress('writing the disk');
  await writeDisk(join(work, 'disk.raw'), parts);
  await convertDisk(join(work, 'disk.raw'), join(work, 'image.qcow2'));
  return packages;
}

// Copied next to its place first: the cache may be on another file system, and a rename is all or nothing.
async function publish(built: string, path: string): Promise<TinyImage> {
  const partial = `${path}.${process.pid}`;
  try {
    const content = await readFile(built);
    await writeFile(partial, content, { flush: true });
    await rename(partial, path);
    const sha512 = createHash('sha512').update(content).digest('hex');
    return { path, sha512, sizeBytes: content.length, virtualSizeBytes };
  } finally {
    await rm(partial, { force: true });
  }
}

/** The build under that name, if its record is there (it is written last) and the file is as long as it says. */
async function findBuild(path: string, recordPath: string): Promise<TinyImage | undefined> {
  const text = await readFile(recordPath, 'utf8').catch(absent);
  const file = await stat(path).catch(absent);
  const record = text === undefined ? undefined : parseRecord(text);
  return record === undefined || record.sizeBytes !== file?.size ? undefined : { path, ...record };
}

/** Undefined if a disk that was full or a hand that slipped left something else: then the image is built anew. */
function parseRecord(text: string): Omit<TinyImage, 'path'> | undefined {
  const match =
    /"sha512": "([0-9a-f]{128})",\s*"sizeBytes": (\d+),\s*"virtualSizeBytes": (\d+)/.exec(text);
  if (match === null) return undefined;
  const [, sha512 = '', sizeBytes, virtualSizeBytes] = match;
  return { sha512, sizeBytes: Number(sizeBytes), virtualSizeBytes: Number(virtualSizeBytes) };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

/** A hash over names and contents of everything in this folder: builder and guest files. */
async function hashInputs(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = await readFile(path);
    hash.update(`${relative(directory, path)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}
