// Debian packages as raw material: which ones go into the guest, fetched by apt into a private directory and unpacked there.
// Nothing is installed: no maintainer script runs, the host keeps its kernel and its boot loader.

import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, TinyImageError } from './command.ts';

/** The package whose dependency is the current kernel for guests. */
const kernelMetaPackage = 'linux-image-cloud-amd64';

/** Contents of the guest, and the tools that write its boot partition; they run from where they are unpacked. */
export const materialPackages: readonly string[] = [
  'busybox-static',
  'dropbear-bin',
  'libc6',
  'libcrypt1',
  'libtomcrypt1',
  'libtommath1',
  'libgmp10',
  'zlib1g',
  'e2fsprogs',
  'libext2fs2',
  'libcom-err2',
  'syslinux',
  'syslinux-common',
  'mtools',
];

const mend =
  "run 'apt-get update', and check that this machine reaches the Debian mirror in /etc/apt";

export interface Material {
  /** The unpacked tree of all packages. */
  readonly root: string;
  /** File names of the packages: name, version, architecture. */
  readonly packages: readonly string[];
}

/** Downloads what isn't in `downloadDirectory` yet and unpacks everything into `root`. */
export async function gatherMaterial(options: {
  downloadDirectory: string;
  root: string;
  onProgress: (line: string) => void;
}): Promise<Material> {
  const { downloadDirectory, root, onProgress } = options;
  const names = [await resolveKernelPackage(), ...materialPackages];
  await mkdir(downloadDirectory, { recursive: true });
  await mkdir(root, { recursive: true });
  const files = await listFiles(names, root);
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  onProgress(
    `fetching ${names[0]} and ${materialPackages.length} more Debian packages, ${megabytes(totalBytes)}`,
  );
  await runCommand('apt-get', [...aptOptions, '--quiet=2', 'download', ...names], {
    directory: downloadDirectory,
    timeoutMs: 600_000,
    mend,
  });
  await dropOthers(downloadDirectory, files);
  for (const file of files) await unpack(join(downloadDirectory, file.name), file.sizeBytes, root);
  return { root, packages: files.map((file) => file.name) };
}

// Downloading as root into a private directory: apt's own user must not need to write there.
const aptOptions = ['-o', 'APT::Sandbox::User=root'];

async function resolveKernelPackage(): Promise<string> {
  const shown = await runCommand('apt-cache', ['show', '--no-all-versions', kernelMetaPackage], {
    mend,
  });
  const found = /^Depends: .*?\b(linux-image-[^ ,]+)/m.exec(shown)?.[1];
  if (found !== undefined) return found;
  throw new TinyImageError(
    `apt knows no kernel package behind ${kernelMetaPackage}`,
    `the tiny image is built on Debian 12 for amd64; ${mend}`,
  );
}

interface PackageFile {
  readonly name: string;
  readonly sizeBytes: number;
}

// apt prints: 'address' file-name size hash, one line for each package that isn't in its directory yet.
async function listFiles(
  names: readonly string[],
  emptyDirectory: string,
): Promise<readonly PackageFile[]> {
  const args = [...aptOptions, '--print-uris', 'download', ...names];
  const printed = await runCommand('apt-get', args, { mend, directory: emptyDirectory });
  const files = [...printed.matchAll(/^'[^']+' (\S+\.deb) (\d+) /gm)].map((match) => ({
    name: match[1] ?? '',
    sizeBytes: Number(match[2]),
  }));
  if (files.length === names.length) return files;
  throw new TinyImageError(
    `apt offers ${files.length} of the ${names.length} packages that the tiny image needs`,
    mend,
  );
}

async function dropOthers(directory: string, files: readonly PackageFile[]): Promise<void> {
  const wanted = new Set(files.map((file) => file.name));
  for (const name of await readdir(directory)) {
    if (name.endsWith('.deb') && !wanted.has(name)) await rm(join(directory, name));
  }
}

async function unpack(path: string, sizeBytes: number, root: string): Promise<void> {
  const found = await stat(path);
  if (found.size !== sizeBytes) {
    throw new TinyImageError(
      `${path} has ${found.size} bytes where apt promised ${sizeBytes}`,
      'delete the file and try again',
    );
  }
  await runCommand('dpkg-deb', ['--extract', path, root], {
    mend: `check the free space of ${root}; if there is enough, delete ${path} and try again`,
  });
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
