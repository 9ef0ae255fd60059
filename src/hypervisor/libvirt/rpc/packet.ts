// Packets of libvirt's RPC protocol: u32 length of the whole packet, six header words, payload; and the splitter that
// cuts a byte stream into them. A length out of bounds means that the stream can't be followed any further.

import { XdrError } from './xdr.ts';

/** Largest packet after its length word (VIR_NET_MESSAGE_MAX). */
export const MAX_PACKET_BYTES = 33_554_432;
/** Largest payload of one stream packet that older daemons take too (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX). */
export const MAX_STREAM_PAYLOAD_BYTES = 262_120;

const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;

export const packetType = {
  call: 0,
  reply: 1,
  message: 2,
  stream: 3,
  callWithFds: 4,
  replyWithFds: 5,
  streamHole: 6,
} as const;

export const packetStatus = { ok: 0, error: 1, continue: 2 } as const;

export interface PacketHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** One of packetType; an unknown number is the reader's matter. */
  readonly type: number;
  readonly serial: number;
  /** One of packetStatus. */
  readonly status: number;
}

export interface Packet extends PacketHeader {
  readonly payload: Uint8Array;
}

/** Throws XdrError when the payload is too large to be sent. */
export function encodePacket(packet: Packet): Uint8Array {
  const length = LENGTH_BYTES + HEADER_BYTES + packet.payload.length;
  if (length > MAX_PACKET_BYTES + LENGTH_BYTES) {
    throw new XdrError(`a packet of ${length} bytes is above the limit of ${MAX_PACKET_BYTES}`);
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint32(4, packet.program);
  view.setUint32(8, packet.version);
  view.setInt32(12, packet.procedure);
  view.setUint32(16, packet.type);
  view.setUint32(20, packet.serial);
  view.setUint32(24, packet.status);
  bytes.set(packet.payload, LENGTH_BYTES + HEADER_BYTES);
  return bytes;
}

/** Takes a stream's chunks as they come and gives whole packets. */
export class PacketSplitter {
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  /** Length of the packet that is under way, once it is known. */
  #wanted: number | undefined;

  /** Throws XdrError when a length is out of bounds; the splitter must not be used after that. */
  push(chunk: Uint8Array): Packet[] {
    // A plain view: what is cut from a Buffer would be Buffers.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#buffered += chunk.length;
    const packets: Packet[] = [];
    for (;;) {
      const bytes = this.#takePacket();
      if (bytes === undefined) return packets;
      packets.push(decodePacket(bytes));
    }
  }

  #takePacket(): Uint8Array | undefined {
    if (this.#wanted === undefined) {
      if (this.#buffered < LENGTH_BYTES) return undefined;
      const joined = this.#join();
      const length = new DataView(joined.buffer, joined.byteOffset).getUint32(0);
      if (length < LENGTH_BYTES + HEADER_BYTES || length > MAX_PACKET_BYTES + LENGTH_BYTES) {
        throw new XdrError(`a packet claims a length of ${length} bytes`);
      }
      this.#wanted = length;
    }
    if (this.#buffered < this.#wanted) return undefined;
    const joined = this.#join();
    const packet = joined.subarray(0, this.#wanted);
    this.#chunks = joined.length > this.#wanted ? [joined.subarray(this.#wanted)] : [];
    this.#buffered -= this.#wanted;
    this.#wanted = undefined;
    return packet;
  }

  #join(): Uint8Array {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const joined = new Uint8Array(this.#buffered);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }
}

function decodePacket(bytes: Uint8Array): Packet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    program: view.getUint32(4),
    version: view.getUint32(8),
    procedure: view.getInt32(12),
    type: view.getUint32(16),
    serial: view.getUint32(20),
    status: view.getUint32(24),
    payload: bytes.subarray(LENGTH_BYTES + HEADER_BYTES),
  };
}
