// How event data and snapshot states are stored by every journal: as JSON text, which anyone can read in the file.
// Only plain values go in: what JSON would quietly change (NaN, dates, maps, an undefined in a list) is refused as a
// bug before it is stored. A field that is undefined is left out, and reads as undefined again.
import { AssertionFault } from '../assert.ts';
import type { StoredEvent } from './port.ts';

/** Deeper than any event or state should be; also ends circles. */
const deepest = 64;

export function encodeEvents(events: readonly StoredEvent[]): string {
  return JSON.stringify(
    events.map(({ type, version, data }) => {
      if (data === undefined) throw notPlain(data, type);
      checkPlain(data, type, 0);
      return [type, version, data];
    }),
  );
}

/** Throws when the text is not what encodeEvents made. */
export function decodeEvents(text: string): readonly StoredEvent[] {
  const rows = JSON.parse(text) as readonly (readonly [string, number, unknown])[];
  return rows.map(([type, version, data]) => ({ type, version, data }));
}

export function encodeState(state: unknown): string {
  checkPlain(state, 'state', 0);
  return JSON.stringify({ state });
}

/** Characters that are encoded in one go: a few milliseconds' work. */
const sliceLength = 256 * 1024;

/**
 * As `encodeState`, at once, unless the state has many megabytes: then it makes a slice at a time and awaits `pause` in
 * between. So what is asked of a journal after a small snapshot comes after it.
 */
export function encodeStateInSlices(
  state: unknown,
  pause: () => Promise<void>,
): string | Promise<string> {
  const parts = partsOf({ state }, 'state', 0);
  const first = nextSlice(parts);
  return first.length < sliceLength ? first : restInSlices(first, parts, pause);
}

async function restInSlices(
  first: string,
  parts: Iterator<string>,
  pause: () => Promise<void>,
): Promise<string> {
  let text = first;
  for (let slice = first; slice.length >= sliceLength; text += slice) {
    await pause();
    slice = nextSlice(parts);
  }
  return text;
}

function nextSlice(parts: Iterator<string>): string {
  let slice = '';
  while (slice.length < sliceLength) {
    const { value, done } = parts.next();
    if (done === true) break;
    slice += value;
  }
  return slice;
}

/** Large lists stand this deep in states, and their members are small. */
const deepestList = 4;

/** JSON text in parts, which joined are what JSON.stringify makes. */
function* partsOf(value: unknown, name: string, depth: number): Generator<string> {
  if (depth === deepestList || typeof value !== 'object' || value === null) {
    checkPlain(value, name, depth);
    yield JSON.stringify(value);
    return;
  }
  const isList = Array.isArray(value);
  if (!isList && !isPlainObject(value)) throw notPlain(value, name);
  let mark = isList ? '[' : '{';
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) {
      if (isList) throw notPlain(part, name);
      continue;
    }
    yield isList ? mark : `${mark}${JSON.stringify(key)}:`;
    yield* partsOf(part, isList ? name : key, depth + 1);
    mark = ',';
  }
  yield mark === ',' ? '' : mark;
  yield isList ? ']' : '}';
}

export function decodeState(text: string): unknown {
  return (JSON.parse(text) as { readonly state?: unknown }).state;
}

function checkPlain(value: unknown, name: string, depth: number): void {
  if (typeof value === 'string' || typeof value === 'boolean' || value === undefined) return;
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return;
  if (typeof value !== 'object' || depth === deepest) throw notPlain(value, name);
  if (Array.isArray(value)) {
    for (const part of value) {
      if (part === undefined) throw notPlain(part, name);
      checkPlain(part, name, depth + 1);
    }
    return;
  }
  if (!isPlainObject(value)) throw notPlain(value, name);
  for (const [key, part] of Object.entries(value)) checkPlain(part, key, depth + 1);
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function notPlain(value: unknown, name: string): AssertionFault {
  return new AssertionFault(
    `the journal stores plain JSON values, and '${name}' holds ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return typeof value;
  return value.constructor?.name ?? 'object';
}
