// A persistent map with string keys: an update copies a handful of small arrays, not the map, so that evolve costs
// the same with ten users and with a million. It is plain data, so a snapshot of it needs no code of its own.
// Hash trie, 16 children per branch; order of values is by hash, callers sort.

const maxLeafSize = 8;
const bitsPerLevel = 4;
const maxDepth = 7;

type Entry<T> = readonly [key: string, value: T];
type Leaf<T> = { readonly entries: readonly Entry<T>[] };
type Branch<T> = { readonly children: readonly (Node<T> | null)[] };
type Node<T> = Leaf<T> | Branch<T>;

export interface Table<T> {
  readonly size: number;
  readonly root: Node<T>;
}

export function emptyTable<T>(): Table<T> {
  return { size: 0, root: { entries: [] } };
}

export function lookUp<T>(table: Table<T>, key: string): T | undefined {
  let node = table.root;
  for (let hash = hashOf(key); 'children' in node; hash >>>= bitsPerLevel) {
    const child = node.children[hash & 15];
    if (child === null || child === undefined) return undefined;
    node = child;
  }
  for (const [candidate, value] of node.entries) if (candidate === key) return value;
  return undefined;
}

export function put<T>(table: Table<T>, key: string, value: T): Table<T> {
  const isNew = lookUp(table, key) === undefined;
  return {
    size: table.size + (isNew ? 1 : 0),
    root: putIn(table.root, { entry: [key, value], hash: hashOf(key), depth: 0 }),
  };
}

export function remove<T>(table: Table<T>, key: string): Table<T> {
  if (lookUp(table, key) === undefined) return table;
  return { size: table.size - 1, root: removeFrom(table.root, key, hashOf(key)) };
}

export function valuesOf<T>(table: Table<T>): T[] {
  const found: T[] = [];
  collect(table.root, (entry) => found.push(entry[1]));
  return found;
}

export function entriesOf<T>(table: Table<T>): Entry<T>[] {
  const found: Entry<T>[] = [];
  collect(table.root, (entry) => found.push(entry));
  return found;
}

function collect<T>(node: Node<T>, visit: (entry: Entry<T>) => void): void {
  if ('entries' in node) node.entries.forEach(visit);
  else for (const child of node.children) if (child !== null) collect(child, visit);
}

interface Insertion<T> {
  readonly entry: Entry<T>;
  /** What is left of the hash below this depth. */
  readonly hash: number;
  readonly depth: number;
}

function putIn<T>(node: Node<T>, insertion: Insertion<T>): Node<T> {
  const { entry, hash, depth } = insertion;
  if ('children' in node) {
    const slot = hash & 15;
    const child = node.children[slot] ?? { entries: [] };
    const below = { entry, hash: hash >>> bitsPerLevel, depth: depth + 1 };
    return { children: node.children.with(slot, putIn(child, below)) };
  }
  const at = node.entries.findIndex(([key]) => key === entry[0]);
  if (at >= 0) return { entries: node.entries.with(at, entry) };
  const entries = [...node.entries, entry];
  return entries.length <= maxLeafSize || depth >= maxDepth ? { entries } : split(entries, depth);
}

function split<T>(entries: readonly Entry<T>[], depth: number): Branch<T> {
  const children: (Node<T> | null)[] = Array.from({ length: 16 }, () => null);
  for (const entry of entries) {
    const slot = (hashOf(entry[0]) >>> (depth * bitsPerLevel)) & 15;
    const child = children[slot] ?? null;
    const before = child !== null && 'entries' in child ? child.entries : [];
    children[slot] = { entries: [...before, entry] };
  }
  return { children };
}

function removeFrom<T>(node: Node<T>, key: string, hash: number): Node<T> {
  if ('entries' in node)
    return { entries: node.entries.filter(([candidate]) => candidate !== key) };
  const slot = hash & 15;
  const child = node.children[slot];
  if (child === null || child === undefined) return node;
  return { children: node.children.with(slot, removeFrom(child, key, hash >>> bitsPerLevel)) };
}

/** FNV-1a over UTF-16 code units, 32 bits, then mixed so that the low bits depend on all of them. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1)
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
