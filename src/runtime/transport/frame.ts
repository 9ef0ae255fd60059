// A frame on a lane: u32 length of what follows · session (8 bytes) · sequence number (6 bytes) · encoded items, one
// after the other. The session is the number that the receiver chose for this link, and the sequence grows by one per
// frame and lane: so a frame of another link, of another time, or one that was here before is known as such.
export const lengthBytes = 4;
export const headerBytes = 14;
const seqBytes = 6;

/** Chosen by the receiving side; greetings, which come first, carry zeros. */
export type Session = Uint8Array;

export const noSession: Session = new Uint8Array(8);

/** One frame of all items. */
export function encodeFrame(session: Session, seq: number, items: readonly Uint8Array[]): Buffer {
  let length = headerBytes;
  for (const item of items) length += item.length;
  const frame = Buffer.allocUnsafe(lengthBytes + length);
  frame.writeUInt32BE(length, 0);
  frame.set(session, lengthBytes);
  frame.writeUIntBE(seq, lengthBytes + 8, seqBytes);
  let offset = lengthBytes + headerBytes;
  for (const item of items) {
    frame.set(item, offset);
    offset += item.length;
  }
  return frame;
}

/** Of a frame without its length; undefined if it is too short to be one. */
export function seqOf(frame: Uint8Array): number | undefined {
  if (frame.length <= headerBytes) return undefined;
  let seq = 0;
  for (let index = 8; index < headerBytes; index += 1) seq = seq * 256 + (frame[index] ?? 0);
  return seq;
}

export function isOfSession(frame: Uint8Array, session: Session): boolean {
  for (let index = 0; index < session.length; index += 1)
    if (frame[index] !== session[index]) return false;
  return true;
}

export function itemsOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(headerBytes);
}
