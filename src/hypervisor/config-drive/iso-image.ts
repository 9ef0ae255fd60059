// Writes an ISO 9660 image with Rock Ridge and Joliet names: the config drive that guests read as a CD.
// Pure: files in, bytes out. Formats: ECMA-119 (ISO 9660), Joliet specification 1995, SUSP/RRIP 1.09.
// It writes what a config drive needs (files, directories, one session) and must not grow into a mastering tool.

import { buildIsoTree } from './iso-tree.ts';
import type { IsoDirectoryNode, IsoFile, IsoFileNode, IsoNode } from './iso-tree.ts';
import { pathTable, record, rockRidge, volumeDescriptor } from './iso-records.ts';
import type { RecordDates } from './iso-records.ts';

export const sectorSize = 2048;
const firstDescriptorSector = 16;

/** One of the two name spaces of the image; file contents are shared between them. */
interface NameSpace {
  readonly joliet: boolean;
  readonly directories: readonly IsoDirectoryNode[];
  readonly sectors: ReadonlyMap<IsoDirectoryNode, number>;
  readonly sizes: ReadonlyMap<IsoDirectoryNode, number>;
  readonly pathTableSize: number;
  readonly littlePathTable: number;
  readonly bigPathTable: number;
}

export interface IsoOptions {
  /** Volume label, ≤ 16 characters. */
  readonly label: string;
  /** Shown as the time of every file. */
  readonly createdAtMs: number;
}

/** @returns a whole number of 2048-byte sectors. @throws {RangeError} see buildIsoTree. */
export function writeIsoImage(files: readonly IsoFile[], options: IsoOptions): Uint8Array {
  const root = buildIsoTree(files);
  const dates: RecordDates = { at: new Date(options.createdAtMs) };
  const planner = new SectorPlanner(firstDescriptorSector + 3);
  const plain = planNameSpace(root, { joliet: false, dates, planner });
  const joliet = planNameSpace(root, { joliet: true, dates, planner });
  const fileNodes = plain.directories.flatMap((directory) => childFiles(directory));
  for (const file of fileNodes) file.sector = planner.take(file.content.length);

  const image = new Uint8Array(planner.next * sectorSize);
  const put = (sector: number, bytes: Uint8Array): void => image.set(bytes, sector * sectorSize);
  for (const [index, space] of [plain, joliet].entries()) {
    const descriptor = { ...space, label: options.label, dates, sectorCount: planner.next };
    const rootRecord = directoryRecord(space, root, { name: 'self', dates, attributes: false });
    put(firstDescriptorSector + index, volumeDescriptor(descriptor, rootRecord));
    put(space.littlePathTable, pathTable(space, true));
    put(space.bigPathTable, pathTable(space, false));
    for (const directory of space.directories) {
      put(sectorOf(space, directory), directoryBytes(space, directory, dates));
    }
  }
  put(firstDescriptorSector + 2, Uint8Array.from([255, 0x43, 0x44, 0x30, 0x30, 0x31, 1]));
  for (const file of fileNodes) put(file.sector, file.content);
  return image;
}

class SectorPlanner {
  next: number;

  constructor(first: number) {
    this.next = first;
  }

  take(bytes: number): number {
    const sector = this.next;
    this.next += Math.ceil(bytes / sectorSize);
    return sector;
  }
}

function planNameSpace(
  root: IsoDirectoryNode,
  plan: { readonly joliet: boolean; readonly dates: RecordDates; readonly planner: SectorPlanner },
): NameSpace {
  const { joliet, dates, planner } = plan;
  const directories = listDirectories(root, joliet);
  const sectors = new Map<IsoDirectoryNode, number>();
  const sizes = new Map<IsoDirectoryNode, number>();
  const draft: NameSpace = {
    joliet,
    directories,
    sectors,
    sizes,
    pathTableSize: 0,
    littlePathTable: 0,
    bigPathTable: 0,
  };
  const pathTableSize = pathTable(draft, true).length;
  const littlePathTable = planner.take(pathTableSize);
  const bigPathTable = planner.take(pathTableSize);
  for (const directory of directories) {
    const size = directoryBytes(draft, directory, dates).length;
    sizes.set(directory, size);
    sectors.set(directory, planner.take(size));
  }
  return { ...draft, pathTableSize, littlePathTable, bigPathTable };
}

/** In path table order (ECMA-119 §6.9.1): by level, then by the parent's place, then by name. */
function listDirectories(root: IsoDirectoryNode, joliet: boolean): IsoDirectoryNode[] {
  const listed = [root];
  for (const directory of listed) {
    for (const child of sortedChildren(directory, joliet)) {
      if (child.kind === 'directory') listed.push(child);
    }
  }
  return listed;
}

function childFiles(directory: IsoDirectoryNode): IsoFileNode[] {
  return [...directory.children.values()].filter((node) => node.kind === 'file');
}

function sortedChildren(directory: IsoDirectoryNode, joliet: boolean): IsoNode[] {
  return [...directory.children.values()].sort((left, right) =>
    joliet ? compareText(left.name, right.name) : compareText(sortKey(left), sortKey(right)),
  );
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** ECMA-119 §9.3: names and extensions are compared as if filled up with spaces. */
function sortKey(node: IsoNode): string {
  const [stem = '', extension = ''] = node.plainName.split('.');
  return stem.padEnd(32) + extension.padEnd(32);
}

function directoryBytes(
  space: NameSpace,
  directory: IsoDirectoryNode,
  dates: RecordDates,
): Uint8Array {
  const parent = directory.parent ?? directory;
  const records = [
    directoryRecord(space, directory, { name: 'self', dates, attributes: true }),
    directoryRecord(space, parent, { name: 'parent', dates, attributes: true }),
    ...sortedChildren(directory, space.joliet).map((child) =>
      child.kind === 'directory'
        ? directoryRecord(space, child, { name: 'own', dates, attributes: true })
        : fileRecord(space, child, dates),
    ),
  ];
  return packRecords(records);
}

/** A record never crosses the end of a sector (ECMA-119 §6.8.1.1). */
function packRecords(records: readonly Uint8Array[]): Uint8Array {
  const places: number[] = [];
  let end = 0;
  for (const bytes of records) {
    const left = sectorSize - (end % sectorSize);
    const start = bytes.length > left ? end + left : end;
    places.push(start);
    end = start + bytes.length;
  }
  const packed = new Uint8Array(Math.ceil(end / sectorSize) * sectorSize);
  for (const [index, bytes] of records.entries()) packed.set(bytes, places[index]);
  return packed;
}

function directoryRecord(
  space: NameSpace,
  node: IsoDirectoryNode,
  as: {
    readonly name: 'self' | 'parent' | 'own';
    readonly dates: RecordDates;
    attributes: boolean;
  },
): Uint8Array {
  const identifier = {
    self: Uint8Array.of(0),
    parent: Uint8Array.of(1),
    own: identifierOf(space, node),
  }[as.name];
  const subdirectories = [...node.children.values()].filter((child) => child.kind === 'directory');
  const attributes = {
    directory: true,
    links: 2 + subdirectories.length,
    name: as.name === 'own' ? node.name : undefined,
    isRootSelf: as.name === 'self' && node.parent === undefined,
  };
  return record({
    identifier,
    sector: space.sectors.get(node) ?? 0,
    size: space.sizes.get(node) ?? 0,
    directory: true,
    dates: as.dates,
    systemUse: space.joliet || !as.attributes ? new Uint8Array() : rockRidge(attributes),
  });
}

function fileRecord(space: NameSpace, node: IsoFileNode, dates: RecordDates): Uint8Array {
  const attributes = { directory: false, links: 1, name: node.name, isRootSelf: false };
  return record({
    identifier: identifierOf(space, node),
    sector: node.sector,
    size: node.content.length,
    directory: false,
    dates,
    systemUse: space.joliet ? new Uint8Array() : rockRidge(attributes),
  });
}

function identifierOf(space: { readonly joliet: boolean }, node: IsoNode): Uint8Array {
  if (space.joliet) return Buffer.from(node.name, 'utf16le').swap16();
  return Buffer.from(node.kind === 'file' ? `${node.plainName};1` : node.plainName, 'latin1');
}

function sectorOf(space: NameSpace, directory: IsoDirectoryNode): number {
  const sector = space.sectors.get(directory);
  if (sector === undefined) throw new RangeError('config drive: a directory was not laid out');
  return sector;
}
