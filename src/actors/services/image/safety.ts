// Whether an image's head says that reading it would open other files, need a secret, or read what is no table as one.
// Pure. A first look, so that users hear of it at once; hosts look again, and deeper, before a guest gets the image.
// Layouts: QEMU docs/interop/qcow2.rst; the VMDK 5.0 specification.

const EXTENSION_END = 0;
const extensionFaults: Readonly<Record<number, string>> = {
  0xe2792aca: 'it names the format of a backing file',
  0x44415441: 'it names an external data file',
  0x0537be77: 'it is encrypted',
};
const CORRUPT = 2n;
const DATA_FILE = 4n;
const EXTENDED_L2 = 16n;
const KNOWN_FEATURES = 31n;
const MAX_EXTENSIONS = 64;

/** Why an image of this format (as its head shows it) is refused, or undefined. */
export function unsafeBecause(format: string | undefined, head: Uint8Array): string | undefined {
  if (format === 'qcow2') return unsafeQcow2(head);
  return format === 'vmdk' ? unsafeVmdk(head) : undefined;
}

function unsafeQcow2(head: Uint8Array): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 72) return 'its header is cut off';
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return `its version ${version} is unknown`;
  if (version === 3 && head.length < 104) return 'its header is cut off';
  if (view.getBigUint64(8) !== 0n || view.getUint32(16) !== 0) return 'it names a backing file';
  if (view.getUint32(32) !== 0) return 'it is encrypted';
  const features = version === 2 ? 0n : view.getBigUint64(72);
  const headerLength = version === 2 ? 72 : view.getUint32(100);
  return (
    featureFault(features) ??
    layoutFault(view, { features, headerLength }) ??
    extensionFault(view, headerLength)
  );
}

function featureFault(features: bigint): string | undefined {
  if (features & DATA_FILE) return 'it keeps its data in an external file';
  if (features & CORRUPT) return 'it is marked corrupt';
  const unknown = features & ~KNOWN_FEATURES;
  return unknown === 0n ? undefined : `it needs unknown features (bits 0x${unknown.toString(16)})`;
}

/** Header, L1 table and table of reference counts have places of their own. */
function layoutFault(
  view: DataView,
  { features, headerLength }: { readonly features: bigint; readonly headerLength: number },
): string | undefined {
  const clusterBits = view.getUint32(20);
  const leastBits = features & EXTENDED_L2 ? 14 : 9;
  if (clusterBits < leastBits || clusterBits > 21)
    return `its cluster size of 2^${clusterBits} is outside of 2^${leastBits} to 2^21`;
  const cluster = 1n << BigInt(clusterBits);
  if (headerLength < 72 || BigInt(headerLength) > cluster) return 'its header is out of bounds';
  const l1 = { at: view.getBigUint64(40), bytes: BigInt(view.getUint32(36)) * 8n };
  const counts = { at: view.getBigUint64(48), bytes: BigInt(view.getUint32(56)) * cluster };
  for (const table of [l1, counts])
    if (table.bytes > 0n && (table.at < cluster || table.at % cluster !== 0n))
      return 'its tables overlap its header';
  const isApart = l1.at + l1.bytes <= counts.at || counts.at + counts.bytes <= l1.at;
  return l1.bytes === 0n || counts.bytes === 0n || isApart ? undefined : 'its tables overlap';
}

function extensionFault(view: DataView, headerLength: number): string | undefined {
  let offset = headerLength;
  for (let count = 0; count < MAX_EXTENSIONS && offset + 8 <= view.byteLength; count += 1) {
    const type = view.getUint32(offset);
    if (type === EXTENSION_END) return undefined;
    const fault = extensionFaults[type];
    if (fault !== undefined) return fault;
    offset += 8 + Math.ceil(view.getUint32(offset + 4) / 8) * 8;
  }
  return 'its header extensions do not end within its head';
}

const VMDK_SPARSE = 'KDMV';
const SECTOR_BYTES = 512;
/** Disks that are one file. */
const wholeTypes = ['monolithicSparse', 'streamOptimized'];

function unsafeVmdk(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (!text.startsWith(VMDK_SPARSE)) return 'it is a descriptor of other files';
  if (head.length < SECTOR_BYTES) return 'its header is cut off';
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const at = Number(view.getBigUint64(28, true)) * SECTOR_BYTES;
  if (at === 0 || at >= head.length) return 'its descriptor is not in its head';
  const created = /createType\s*=\s*"([^"]*)"/.exec(text.slice(at))?.[1];
  return created !== undefined && wholeTypes.includes(created)
    ? undefined
    : `its type ${created ?? ''} is none of ${wholeTypes.join(', ')}`;
}
