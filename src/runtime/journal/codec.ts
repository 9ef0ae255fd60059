// How event data and snapshot states become bytes in every journal: MessagePack without records, so that each value
// stands alone and any MessagePack reader can read it. `undefined` survives; functions and symbols do not belong in it.
import { Packr } from 'msgpackr/pack';

import type { StoredEvent } from './port.ts';

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** A copy that nobody else holds. */
export function encodeEvents(events: readonly StoredEvent[]): Uint8Array {
  return encodeValue(events.map(({ type, version, data }) => [type, version, data]));
}

/** Throws when the bytes are not what encodeEvents made. */
export function decodeEvents(bytes: Uint8Array): readonly StoredEvent[] {
  const rows = packr.unpack(bytes) as readonly (readonly [string, number, unknown])[];
  return rows.map(([type, version, data]) => ({ type, version, data }));
}

export function encodeValue(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

export function decodeValue(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
