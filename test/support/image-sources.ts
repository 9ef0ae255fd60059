// Images for tests: sources over bytes, and the smallest qcow2 files, built by hand so that each field can be bent.

import { createHash } from 'node:crypto';
import type { ImageSource } from '#hypervisor/storage-port.ts';

/** A source that hands out `bytes` in pieces, and tells the truth unless `claims` says otherwise. */
export function imageSource(
  id: string,
  bytes: Uint8Array,
  claims: Partial<ImageSource> = {},
): ImageSource {
  return {
    id,
    format: 'qcow2',
    sha512: createHash('sha512').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    open: () => pieces(bytes, 65_536),
    ...claims,
  };
}

export async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface Qcow2Fields {
  readonly version?: number;
  readonly clusterBits?: number;
  readonly virtualSizeBytes?: number;
  readonly backingFile?: string;
  readonly backingFileSize?: number;
  readonly cryptMethod?: number;
  readonly l1Size?: number;
  readonly l1TableOffset?: number;
  readonly refcountTableOffset?: number;
  readonly refcountTableClusters?: number;
  readonly snapshots?: number;
  readonly incompatibleFeatures?: bigint;
  readonly refcountOrder?: number;
  readonly headerLength?: number;
  readonly compressionType?: number;
  /** Type and data of each header extension, before the one that ends them. */
  readonly extensions?: readonly (readonly [type: number, data: Uint8Array])[];
  /** Leaves the end mark out, so that extensions run on. */
  readonly endless?: boolean;
  /** Length of the file in clusters. Default 5: header, refcount table, refcount block, L1, one of data. */
  readonly clusters?: number;
}

/** A qcow2 file with an empty disk in it; without changes one that QEMU accepts. */
export function qcow2Image(fields: Qcow2Fields = {}): Uint8Array {
  const version = fields.version ?? 3;
  const clusterBits = fields.clusterBits ?? 16;
  const cluster = 1 << Math.min(clusterBits, 21);
  const file = Buffer.alloc(cluster * (fields.clusters ?? 5));
  const headerLength = fields.headerLength ?? (version === 2 ? 72 : 112);
  writeHeader(file, { ...fields, version, clusterBits, headerLength });
  writeExtensions(file, fields, headerLength);
  writeBackingFile(file, fields);
  file.writeBigUInt64BE(BigInt(2 * cluster), cluster);
  for (let index = 0; index < 4; index += 1) file.writeUInt16BE(1, 2 * cluster + 2 * index);
  return file;
}

function writeHeader(file: Buffer, fields: Qcow2Fields & { readonly version: number }): void {
  const cluster = 1 << Math.min(fields.clusterBits ?? 16, 21);
  file.write('QFI\u00fb', 0, 'latin1');
  file.writeUInt32BE(fields.version, 4);
  file.writeUInt32BE(fields.clusterBits ?? 16, 20);
  file.writeBigUInt64BE(BigInt(fields.virtualSizeBytes ?? 1_048_576), 24);
  file.writeUInt32BE(fields.cryptMethod ?? 0, 32);
  file.writeUInt32BE(fields.l1Size ?? 1, 36);
  file.writeBigUInt64BE(BigInt(fields.l1TableOffset ?? 3 * cluster), 40);
  file.writeBigUInt64BE(BigInt(fields.refcountTableOffset ?? cluster), 48);
  file.writeUInt32BE(fields.refcountTableClusters ?? 1, 56);
  file.writeUInt32BE(fields.snapshots ?? 0, 60);
  if (fields.version === 2) return;
  file.writeBigUInt64BE(fields.incompatibleFeatures ?? 0n, 72);
  file.writeUInt32BE(fields.refcountOrder ?? 4, 96);
  file.writeUInt32BE(fields.headerLength ?? 112, 100);
  file.writeUInt8(fields.compressionType ?? 0, 104);
}

function writeExtensions(file: Buffer, fields: Qcow2Fields, start: number): void {
  let at = start;
  for (const [type, data] of fields.extensions ?? []) {
    file.writeUInt32BE(type, at);
    file.writeUInt32BE(data.length, at + 4);
    file.set(data, at + 8);
    at += 8 + Math.ceil(data.length / 8) * 8;
  }
  if (fields.endless) file.fill(0x11, at, 65_536);
}

function writeBackingFile(file: Buffer, fields: Qcow2Fields): void {
  if (fields.backingFile === undefined && fields.backingFileSize === undefined) return;
  file.writeBigUInt64BE(4_096n, 8);
  file.writeUInt32BE(fields.backingFileSize ?? (fields.backingFile ?? '').length, 16);
  file.write(fields.backingFile ?? '', 4_096, 'latin1');
}
