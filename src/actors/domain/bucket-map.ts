// A map for states that hold thousands of entries and change by one: evolve may not mutate, and copying a Map of
// 10 000 entries takes half a millisecond. Here one change copies one bucket (about 16 entries) and the list of buckets.
// Plain arrays, so that any codec of snapshots keeps it. Iteration follows the buckets, not the order of insertion.

export interface BucketMap<V> {
  readonly size: number;
  /** A power of two of them; a key stands in the one that its hash names. */
  readonly buckets: readonly (readonly BucketEntry<V>[])[];
}
export type BucketEntry<V> = readonly [key: string, value: V];

/** Mean entries per bucket above which the number of buckets doubles. */
const FULL = 16;
const NOTHING: readonly never[] = [];

export function emptyBuckets<V>(): BucketMap<V> {
  return { size: 0, buckets: [NOTHING] };
}

export function bucketGet<V>(map: BucketMap<V>, key: string): V | undefined {
  const bucket = map.buckets[hashOf(key) & (map.buckets.length - 1)];
  return bucket?.find((entry) => entry[0] === key)?.[1];
}

export function bucketHas<V>(map: BucketMap<V>, key: string): boolean {
  const bucket = map.buckets[hashOf(key) & (map.buckets.length - 1)];
  return bucket !== undefined && bucket.some((entry) => entry[0] === key);
}

/** The map with `key` set to `value`. */
export function bucketSet<V>(map: BucketMap<V>, key: string, value: V): BucketMap<V> {
  const roomy = map.size >= map.buckets.length * FULL ? doubled(map) : map;
  const at = hashOf(key) & (roomy.buckets.length - 1);
  const bucket = roomy.buckets[at] ?? NOTHING;
  const place = bucket.findIndex((entry) => entry[0] === key);
  const entry: BucketEntry<V> = [key, value];
  if (place >= 0)
    return { size: roomy.size, buckets: roomy.buckets.with(at, bucket.with(place, entry)) };
  return { size: roomy.size + 1, buckets: roomy.buckets.with(at, [...bucket, entry]) };
}

/** The map without `key`; the same map if it has none. */
export function bucketDelete<V>(map: BucketMap<V>, key: string): BucketMap<V> {
  const at = hashOf(key) & (map.buckets.length - 1);
  const bucket = map.buckets[at] ?? NOTHING;
  if (!bucket.some((entry) => entry[0] === key)) return map;
  if (map.size === 1) return emptyBuckets();
  const rest = bucket.length === 1 ? NOTHING : bucket.filter((entry) => entry[0] !== key);
  return { size: map.size - 1, buckets: map.buckets.with(at, rest) };
}

export function* bucketEntries<V>(map: BucketMap<V>): IterableIterator<BucketEntry<V>> {
  for (const bucket of map.buckets) yield* bucket;
}

export function* bucketKeys(map: BucketMap<unknown>): IterableIterator<string> {
  for (const bucket of map.buckets) for (const entry of bucket) yield entry[0];
}

function doubled<V>(map: BucketMap<V>): BucketMap<V> {
  const count = map.buckets.length * 2;
  const buckets: BucketEntry<V>[][] = Array.from({ length: count }, () => []);
  for (const entry of bucketEntries(map)) buckets[hashOf(entry[0]) & (count - 1)]?.push(entry);
  return { size: map.size, buckets };
}

/** FNV-1a over UTF-16 units, with the high bits mixed into the low ones that choose the bucket. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
