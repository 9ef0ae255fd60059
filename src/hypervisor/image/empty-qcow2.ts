// The bytes of a qcow2 disk of some size with nothing in it: what a simulated disk looks like from outside. Pure.

const clusterBytes = 65_536;
const maxL1Entries = 262_144;

/** Header, reference count table, reference count block, and the L1 table after them. */
export function emptyQcow2(virtualSizeBytes: number): Uint8Array {
  const bytesPerEntry = clusterBytes * (clusterBytes / 8);
  const entries = Math.min(maxL1Entries, Math.max(1, Math.ceil(virtualSizeBytes / bytesPerEntry)));
  const tableClusters = Math.ceil((entries * 8) / clusterBytes);
  const file = Buffer.alloc(clusterBytes * (3 + tableClusters));
  file.write('QFI\u00fb', 0, 'latin1');
  file.writeUInt32BE(3, 4);
  file.writeUInt32BE(16, 20);
  file.writeBigUInt64BE(BigInt(virtualSizeBytes), 24);
  file.writeUInt32BE(entries, 36);
  file.writeBigUInt64BE(BigInt(3 * clusterBytes), 40);
  file.writeBigUInt64BE(BigInt(clusterBytes), 48);
  file.writeUInt32BE(1, 56);
  file.writeUInt32BE(4, 96);
  file.writeUInt32BE(112, 100);
  file.writeBigUInt64BE(BigInt(2 * clusterBytes), clusterBytes);
  for (let index = 0; index < 3 + tableClusters; index += 1)
    file.writeUInt16BE(1, 2 * clusterBytes + 2 * index);
  return file;
}
