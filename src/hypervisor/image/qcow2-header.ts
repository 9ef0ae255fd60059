// Reads the header of a qcow2 file that nobody vouches for, and refuses whatever could make QEMU open another file,
// need a secret, or allocate without measure. Pure. Format: QEMU docs/interop/qcow2.txt; limits as in QEMU's block/qcow2.h.
// It must be the first reader: qemu-img sees an image only after this has accepted it.

import { refuseImage } from './image-facts.ts';
import type { ImageRefusal, ImageVerdict } from './image-facts.ts';

/** At least this much of the file's start is needed: the largest cluster, which holds header and extensions. */
export const headerBytes = 2_097_152;

const magic = 0x514649fb;
const maxVirtualSizeBytes = 64 * 1024 ** 4;
const maxL1Bytes = 32 * 1024 ** 2;
const maxRefcountTableBytes = 8 * 1024 ** 2;
const maxSnapshots = 256;
const maxExtensions = 64;

const incompatible = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n };
const knownIncompatible = Object.values(incompatible).reduce((sum, bit) => sum | bit, 0n);

const extension = {
  end: 0,
  backingFormat: 0xe2792aca,
  externalDataFile: 0x44415441,
  encryption: 0x0537be77,
} as const;

interface Header {
  readonly version: number;
  readonly backingFileOffset: bigint;
  readonly backingFileSize: number;
  readonly clusterBits: number;
  readonly virtualSize: bigint;
  readonly cryptMethod: number;
  readonly l1Size: number;
  readonly l1TableOffset: bigint;
  readonly refcountTableOffset: bigint;
  readonly refcountTableClusters: number;
  readonly snapshots: number;
  readonly incompatibleFeatures: bigint;
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compressionType: number;
}

export function isQcow2(start: Uint8Array): boolean {
  return start.length >= 8 && viewOf(start).getUint32(0) === magic;
}

/** `start` is the first `headerBytes` of the file, or all of a shorter one. */
export function inspectQcow2(start: Uint8Array, fileSizeBytes: number): ImageVerdict {
  if (!isQcow2(start))
    return refuseImage('it is declared qcow2 but does not start as a qcow2 file');
  if (start.length < 72) return refuseImage('its qcow2 header is cut off');
  const header = readHeader(start);
  if (header === undefined)
    return refuseImage('its qcow2 version is neither 2 nor 3, or its header is cut off');
  const refusal =
    checkReferences(header) ??
    checkFeatures(header) ??
    checkSizes(header) ??
    checkTables(header, BigInt(fileSizeBytes)) ??
    checkExtensions(start, header);
  return refusal ?? { ok: true, virtualSizeBytes: Number(header.virtualSize) };
}

/** Path and format that a qcow2 file names as its backing file; undefined for none. For our own overlays only. */
export function readBacking(start: Uint8Array): { readonly path: string } | undefined {
  if (!isQcow2(start) || start.length < 72) return undefined;
  const view = viewOf(start);
  const offset = Number(view.getBigUint64(8));
  const size = view.getUint32(16);
  if (offset === 0 || size === 0 || size > 1023 || offset + size > start.length) return undefined;
  return { path: Buffer.from(start.subarray(offset, offset + size)).toString('utf8') };
}

/** The size that a guest sees of one of our own overlays; undefined if this is no whole qcow2 header. */
export function readVirtualSize(start: Uint8Array): number | undefined {
  return isQcow2(start) && start.length >= 72 ? Number(viewOf(start).getBigUint64(24)) : undefined;
}

/** Whether a disk of ours keeps its data in itself and its backing file: no guest can make it otherwise, a bad host could. */
export function standsAlone(start: Uint8Array): boolean {
  if (!isQcow2(start) || start.length < 104) return false;
  const header = readHeader(start);
  if (header === undefined || header.cryptMethod !== 0) return false;
  return (header.incompatibleFeatures & incompatible.dataFile) === 0n;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readHeader(start: Uint8Array): Header | undefined {
  const view = viewOf(start);
  const version = view.getUint32(4);
  if (version !== 2 && (version !== 3 || start.length < 104)) return undefined;
  const headerLength = version === 2 ? 72 : view.getUint32(100);
  return {
    version,
    backingFileOffset: view.getBigUint64(8),
    backingFileSize: view.getUint32(16),
    clusterBits: view.getUint32(20),
    virtualSize: view.getBigUint64(24),
    cryptMethod: view.getUint32(32),
    l1Size: view.getUint32(36),
    l1TableOffset: view.getBigUint64(40),
    refcountTableOffset: view.getBigUint64(48),
    refcountTableClusters: view.getUint32(56),
    snapshots: view.getUint32(60),
    incompatibleFeatures: version === 2 ? 0n : view.getBigUint64(72),
    refcountOrder: version === 2 ? 4 : view.getUint32(96),
    headerLength,
    compressionType: headerLength > 104 && start.length > 104 ? view.getUint8(104) : 0,
  };
}

function checkReferences(header: Header): ImageRefusal | undefined {
  if (header.backingFileOffset !== 0n || header.backingFileSize !== 0) {
    return refuseImage('it names a backing file; an image must be complete in itself');
  }
  if (header.incompatibleFeatures & incompatible.dataFile) {
    return refuseImage(
      'it keeps its data in an external file; an image must be complete in itself',
    );
  }
  if (header.cryptMethod !== 0) return refuseImage('it is encrypted');
  return undefined;
}

function checkFeatures(header: Header): ImageRefusal | undefined {
  const unknown = header.incompatibleFeatures & ~knownIncompatible;
  if (unknown !== 0n) {
    return refuseImage(`it needs unknown qcow2 features (bits 0x${unknown.toString(16)})`);
  }
  if (header.incompatibleFeatures & incompatible.corrupt) {
    return refuseImage('it is marked corrupt; repair it with qemu-img check first');
  }
  const compressed = (header.incompatibleFeatures & incompatible.compression) !== 0n;
  if (header.compressionType > 1 || (header.compressionType !== 0) !== compressed) {
    return refuseImage('its compression type is unknown');
  }
  return undefined;
}

function checkSizes(header: Header): ImageRefusal | undefined {
  // The halves of clusters that extended L2 entries tell of are a sector at least (QEMU's block/qcow2.c).
  if (header.incompatibleFeatures & incompatible.extendedL2 && header.clusterBits < 14) {
    return refuseImage('its clusters are too small for extended L2 entries');
  }
  if (header.clusterBits < 9 || header.clusterBits > 21) {
    return refuseImage(`its cluster size of 2^${header.clusterBits} is outside of 2^9 to 2^21`);
  }
  if (header.headerLength < 72 || header.headerLength > 1 << header.clusterBits) {
    return refuseImage('its header length is out of bounds');
  }
  if (header.version === 3 && (header.headerLength < 104 || header.headerLength % 8 !== 0)) {
    return refuseImage('its header length is out of bounds');
  }
  if (header.refcountOrder > 6) return refuseImage('its reference counts are too wide');
  if (header.virtualSize === 0n) return refuseImage('its disk has no size');
  if (header.virtualSize > BigInt(maxVirtualSizeBytes)) {
    return refuseImage(`its disk of ${header.virtualSize} bytes is larger than 64 TiB`);
  }
  return undefined;
}

function checkTables(header: Header, fileSize: bigint): ImageRefusal | undefined {
  const cluster = 1n << BigInt(header.clusterBits);
  const l1Bytes = BigInt(header.l1Size) * 8n;
  if (l1Bytes > BigInt(maxL1Bytes)) {
    return refuseImage(`its table of ${header.l1Size} clusters (L1) is larger than QEMU allows`);
  }
  const entryBytes = header.incompatibleFeatures & incompatible.extendedL2 ? 16n : 8n;
  const bytesPerL1Entry = cluster * (cluster / entryBytes);
  const neededL1 = (header.virtualSize + bytesPerL1Entry - 1n) / bytesPerL1Entry;
  if (BigInt(header.l1Size) < neededL1)
    return refuseImage('its L1 table is too small for its size');
  if (!liesWithin(header.l1TableOffset, l1Bytes, { cluster, fileSize })) {
    return refuseImage('its L1 table lies outside of the file');
  }
  const refcountBytes = BigInt(header.refcountTableClusters) * cluster;
  if (refcountBytes === 0n || refcountBytes > BigInt(maxRefcountTableBytes)) {
    return refuseImage('its reference count table has an impossible size');
  }
  if (!liesWithin(header.refcountTableOffset, refcountBytes, { cluster, fileSize })) {
    return refuseImage('its reference count table lies outside of the file');
  }
  const l1End = header.l1TableOffset + l1Bytes;
  const countsEnd = header.refcountTableOffset + refcountBytes;
  if (l1End > header.refcountTableOffset && countsEnd > header.l1TableOffset) {
    return refuseImage('its L1 table and its reference count table overlap');
  }
  if (header.snapshots > maxSnapshots) {
    return refuseImage(
      `it holds ${header.snapshots} snapshots; at most ${maxSnapshots} are allowed`,
    );
  }
  return undefined;
}

function liesWithin(
  offset: bigint,
  length: bigint,
  file: { readonly cluster: bigint; readonly fileSize: bigint },
): boolean {
  const aligned = offset % file.cluster === 0n && offset >= file.cluster;
  return aligned && offset + length <= file.fileSize;
}

function checkExtensions(start: Uint8Array, header: Header): ImageRefusal | undefined {
  const view = viewOf(start);
  const end = Math.min(start.length, 1 << header.clusterBits);
  let offset = header.headerLength;
  for (let count = 0; offset + 8 <= end; count += 1) {
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    if (type === extension.end) return undefined;
    const refusal = checkExtension(type);
    if (refusal !== undefined) return refusal;
    offset += 8 + Math.ceil(length / 8) * 8;
    if (count >= maxExtensions || offset > end) {
      return refuseImage('its header extensions do not end within the header');
    }
  }
  return undefined;
}

function checkExtension(type: number): ImageRefusal | undefined {
  switch (type) {
    case extension.backingFormat:
      return refuseImage('it names a backing file format; an image must be complete in itself');
    case extension.externalDataFile:
      return refuseImage('it names an external data file; an image must be complete in itself');
    case extension.encryption:
      return refuseImage('it is encrypted');
    default:
      return undefined;
  }
}
