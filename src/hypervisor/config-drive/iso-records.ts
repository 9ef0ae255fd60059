// The byte layouts of ISO 9660: directory records, path tables, volume descriptors, and the Rock Ridge fields
// that carry POSIX names. Pure. Offsets are those of ECMA-119 §8 and §9, counted from 0 here.

import type { IsoDirectoryNode } from './iso-tree.ts';

export interface RecordDates {
  readonly at: Date;
}

/** A number in both byte orders, as ECMA-119 §7.3.3 wants it: 8 bytes. */
function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

/** The same for 16 bits (§7.2.3): 4 bytes. */
function both16(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(value, 0);
  bytes.writeUInt16BE(value, 2);
  return bytes;
}

/** A directory record, §9.1. */
export function record(entry: {
  readonly identifier: Uint8Array;
  readonly sector: number;
  readonly size: number;
  readonly directory: boolean;
  readonly dates: RecordDates;
  readonly systemUse: Uint8Array;
}): Uint8Array {
  const idLength = entry.identifier.length;
  const padded = 33 + idLength + (idLength % 2 === 0 ? 1 : 0);
  const length = padded + entry.systemUse.length + (entry.systemUse.length % 2);
  if (length > 255) throw new RangeError('config drive: a directory record is too long');
  const bytes = Buffer.alloc(length);
  bytes[0] = length;
  bytes.set(both32(entry.sector), 2);
  bytes.set(both32(entry.size), 10);
  bytes.set(recordDate(entry.dates.at), 18);
  bytes[25] = entry.directory ? 2 : 0;
  bytes.set(both16(1), 28);
  bytes[32] = idLength;
  bytes.set(entry.identifier, 33);
  bytes.set(entry.systemUse, padded);
  return bytes;
}

/** §9.1.5: seven bytes, the last is the offset from Greenwich. */
function recordDate(at: Date): Buffer {
  return Buffer.from([
    at.getUTCFullYear() - 1900,
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
    0,
  ]);
}

/** §8.4.26.1: digits down to hundredths of a second, then the offset. */
function descriptorDate(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replaceAll(/[^0-9]/g, '')
    .slice(0, 16);
  return Buffer.concat([Buffer.from(digits, 'latin1'), Buffer.alloc(1)]);
}

const noDate = Buffer.concat([Buffer.from('0'.repeat(16), 'latin1'), Buffer.alloc(1)]);

/** The system use fields of a record in the plain tree: attributes (PX), name (NM), and on the root what announces them. */
export function rockRidge(node: {
  readonly directory: boolean;
  readonly links: number;
  readonly name: string | undefined;
  readonly isRootSelf: boolean;
}): Uint8Array {
  const fields: Buffer[] = [];
  if (node.isRootSelf) fields.push(Buffer.from([0x53, 0x50, 7, 1, 0xbe, 0xef, 0]));
  fields.push(field('PX', posixAttributes(node)));
  if (node.name !== undefined) {
    fields.push(field('NM', Buffer.concat([Buffer.alloc(1), Buffer.from(node.name, 'utf8')])));
  }
  if (node.isRootSelf) {
    const id = 'RRIP_1991A';
    fields.push(field('ER', Buffer.concat([Buffer.from([id.length, 0, 0, 1]), Buffer.from(id)])));
  }
  return Buffer.concat(fields);
}

function posixAttributes(node: { readonly directory: boolean; readonly links: number }): Buffer {
  const mode = node.directory ? 0o040555 : 0o100444;
  return Buffer.concat([both32(mode), both32(node.links), both32(0), both32(0)]);
}

/** SUSP: two letters, length, version 1, data. */
function field(signature: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([data.length + 4, 1]), data]);
}

interface DirectoryList {
  readonly joliet: boolean;
  readonly directories: readonly IsoDirectoryNode[];
  readonly sectors: ReadonlyMap<IsoDirectoryNode, number>;
}

/** §9.4: every directory with its extent and its parent's number, in one byte order. */
export function pathTable(list: DirectoryList, littleEndian: boolean): Uint8Array {
  const numbers = new Map(list.directories.map((directory, index) => [directory, index + 1]));
  const entries = list.directories.map((directory) => {
    const identifier = pathIdentifier(list, directory);
    const bytes = Buffer.alloc(8 + identifier.length + (identifier.length % 2));
    const sector = list.sectors.get(directory) ?? 0;
    const parent = numbers.get(directory.parent ?? directory) ?? 1;
    bytes[0] = identifier.length;
    if (littleEndian) {
      bytes.writeUInt32LE(sector, 2);
      bytes.writeUInt16LE(parent, 6);
    } else {
      bytes.writeUInt32BE(sector, 2);
      bytes.writeUInt16BE(parent, 6);
    }
    bytes.set(identifier, 8);
    return bytes;
  });
  return Buffer.concat(entries);
}

function pathIdentifier(list: DirectoryList, directory: IsoDirectoryNode): Buffer {
  if (directory.parent === undefined) return Buffer.alloc(1);
  if (list.joliet) return Buffer.from(directory.name, 'utf16le').swap16();
  return Buffer.from(directory.plainName, 'latin1');
}

export interface DescriptorFacts {
  readonly joliet: boolean;
  readonly label: string;
  readonly sectorCount: number;
  readonly pathTableSize: number;
  readonly littlePathTable: number;
  readonly bigPathTable: number;
  readonly dates: RecordDates;
}

/** The primary (§8.4) or, for Joliet, a supplementary (§8.5) volume descriptor. */
export function volumeDescriptor(facts: DescriptorFacts, rootRecord: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(2048);
  const text = (offset: number, length: number, value: string): void => {
    bytes.set(facts.joliet ? wideText(value, length) : plainText(value, length), offset);
  };
  bytes[0] = facts.joliet ? 2 : 1;
  bytes.write('CD001', 1, 'latin1');
  bytes[6] = 1;
  text(8, 32, 'LINUX');
  text(40, 32, facts.label);
  bytes.set(both32(facts.sectorCount), 80);
  // The escape sequence that says UCS-2 level 3, which is what makes it Joliet.
  if (facts.joliet) bytes.set([0x25, 0x2f, 0x45], 88);
  bytes.set(both16(1), 120);
  bytes.set(both16(1), 124);
  bytes.set(both16(2048), 128);
  bytes.set(both32(facts.pathTableSize), 132);
  bytes.writeUInt32LE(facts.littlePathTable, 140);
  bytes.writeUInt32BE(facts.bigPathTable, 148);
  bytes.set(rootRecord, 156);
  for (const [offset, length] of textFields) text(offset, length, '');
  bytes.set(descriptorDate(facts.dates.at), 813);
  bytes.set(descriptorDate(facts.dates.at), 830);
  bytes.set(noDate, 847);
  bytes.set(noDate, 864);
  bytes[881] = 1;
  return bytes;
}

/** Volume set, publisher, preparer, application; copyright, abstract and bibliographic file: all left blank. */
const textFields: readonly (readonly [offset: number, length: number])[] = [
  [190, 128],
  [318, 128],
  [446, 128],
  [574, 128],
  [702, 37],
  [739, 37],
  [776, 37],
];

function plainText(value: string, length: number): Buffer {
  return Buffer.from(value.slice(0, length).padEnd(length), 'latin1');
}

function wideText(value: string, length: number): Buffer {
  const characters = Math.floor(length / 2);
  const bytes = Buffer.from(value.slice(0, characters).padEnd(characters), 'utf16le').swap16();
  return Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
}
