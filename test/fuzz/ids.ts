// Ids that requests name: those that the cloud gave in its replies, of each collection the last ones, and some that nobody
// has. Ids that the run itself stands on (its users, their projects and roles) are never among them.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';
import type { Row } from './rows.ts';

const KEPT_OF_EACH = 24;
const STRANGE_ONE_IN = 12;
const strange = [
  '00000000-0000-4000-8000-000000000000',
  'x',
  '0',
  '-1',
  '9'.repeat(40),
  '__proto__',
  'constructor',
  '..',
  '💥',
  'a\u0000b',
  '%',
  ' ',
  'A'.repeat(2_000),
] as const;
const words: Readonly<Record<string, readonly string[]>> = {
  action: ['set_admin_password'],
  key: ['a', 'key', 'hw:cpu_policy'],
  tag: ['a', 'gold'],
  name: ['CUSTOM_GOLD', 'VCPU', 'name-1', 'name-2'],
  resource_class: ['VCPU', 'MEMORY_MB', 'CUSTOM_GOLD'],
};

export class Ids {
  readonly #protected: ReadonlySet<string>;
  readonly #byCollection = new Map<string, string[]>();

  constructor(protectedIds: ReadonlySet<string>) {
    this.#protected = protectedIds;
  }

  /** Takes the ids of a reply to a call of this path. */
  learn(path: string, reply: unknown): void {
    if (typeof reply !== 'object' || reply === null) return;
    const items = [reply, ...Object.values(reply)].flat() as readonly unknown[];
    for (const item of items.slice(0, KEPT_OF_EACH)) {
      const id = idIn(item);
      if (id !== undefined && !this.#protected.has(id)) this.#add(collectionOf(path), id);
    }
  }

  any(random: SeededRandom): string {
    const all = [...this.#byCollection.values()];
    if (all.length === 0 || random.below(STRANGE_ONE_IN) === 0) return random.pick(strange);
    return random.pick(random.pick(all));
  }

  /** For `:name` in a row's path: most often an id of the collection before it. */
  forParameter(row: Row, name: string, random: SeededRandom): string {
    const before = row.path.split(`/:${name}`, 1)[0] ?? '';
    const known = this.#byCollection.get(collectionOf(before));
    if (known !== undefined && random.chance(0.8)) return random.pick(known);
    const fitting = Object.hasOwn(words, name) ? words[name] : undefined;
    return fitting !== undefined && random.chance(0.7) ? random.pick(fitting) : this.any(random);
  }

  #add(collection: string, id: string): void {
    const known = this.#byCollection.get(collection) ?? [];
    if (known.includes(id)) return;
    known.push(id);
    if (known.length > KEPT_OF_EACH) known.shift();
    this.#byCollection.set(collection, known);
  }
}

function idIn(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { id, uuid } = item as { readonly id?: unknown; readonly uuid?: unknown };
  const found = [id, uuid].find((each) => typeof each === 'string' && each !== '');
  return found as string | undefined;
}

/** `servers` of `/compute/v2.1/servers/detail?x` and of `/compute/v2.1/servers/ID`. */
function collectionOf(path: string): string {
  const parts = (path.split('?', 1)[0] ?? '').split('/').filter((part) => part !== '');
  return parts.slice(1).find((part) => !/^v\d/.test(part)) ?? '';
}
