// What the builder does to Debian's kernel: finds it among unpacked packages, lowers its load address, picks modules.
// It must not change what the kernel does once it runs.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TinyImageError } from './command.ts';

export interface Kernel {
  readonly version: string;
  /** The bzImage. */
  readonly image: Buffer;
  /** False: this kernel's start code looks different, and it needs some 16 MiB more memory to boot. */
  readonly lowered: boolean;
}

const anotherKernel = "run 'apt-get update' and build again; report it if a newer kernel fails too";

/** Reads the kernel of an unpacked package tree. */
export async function readKernel(root: string): Promise<Kernel> {
  const names = (await readdir(join(root, 'boot'))).filter((name) => name.startsWith('vmlinuz-'));
  const name = names[0];
  if (name === undefined || names.length > 1) {
    throw new TinyImageError(`${root}/boot holds ${names.length} kernels, not one`, anotherKernel);
  }
  const image = await readFile(join(root, 'boot', name));
  const lowered = lowerLoadAddress(image);
  return {
    version: name.slice('vmlinuz-'.length),
    image: lowered ?? image,
    lowered: lowered !== undefined,
  };
}

// A bzImage's start code never unpacks below CONFIG_PHYSICAL_START (16 MiB), which a guest of 64 MiB can't spare.
// The number stands in four instructions of arch/x86/boot/compressed/head_64.S: a compare and a move, in the 32-bit
// entry and in the 64-bit one. Offsets in the header: Documentation/arch/x86/boot.rst.
const configuredStart = 0x100_0000;
const loweredStart = 0x20_0000;
const startInstructions: readonly (readonly number[])[] = [
  [0x81, 0xfb], // cmp ebx, imm32
  [0xbb], // mov ebx, imm32
  [0x48, 0x81, 0xfd], // cmp rbp, imm32
  [0x48, 0xc7, 0xc5], // mov rbp, imm32
];

/** A copy that unpacks itself at 2 MiB; undefined unless each of the four instructions is there exactly once. */
export function lowerLoadAddress(image: Buffer): Buffer | undefined {
  if (image.length < 0x264 || image.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  const protectedMode = (image.readUInt8(0x1f1) + 1) * 512;
  const payload = protectedMode + image.readUInt32LE(0x248);
  if (image.readBigUInt64LE(0x258) !== BigInt(configuredStart)) return undefined;
  const lowered = Buffer.from(image);
  for (const opcode of startInstructions) {
    const pattern = Buffer.concat([Buffer.from(opcode), littleEndian(configuredStart)]);
    const at = image.indexOf(pattern, protectedMode);
    const next = image.indexOf(pattern, at + 1);
    if (at < 0 || at >= payload || (next > 0 && next < payload)) return undefined;
    littleEndian(loweredStart).copy(lowered, at + opcode.length);
  }
  lowered.writeBigUInt64LE(BigInt(loweredStart), 0x258);
  return lowered;
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export interface KernelModule {
  /** As modprobe spells it: with underscores. */
  readonly name: string;
  readonly content: Buffer;
  readonly dependencies: readonly string[];
  readonly aliases: readonly string[];
}

/** The named modules and all they depend on, each after what it needs. */
export async function readModules(
  root: string,
  version: string,
  names: readonly string[],
): Promise<readonly KernelModule[]> {
  const directory = join(root, 'lib', 'modules', version, 'kernel');
  const paths = new Map<string, string>();
  for (const path of await readdir(directory, { recursive: true })) {
    if (path.endsWith('.ko')) paths.set(moduleName(path), join(directory, path));
  }
  const loaded = new Map<string, KernelModule>();
  for (const name of names) await visit(name, paths, loaded);
  return [...loaded.values()];
}

async function visit(
  name: string,
  paths: ReadonlyMap<string, string>,
  loaded: Map<string, KernelModule>,
): Promise<void> {
  if (loaded.has(name)) return;
  const path = paths.get(name);
  if (path === undefined) {
    throw new TinyImageError(`the kernel package has no module ${name}`, anotherKernel);
  }
  const content = await readFile(path);
  const dependencies = moduleInfo(content, 'depends').flatMap((list) =>
    list
      .split(',')
      .filter((entry) => entry !== '')
      .map(moduleName),
  );
  for (const dependency of dependencies) await visit(dependency, paths, loaded);
  loaded.set(name, { name, content, dependencies, aliases: moduleInfo(content, 'alias') });
}

function moduleName(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}

// The .modinfo section is a run of NUL-terminated "key=value" texts.
function moduleInfo(content: Buffer, key: string): string[] {
  return elfSection(content, '.modinfo')
    .toString('latin1')
    .split('\0')
    .filter((text) => text.startsWith(`${key}=`))
    .map((text) => text.slice(key.length + 1));
}

// Places in the headers of a 64-bit little-endian file: elf(5), Elf64_Ehdr and Elf64_Shdr.
function elfSection(content: Buffer, name: string): Buffer {
  const table = Number(content.readBigUInt64LE(0x28));
  const section = (index: number) => {
    const at = table + index * content.readUInt16LE(0x3a);
    const start = Number(content.readBigUInt64LE(at + 0x18));
    const bytes = content.subarray(start, start + Number(content.readBigUInt64LE(at + 0x20)));
    return { nameAt: content.readUInt32LE(at), bytes };
  };
  const names = section(content.readUInt16LE(0x3e)).bytes;
  for (let index = 1; index < content.readUInt16LE(0x3c); index++) {
    const { nameAt, bytes } = section(index);
    if (names.toString('latin1', nameAt, names.indexOf(0, nameAt)) === name) return bytes;
  }
  return Buffer.alloc(0);
}

/** The files that modprobe reads, for modules that lie side by side in /lib/modules/VERSION. */
export function moduleIndexes(modules: readonly KernelModule[]): {
  readonly dependencies: string;
  readonly aliases: string;
} {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const lines = modules.map((module) => {
    const needed = modules.filter((other) => needs(module, other.name, byName));
    // modprobe loads a line's files from the right to the left.
    const files = needed.map((other) => ` ${other.name}.ko`).toReversed();
    return `${module.name}.ko:${files.join('')}\n`;
  });
  const aliases = modules.flatMap((module) =>
    module.aliases.map((alias) => `alias ${alias} ${module.name}\n`),
  );
  return { dependencies: lines.join(''), aliases: aliases.join('') };
}

function needs(
  module: KernelModule,
  name: string,
  byName: ReadonlyMap<string, KernelModule>,
): boolean {
  return module.dependencies.some((dependency) => {
    if (dependency === name) return true;
    const next = byName.get(dependency);
    return next !== undefined && needs(next, name, byName);
  });
}
