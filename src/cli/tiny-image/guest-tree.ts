// Lays out the two trees of the guest: the initramfs (in memory, as cpio entries) and the root file system (a directory).
// Scripts and settings come from guest/, programs and libraries from the unpacked packages. See docs/tiny-image.md.

import { existsSync } from 'node:fs';
import {
  chmod,
  cp,
  lutimes,
  mkdir,
  readdir,
  readFile,
  realpath,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runCommand, TinyImageError } from './command.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { type KernelModule, moduleIndexes, readModules } from './kernel.ts';

const guestDirectory = join(import.meta.dirname, 'guest');
const libraryDirectory = 'lib/x86_64-linux-gnu';

/** What the root disk can hang on, and the host's randomness. */
const bootModules = words('virtio_pci virtio_rng virtio_blk virtio_scsi ata_piix sd_mod');

/** Everything else that a guest may meet: on the root file system only. */
const deviceModules = words(
  'virtio_net virtio_balloon virtio_console virtio_input sr_mod ata_generic button evdev ' +
    'isofs vfat nls_ascii nls_cp437 nls_utf8 nls_iso8859_1',
);

const initramfsApplets = words(
  'sh mount umount modprobe cat xargs dd usleep partprobe switch_root setsid cttyhack reboot ls dmesg',
);

/** Programs that are not busybox's, and the libraries that they load. */
const programs = words('usr/sbin/dropbear usr/bin/dropbearkey usr/bin/dbclient sbin/resize2fs');
const libraries = words(
  'ld-linux-x86-64.so.2 libc.so.6 libcrypt.so.1 libz.so.1 libgmp.so.10 ' +
    'libtomcrypt.so.1 libtommath.so.1 libext2fs.so.2 libe2p.so.2 libcom_err.so.2',
);

const directories = words(
  `bin sbin usr/bin usr/sbin usr/local/bin usr/local/sbin lib64 ${libraryDirectory} ` +
    'dev proc sys run mnt tmp root home etc/dropbear var/log var/tmp var/lib/kilonova',
);
const links: readonly (readonly [string, string])[] = [
  ['lib64/ld-linux-x86-64.so.2', `../${libraryDirectory}/ld-linux-x86-64.so.2`],
  ['etc/resolv.conf', '../run/resolv.conf'],
  ['etc/mtab', '../proc/mounts'],
  ['var/run', '../run'],
  ['usr/bin/ssh', 'dbclient'],
];
/** Modes other than 0755 (directories and programs) and 0644. */
const modes: readonly (readonly [string, number])[] = [
  ['root', 0o700],
  ['etc/shadow', 0o600],
  ['tmp', 0o1777],
  ['var/tmp', 0o1777],
];

/** Every file carries this time (2026-01-01), so that two builds of the same packages are alike. */
export const buildTimeSeconds = 1_767_225_600;

function words(text: string): readonly string[] {
  return text.split(' ');
}

/** The initramfs: busybox, the drivers of disks and guest/initramfs/init. */
export async function buildInitramfs(material: string, kernelVersion: string): Promise<Buffer> {
  const modules = await readModules(material, kernelVersion, bootModules);
  const moduleDirectory = `lib/modules/${kernelVersion}`;
  const file = (path: string, content: Buffer, executable = false): CpioEntry => ({
    type: 'file',
    path,
    executable,
    content,
  });
  const paths = ['bin', 'dev', 'proc', 'sys', 'run', 'root', 'lib', 'lib/modules', moduleDirectory];
  const archive = writeCpio([
    ...paths.map((path): CpioEntry => ({ type: 'directory', path })),
    file('init', await readFile(join(guestDirectory, 'initramfs', 'init')), true),
    file('bin/busybox', await readFile(join(material, 'bin', 'busybox')), true),
    ...initramfsApplets.map(
      (applet): CpioEntry => ({ type: 'link', path: `bin/${applet}`, target: 'busybox' }),
    ),
    ...moduleFiles(modules).map((each) => file(`${moduleDirectory}/${each.name}`, each.content)),
  ]);
  // Compressed, it and its contents fit side by side into the memory of a small guest.
  return gzipSync(archive, { level: 9 });
}

function moduleFiles(modules: readonly KernelModule[]): { name: string; content: Buffer }[] {
  const indexes = moduleIndexes(modules);
  return [
    ...modules.map((module) => ({ name: `${module.name}.ko`, content: module.content })),
    { name: 'modules.dep', content: Buffer.from(indexes.dependencies) },
    { name: 'modules.alias', content: Buffer.from(indexes.aliases) },
  ];
}

/** Fills `root` with the guest's root file system. Files belong to whoever builds: root, or the guest's ssh refuses keys. */
export async function buildRootTree(
  material: string,
  kernelVersion: string,
  root: string,
): Promise<void> {
  for (const directory of directories) await mkdir(join(root, directory), { recursive: true });
  await cp(join(guestDirectory, 'rootfs'), root, { recursive: true });
  await copyPrograms(material, root);
  await writeModules(material, kernelVersion, root);
  for (const [path, target] of links) await symlink(target, join(root, path));
  await linkApplets(material, root);
  await setModesAndTimes(root);
}

async function copyPrograms(material: string, root: string): Promise<void> {
  await copyMaterial(join(material, 'bin', 'busybox'), join(root, 'bin', 'busybox'));
  for (const path of programs) await copyMaterial(join(material, path), join(root, path));
  for (const library of libraries) {
    const candidates = [`lib/x86_64-linux-gnu/${library}`, `usr/lib/x86_64-linux-gnu/${library}`];
    const found = candidates.find((path) => existsSync(join(material, path)));
    await copyMaterial(join(material, found ?? library), join(root, libraryDirectory, library));
  }
}

async function copyMaterial(from: string, to: string): Promise<void> {
  if (!existsSync(from)) {
    throw new TinyImageError(
      `none of the unpacked packages has ${from}`,
      'the tiny image is built from the packages of Debian 12 for amd64; build it there',
    );
  }
  await cp(await realpath(from), to);
}

async function writeModules(material: string, version: string, root: string): Promise<void> {
  const modules = await readModules(material, version, [...bootModules, ...deviceModules]);
  const directory = join(root, 'lib', 'modules', version);
  await mkdir(directory, { recursive: true });
  for (const file of moduleFiles(modules)) {
    await writeFile(join(directory, file.name), file.content);
  }
}

// busybox itself tells which names it answers to, and where they belong.
async function linkApplets(material: string, root: string): Promise<void> {
  const listed = await runCommand(join(material, 'bin', 'busybox'), ['--list-full'], {
    mend: 'the tiny image is built on a machine of the same kind: amd64',
  });
  for (const applet of listed.trim().split('\n')) {
    const path = join(root, applet);
    if (existsSync(path)) continue;
    await mkdir(dirname(path), { recursive: true });
    await symlink('/bin/busybox', path);
  }
}

async function setModesAndTimes(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  for (const [index, entry] of entries.entries()) {
    const path = paths[index] ?? root;
    if (!entry.isSymbolicLink()) {
      const executable = entry.isDirectory() || ((await stat(path)).mode & 0o100) !== 0;
      await chmod(path, executable ? 0o755 : 0o644);
    }
  }
  for (const [path, mode] of modes) await chmod(join(root, path), mode);
  for (const path of [...paths, root]) await lutimes(path, buildTimeSeconds, buildTimeSeconds);
}
