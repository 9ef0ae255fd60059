// Writes the disk: MBR, a FAT partition with the boot loader, kernel and initramfs, and an ext4 partition that is the root.
// The root comes last, so that the guest can make it longer. Plain files only: no loop device, no mount.

import { readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { buildTimeSeconds } from './guest-tree.ts';

const sectorBytes = 512;
const mebibyte = 1024 * 1024;

/** Small enough for any flavor with a disk; the root grows with the flavor's. */
export const virtualSizeBytes = 128 * mebibyte;

const rootLabel = 'kilonova-root';
const fixedUuid = '6b696c6f-6e6f-4761-8000-74696e790001';

export interface DiskParts {
  /** Where packages are unpacked: the boot loader and the tools that install it run from there. */
  readonly material: string;
  readonly kernelPath: string;
  readonly initramfsPath: string;
  readonly bootSettingsPath: string;
  readonly rootTree: string;
}

const noSpace = 'check the free space on that disk (400 MB are needed) and try again';

/** Writes the raw disk to `path` (sparse). */
export async function writeDisk(path: string, parts: DiskParts): Promise<void> {
  const boot = await bootPartition(parts);
  const startSector = boot.startSector + boot.sectors;
  const root = { startSector, sectors: virtualSizeBytes / sectorBytes - startSector };
  await writeFile(path, await bootRecord(parts.material, boot, root));
  await truncate(path, virtualSizeBytes);
  await writeBootPartition(path, boot, parts);
  await writeRootPartition(path, root, parts.rootTree);
}

interface Partition {
  readonly startSector: number;
  readonly sectors: number;
}

// Contents, rounded up, and room for the file system's own tables and the boot loader.
async function bootPartition(parts: DiskParts): Promise<Partition> {
  const sizes = [await stat(parts.kernelPath), await stat(parts.initramfsPath)];
  const bytes = sizes.reduce((sum, file) => sum + file.size, 0);
  const mebibytes = Math.ceil(bytes / mebibyte) + 1;
  return {
    startSector: mebibyte / sectorBytes,
    sectors: (mebibytes * mebibyte) / sectorBytes,
  };
}

async function bootRecord(material: string, boot: Partition, root: Partition): Promise<Buffer> {
  const record = Buffer.alloc(sectorBytes);
  const code = await readFile(join(material, 'usr/lib/syslinux/mbr/mbr.bin'));
  code.copy(record, 0, 0, 440);
  partitionEntry(0x0e, true, boot).copy(record, 446);
  partitionEntry(0x83, false, root).copy(record, 462);
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

// Cylinder, head and sector are marked as unusable: everything here reads sector numbers.
function partitionEntry(type: number, active: boolean, partition: Partition): Buffer {
  const entry = Buffer.from([active ? 0x80 : 0, 0xfe, 0xff, 0xff, type, 0xfe, 0xff, 0xff]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(partition.startSector, 0);
  numbers.writeUInt32LE(partition.sectors, 4);
  return Buffer.concat([entry, numbers]);
}

async function writeBootPartition(
  path: string,
  partition: Partition,
  parts: DiskParts,
): Promise<void> {
  const offset = partition.startSector * sectorBytes;
  const tools = join(parts.material, 'usr/bin');
  const image = `${path}@@${offset}`;
  const run = (tool: string, args: readonly string[]) =>
    runCommand(join(tools, tool), args, {
      mend: noSpace,
      environment: {
        PATH: `${tools}:${process.env['PATH'] ?? ''}`,
        MTOOLS_SKIP_CHECK: '1',
        SOURCE_DATE_EPOCH: String(buildTimeSeconds),
      },
    });
  const geometry = `-T ${partition.sectors} -h 64 -s 32 -H ${partition.startSector} -N 4b4e5641`;
  await run('mformat', ['-i', image, ...geometry.split(' '), '::']);
  await run('syslinux', ['--install', '--offset', String(offset), path]);
  for (const [from, to] of [
    [parts.bootSettingsPath, 'syslinux.cfg'],
    [parts.kernelPath, 'vmlinuz'],
    [parts.initramfsPath, 'initrd'],
  ] as const) {
    await utimes(from, buildTimeSeconds, buildTimeSeconds);
    await run('mcopy', ['-m', '-i', image, from, `::/${to}`]);
  }
}

// A journal, because hard stops are everyday life; inode tables are zero already, so the guest needn't write them.
async function writeRootPartition(path: string, partition: Partition, tree: string): Promise<void> {
  const blocks = Math.floor((partition.sectors * sectorBytes) / 4096);
  const extended = [
    `offset=${partition.startSector * sectorBytes}`,
    `hash_seed=${fixedUuid}`,
    'lazy_itable_init=0,lazy_journal_init=0,nodiscard',
  ];
  await runCommand(
    'mke2fs',
    [
      ...'-q -F -t ext4 -b 4096 -i 8192 -m 1 -J size=4'.split(' '),
      ...`-L ${rootLabel} -U ${fixedUuid} -E ${extended.join(',')} -d`.split(' '),
      tree,
      path,
      String(blocks),
    ],
    {
      mend: `install the Debian package e2fsprogs if it is missing; otherwise ${noSpace}`,
      environment: { E2FSPROGS_FAKE_TIME: String(buildTimeSeconds) },
    },
  );
}

/** Writes `raw` as a compressed qcow2 that refers to no other file. */
export async function convertDisk(raw: string, qcow2: string): Promise<void> {
  await runCommand('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, qcow2], {
    mend: `install the Debian package qemu-utils if it is missing; otherwise ${noSpace}`,
  });
}
