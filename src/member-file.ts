// What a member of a cluster knows of itself, in its data directory: `member.json`, readable by its owner only since it
// holds the network's key. With it `kilonova up --data DIR` starts the same member again. Its key pair is in a file of its
// own (identity.key).
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartialConfig } from '#config/schema.ts';
import type { MemberRole } from '#runtime/membership/store.ts';

export interface KnownController {
  readonly id: string;
  readonly addresses: readonly string[];
}

export interface MemberFile {
  readonly version: 1;
  readonly role: MemberRole;
  readonly name: string;
  /** The cloud's id. */
  readonly cluster: string;
  /** Base64; who does not have it gets no link. */
  readonly networkKey: string;
  /** Where controllers were reached last. */
  readonly controllers: readonly KnownController[];
  /** What was said when it became a member: settings between the settings file and the command line. */
  readonly settings: PartialConfig;
  /** Of a cluster's first controller, until the store knows of it. */
  readonly isFounding?: boolean;
}

const fileName = 'member.json';
const identityName = 'identity.key';
const leftName = 'left.json';

export function identityPath(data: string): string {
  return join(data, identityName);
}

/** Undefined if this is no member's directory. Throws in words if the file makes no sense. */
export function readMemberFile(data: string): MemberFile | undefined {
  const path = join(data, fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} can't be read: ${String(error)}`, { cause: error });
  }
  try {
    const file = JSON.parse(text) as MemberFile;
    if (file.version === 1 && typeof file.networkKey === 'string') return file;
  } catch (error) {
    throw new Error(`${path} is damaged: ${String(error)}. Join again with a new token`, {
      cause: error,
    });
  }
  throw new Error(`${path} is of another release: start this member with that one`);
}

export function writeMemberFile(data: string, file: MemberFile): void {
  writePrivate(join(data, fileName), `${JSON.stringify(file, undefined, 2)}\n`);
}

/** After it has left: the next start is no member any more, and a next join is another one. The cloud's id stays: its marks do. */
export function removeMemberFiles(data: string): void {
  const cluster = readMemberFile(data)?.cluster;
  if (cluster !== undefined) writePrivate(join(data, leftName), `${JSON.stringify({ cluster })}\n`);
  for (const name of [fileName, identityName]) rmSync(join(data, name), { force: true });
}

/** Of the cloud that this directory is, or was, a member's of. */
export function memberClusterOf(data: string): string | undefined {
  const cluster = readMemberFile(data)?.cluster;
  if (cluster !== undefined) return cluster;
  try {
    const left = JSON.parse(readFileSync(join(data, leftName), 'utf8')) as { cluster?: string };
    return left.cluster;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A directory that holds a cloud of its own can't become a member's. Throws in words. */
export function refuseEmbedded(data: string): void {
  if (!existsSync(join(data, 'journal.db')) || existsSync(join(data, fileName))) return;
  throw new Error(
    `${data} holds a cloud that runs in one process (journal.db), which can't move into a cluster: name another directory with --data`,
  );
}

/** Whole or not at all, and for its owner only. */
export function writePrivate(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.tmp`, content, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
