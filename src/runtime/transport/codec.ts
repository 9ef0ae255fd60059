// Values as MessagePack. Records and extensions for classes stay off: what comes from a peer becomes plain data and
// nothing else, and a hostile frame costs no more than its length. Bytes come out as copies, so that a small one does
// not hold a large frame in memory.
import { Packr, Unpackr } from 'msgpackr';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** The result is the caller's alone. Throws on what MessagePack can't hold, such as a bigint over 64 bits. */
export function encodeValue(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** All values of a row of encoded ones. Throws on anything but whole, well-formed values. */
export function decodeValues(bytes: Uint8Array): readonly unknown[] {
  const values = unpackr.unpackMultiple(plain(bytes));
  if (!Array.isArray(values)) throw new Error('no row of values');
  return values;
}

/** Throws unless the bytes are exactly one value. */
export function decodeValue(bytes: Uint8Array): unknown {
  return unpackr.unpack(plain(bytes));
}

/** Of a Buffer, bytes would come out as Buffers, which are something else to those who look closely. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
