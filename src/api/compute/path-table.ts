// Finds the rows of the route table for a path: words before parameters, an optional project in front. One table for
// all of /v2.1 and /v2, instead of four routes per row in the HTTP framework: starting stays fast and small. Pure.
import type { ComputeRoute } from './route.ts';

export interface FoundRows {
  /** Same method and path; they differ in versions. */
  readonly rows: readonly ComputeRoute[];
  /** Decoded, by the names in the path; `project_id` when the path begins with one. */
  readonly params: Readonly<Record<string, string>>;
}

interface Leaf {
  readonly rows: ComputeRoute[];
  /** Of the parameters, in order. */
  readonly names: readonly string[];
}

interface Node {
  readonly words: Map<string, Node>;
  parameter: Node | undefined;
  readonly leaves: Map<string, Leaf>;
}

/** Hexadecimal with or without dashes; another word in front is no project. */
const PROJECT = /^[0-9a-f-]+$/;

export class PathTable {
  readonly #root = emptyNode();

  constructor(routes: readonly ComputeRoute[]) {
    for (const row of routes) this.#add(row);
  }

  /** `path` is raw, below the version: `/servers/a%20b`. Undefined for a path that no row has. */
  find(method: string, path: string): FoundRows | undefined {
    const segments = path.split('/').filter((segment) => segment !== '');
    const plain = this.#match(method, segments);
    if (plain !== undefined) return plain;
    const [project, ...rest] = segments;
    if (project === undefined || !PROJECT.test(project)) return undefined;
    const found = this.#match(method, rest);
    return found === undefined
      ? undefined
      : { rows: found.rows, params: { ...found.params, project_id: project } };
  }

  #add(row: ComputeRoute): void {
    const names: string[] = [];
    let node = this.#root;
    for (const segment of row.path.split('/').filter((part) => part !== '')) {
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        node.parameter ??= emptyNode();
        node = node.parameter;
      } else {
        const next = node.words.get(segment) ?? emptyNode();
        node.words.set(segment, next);
        node = next;
      }
    }
    const leaf = node.leaves.get(row.method);
    if (leaf === undefined) node.leaves.set(row.method, { rows: [row], names });
    else leaf.rows.push(row);
  }

  #match(method: string, segments: readonly string[]): FoundRows | undefined {
    const values: string[] = [];
    const leaf = search(this.#root, { method, segments, values }, 0);
    if (leaf === undefined) return undefined;
    const params = Object.fromEntries(leaf.names.map((name, index) => [name, values[index] ?? '']));
    return { rows: leaf.rows, params };
  }
}

interface Search {
  readonly method: string;
  readonly segments: readonly string[];
  readonly values: string[];
}

function search(node: Node, wanted: Search, at: number): Leaf | undefined {
  const segment = wanted.segments[at];
  if (segment === undefined) return node.leaves.get(wanted.method);
  const word = node.words.get(segment);
  const byWord = word === undefined ? undefined : search(word, wanted, at + 1);
  if (byWord !== undefined || node.parameter === undefined) return byWord;
  wanted.values.push(decodeURIComponent(segment));
  const byParameter = search(node.parameter, wanted, at + 1);
  if (byParameter === undefined) wanted.values.pop();
  return byParameter;
}

function emptyNode(): Node {
  return { words: new Map(), parameter: undefined, leaves: new Map() };
}
