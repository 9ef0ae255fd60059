// A map of text to values that is cheap to copy with one entry changed, however large: 256 chunks, of which a change
// copies one. It is plain data, so it can be stored and sent as it is. Pure.

const CHUNKS = 256;

export interface ChunkedMap<V> {
  readonly size: number;
  /** An empty chunk is null. */
  readonly chunks: readonly (Readonly<Record<string, V>> | null)[];
}

export function emptyMap<V>(): ChunkedMap<V> {
  return { size: 0, chunks: Array.from({ length: CHUNKS }, () => null) };
}

export function getEntry<V>(map: ChunkedMap<V>, key: string): V | undefined {
  const chunk = map.chunks[chunkOf(key)];
  return chunk !== null && chunk !== undefined && Object.hasOwn(chunk, key)
    ? chunk[key]
    : undefined;
}

export function withEntry<V>(map: ChunkedMap<V>, key: string, value: V): ChunkedMap<V> {
  const index = chunkOf(key);
  const chunk = map.chunks[index] ?? {};
  const size = Object.hasOwn(chunk, key) ? map.size : map.size + 1;
  return { size, chunks: map.chunks.with(index, { ...chunk, [key]: value }) };
}

export function withoutEntry<V>(map: ChunkedMap<V>, key: string): ChunkedMap<V> {
  const index = chunkOf(key);
  const chunk = map.chunks[index];
  if (chunk === null || chunk === undefined || !Object.hasOwn(chunk, key)) return map;
  const { [key]: _removed, ...rest } = chunk;
  const isEmpty = Object.keys(rest).length === 0;
  return { size: map.size - 1, chunks: map.chunks.with(index, isEmpty ? null : rest) };
}

export function* valuesOf<V>(map: ChunkedMap<V>): IterableIterator<V> {
  for (const chunk of map.chunks) if (chunk !== null) yield* Object.values(chunk);
}

/** FNV-1a; spreads ids, MACs and addresses alike. */
function chunkOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (CHUNKS - 1);
}
