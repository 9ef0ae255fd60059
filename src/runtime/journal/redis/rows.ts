// Entries and snapshots as they lie in Redis (layout: ../../redis/journal.lua), and back. Each entry carries a checksum
// chained to the entry before it in its stream, so one that was torn, edited or lost is found when it is read.
import { crc32 } from 'node:zlib';

import type { Reply } from '../../redis/connection.ts';
import { decodeEvents, decodeState } from '../codec.ts';
import {
  type AppendRequest,
  type EntityKey,
  JournalFault,
  type JournalEntry,
  type Snapshot,
} from '../port.ts';

/** An entry without its events decoded. */
export interface RawEntry extends Omit<JournalEntry, 'events'> {
  /** Chain of the entry before it in the stream. */
  readonly before: number;
  readonly chain: number;
  /** All of the entry but events and chain, as JSON. */
  readonly about: string;
  readonly text: string;
}

type About = readonly [
  key: EntityKey,
  firstVersion: number,
  version: number,
  epoch: number,
  requestId: string | null,
  atMs: number,
];

export function aboutOf(request: AppendRequest, version: number): string {
  const { key, expectedVersion, epoch, requestId = null, atMs } = request;
  const about: About = [key, expectedVersion, version, epoch, requestId, atMs];
  return JSON.stringify(about);
}

export function checksumOf(about: string, text: string): number {
  return crc32(text, crc32(about));
}

/** As journal.lua does it. */
function chainOf(before: number, checksum: number): number {
  return (before * 31 + checksum) % 2 ** 32;
}

/** An entry as Redis hands it out, not looked into yet. */
export interface StoredRow {
  readonly position: number;
  readonly header: string;
  readonly text: string;
}

export function positionOf(id: string): number {
  return Number(id.slice(2));
}

/** Of a page: whether it is the last, then id, header and text of one entry after another. */
export function rowsOf(page: readonly Reply[]): readonly StoredRow[] {
  const rows: StoredRow[] = [];
  for (let at = 1; at + 2 < page.length; at += 3) {
    const [id, header, text] = [page[at] as string, page[at + 1] as string, page[at + 2] as string];
    rows.push({ position: positionOf(id), header, text });
  }
  return rows;
}

export function isLastPage(page: readonly Reply[]): boolean {
  return page[0] === 1;
}

/** Throws when it is damaged. */
export function parseRow({ position, header, text }: StoredRow): RawEntry {
  const first = header.indexOf(' ');
  const second = header.indexOf(' ', first + 1);
  const before = Number(header.slice(0, first));
  const chain = Number(header.slice(first + 1, second));
  const about = header.slice(second + 1);
  const parsed = parseAbout(about);
  if (parsed === undefined) {
    throw new JournalFault('corrupt', `the entry at position ${position} is damaged`);
  }
  const [key, firstVersion, version, epoch, requestId, atMs] = parsed;
  if (chainOf(before, checksumOf(about, text)) !== chain) {
    throw new JournalFault('corrupt', `${key}: the entry at version ${version} is damaged`);
  }
  return {
    position,
    key,
    firstVersion,
    version,
    epoch,
    requestId: requestId ?? undefined,
    atMs,
    before,
    chain,
    about,
    text,
  };
}

function parseAbout(about: string): About | undefined {
  try {
    const parsed: unknown = JSON.parse(about);
    return Array.isArray(parsed) && parsed.length === 6 ? (parsed as unknown as About) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function decodeEntry(raw: Omit<RawEntry, 'before'>): JournalEntry {
  const { position, key, firstVersion, version, epoch, requestId, atMs, text } = raw;
  const events = decodeStored(key, () => decodeEvents(text));
  return { position, key, firstVersion, version, epoch, requestId, events, atMs };
}

export interface StreamPage {
  readonly version: number;
  readonly baseVersion: number;
  readonly baseChain: number;
  readonly entries: readonly RawEntry[];
  readonly isLast: boolean;
}

/** Checks that no entry after `fromVersion` is missing, and that each follows from the one before it. */
export function checkPage(key: EntityKey, page: StreamPage, fromVersion: number): void {
  let reached = Math.max(fromVersion, page.baseVersion);
  let chain = chainBefore(page, reached);
  for (const entry of page.entries) {
    if (entry.firstVersion > reached) throw missing(key, reached + 1, entry.firstVersion);
    const isWhole = entry.key === key && (chain === undefined || chain === entry.before);
    if (!isWhole) {
      throw new JournalFault('corrupt', `${key}: the entry at version ${entry.version} is damaged`);
    }
    reached = entry.version;
    chain = entry.chain;
  }
  if (page.isLast && reached < page.version) throw missing(key, reached + 1, page.version);
}

/** Where it is known: at the start of what is kept. */
function chainBefore({ baseVersion, baseChain }: StreamPage, reached: number): number | undefined {
  return reached === baseVersion ? baseChain : undefined;
}

function missing(key: string, first: number, last: number): JournalFault {
  return new JournalFault('corrupt', `${key}: events ${first} to ${last} are missing`);
}

export function snapshotChecksum(
  { key, version, schema, position }: Omit<Snapshot, 'state'>,
  text: string,
): number {
  return crc32(text, crc32(`${key} ${version} ${schema} ${position} `));
}

/** `version` is 0 when there is none; `stored` as journal.lua keeps it. */
export function decodeSnapshot(
  key: EntityKey,
  version: number,
  stored: Reply | undefined,
): Snapshot | undefined {
  if (version === 0) return undefined;
  const parts = /^(\d+) (\d+) (\d+) ([^]*)$/.exec(String(stored ?? ''));
  const [, schema, position, checksum, text = ''] = parts ?? [];
  const about = { key, version, schema: Number(schema), position: Number(position) };
  if (parts === null || snapshotChecksum(about, text) !== Number(checksum)) {
    throw new JournalFault('corrupt', `${key}: the snapshot at version ${version} is damaged`);
  }
  return { ...about, state: decodeStored(key, () => decodeState(text)) };
}

/** The checksum has held, so text that can't be read was written wrongly, or by something else. */
function decodeStored<T>(key: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new JournalFault('corrupt', `${key}: what is stored can't be decoded`, { cause: error });
  }
}
