// Disk image formats: the names that Glance knows, and what the first bytes of a file say. Pure.
// It only looks; whether an image is safe for a guest is decided where guests are made.
// Layouts: QEMU docs/interop/qcow2.rst; the VDI, VMDK, VHD, VHDX, LUKS and ISO 9660 specifications.

export const diskFormats = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'iso',
  'ploop',
] as const;
export const containerFormats = [
  'ami',
  'ari',
  'aki',
  'bare',
  'ovf',
  'ova',
  'docker',
  'compressed',
] as const;

/** Bytes from the start that `inspectHead` wants to see: an ISO's mark is the farthest. */
export const HEAD_BYTES = 65_536;

export interface HeadFacts {
  /** A name of `diskFormats`, or `luks`, `qed`; undefined if nothing is recognised. */
  readonly format: string | undefined;
  /** Another format that the same bytes are, too: made to be read in two ways. */
  readonly otherFormat: string | undefined;
  /** Bytes of the disk inside, where the head tells. */
  readonly virtualSizeBytes: number | undefined;
}

interface Mark {
  readonly format: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly virtualSize?: (head: DataView) => bigint;
}

const latin1 = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const SECTOR_BYTES = 512n;

const marks: readonly Mark[] = [
  {
    format: 'qcow2',
    offset: 0,
    bytes: latin1('QFI\u00fb'),
    virtualSize: (head) => head.getBigUint64(24),
  },
  { format: 'qed', offset: 0, bytes: latin1('QED\0') },
  {
    format: 'vmdk',
    offset: 0,
    bytes: latin1('KDMV'),
    virtualSize: (head) => head.getBigUint64(12, true) * SECTOR_BYTES,
  },
  { format: 'vmdk', offset: 0, bytes: latin1('# Disk DescriptorFile') },
  { format: 'vhdx', offset: 0, bytes: latin1('vhdxfile') },
  {
    format: 'vhd',
    offset: 0,
    bytes: latin1('conectix'),
    virtualSize: (head) => head.getBigUint64(48),
  },
  {
    format: 'vdi',
    offset: 64,
    bytes: latin1('\u007f\u0010\u00da\u00be'),
    virtualSize: (head) => head.getBigUint64(0x170, true),
  },
  { format: 'ploop', offset: 0, bytes: latin1('WithoutFreeSpace') },
  { format: 'ploop', offset: 0, bytes: latin1('WithouFreSpacExt') },
  { format: 'luks', offset: 0, bytes: latin1('LUKS\u00ba\u00be') },
  { format: 'iso', offset: 0x8001, bytes: latin1('CD001') },
];

/** `head`: the file's first HEAD_BYTES, or all of a shorter file. */
export function inspectHead(head: Uint8Array): HeadFacts {
  const [mark, other] = marks.filter(({ offset, bytes }) =>
    bytes.every((byte, index) => head[offset + index] === byte),
  );
  return {
    format: mark?.format,
    otherFormat: other?.format,
    virtualSizeBytes: virtualSize(mark, head),
  };
}

function virtualSize(mark: Mark | undefined, head: Uint8Array): number | undefined {
  if (mark?.virtualSize === undefined || head.length < SECTOR_BYTES) return undefined;
  const bytes = mark.virtualSize(new DataView(head.buffer, head.byteOffset, head.byteLength));
  return bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : undefined;
}

/**
 * Whether bytes that look like `found` may be stored as `declared`: what is recognised must be what was declared.
 * What is not recognised may be anything; an ISO is a valid raw disk, too.
 */
export function matchesDeclared(declared: string | null, found: string | undefined): boolean {
  return found === undefined || found === declared || (declared === 'raw' && found === 'iso');
}

/** What a raw, unformatted disk holds is as long as the file; others tell in their head. */
export function virtualSizeOf(
  declared: string | null,
  head: Omit<HeadFacts, 'otherFormat'>,
  sizeBytes: number,
): number | undefined {
  if (declared === 'raw' || declared === 'iso') return sizeBytes;
  return head.format === declared ? head.virtualSizeBytes : undefined;
}
