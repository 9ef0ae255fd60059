// Decides whether an image file may be given to guests: first by our own reading of its bytes, then, in a process with
// limited memory and time, by qemu-img with the declared format. Never lets qemu-img guess a format (DESIGN §6).

import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Command, CommandResult, RunCommand } from '../command.ts';
import { inspectRaw, signatureEndBytes, signatureStartBytes } from './format-signatures.ts';
import { refusal } from './image-facts.ts';
import type { ImageVerdict } from './image-facts.ts';
import { HypervisorFault } from '../port.ts';
import { headerBytes, inspectQcow2 } from './qcow2-header.ts';

const memoryLimitBytes = 1024 ** 3;
const cpuLimitSeconds = 20;
const timeoutMs = 30_000;

export interface DeclaredImage {
  readonly id: string;
  readonly format: 'qcow2' | 'raw';
}

/** @returns the virtual size. Rejects with HypervisorFault `image-refused` saying why, or `failed`. */
export async function inspectImage(
  run: RunCommand,
  path: string,
  image: DeclaredImage,
): Promise<{ readonly virtualSizeBytes: number }> {
  const verdict = await readVerdict(path, image.format);
  if (!verdict.ok) throw refusal(image, verdict.reason);
  const second = await askQemu(run, path, image);
  if (second.virtualSizeBytes !== verdict.virtualSizeBytes) {
    throw refusal(image, 'its size is told differently by different readers');
  }
  if (image.format === 'qcow2') await checkWhole(run, path, image);
  return verdict;
}

async function readVerdict(path: string, format: 'qcow2' | 'raw'): Promise<ImageVerdict> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (format === 'qcow2') return inspectQcow2(await readAt(file, 0, headerBytes), size);
    const start = await readAt(file, 0, signatureStartBytes);
    const end = await readAt(file, Math.max(0, size - signatureEndBytes), signatureEndBytes);
    return inspectRaw(start, end, size);
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** A file that was cut short still has a good header; only its tables tell that clusters are missing. */
async function checkWhole(run: RunCommand, path: string, image: DeclaredImage): Promise<void> {
  const { exitCode, stderr } = await runLimited(
    run,
    ['qemu-img', 'check', '-f', 'qcow2', '--output=json', path],
    image,
  );
  if (exitCode === checkCodes.good || exitCode === checkCodes.leaks) return;
  const [first = 'it said nothing'] = stderr.trim().split('\n');
  throw refusal(image, `it is damaged; qemu-img check says: ${first.slice(0, 500)}`);
}

/** qemu-img(1), check: leaked clusters waste space and harm nobody. */
const checkCodes = { good: 0, failed: 1, corrupt: 2, leaks: 3 } as const;

/** An image that takes its reader more than the limits allow is refused like any other hostile one. */
async function runLimited(
  run: RunCommand,
  command: Command,
  image: DeclaredImage,
): Promise<CommandResult> {
  const limits = [`--as=${memoryLimitBytes}`, `--cpu=${cpuLimitSeconds}`, '--core=0'];
  const accepts = Object.values(checkCodes);
  try {
    return await run(['prlimit', ...limits, ...command], { timeoutMs, accepts, cutsOutput: true });
  } catch (error) {
    if (!(error instanceof HypervisorFault) || !error.message.includes('SIGXCPU')) throw error;
    throw refusal(image, `reading it takes more than ${cpuLimitSeconds} s of processor time`);
  }
}

interface QemuImageInfo {
  readonly format?: string;
  readonly 'virtual-size'?: number;
  readonly 'backing-filename'?: string;
  readonly encrypted?: boolean;
  readonly 'format-specific'?: { readonly data?: { readonly 'data-file'?: string } };
}

async function askQemu(
  run: RunCommand,
  path: string,
  image: DeclaredImage,
): Promise<{ readonly virtualSizeBytes: number }> {
  const result = await runLimited(
    run,
    ['qemu-img', 'info', '-f', image.format, '--output=json', path],
    image,
  );
  if (result.exitCode !== 0)
    throw refusal(image, `qemu-img says: ${result.stderr.trim().slice(0, 500)}`);
  const info = JSON.parse(result.stdout) as QemuImageInfo;
  if (info.format !== image.format) throw refusal(image, `qemu-img reads it as ${info.format}`);
  if (info['backing-filename'] !== undefined) throw refusal(image, 'qemu-img finds a backing file');
  if (info.encrypted === true) throw refusal(image, 'qemu-img finds it encrypted');
  if (info['format-specific']?.data?.['data-file'] !== undefined) {
    throw refusal(image, 'qemu-img finds an external data file');
  }
  return { virtualSizeBytes: info['virtual-size'] ?? -1 };
}
