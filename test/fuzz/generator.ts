// Makes requests: a row's good request, and most often one fault in it, of a kind that is counted. The same seed gives
// the same requests, but for the ids that the cloud gave.
import type { RawRequest } from '#test/api/whole/whole-cloud.ts';
import type { SeededRandom } from '#runtime/env/seeded-random.ts';
import { bendBody, bodyFaults, breakBytes, encodingFaults, jsonText } from './faults.ts';
import type { Ids } from './ids.ts';
import type { Row } from './rows.ts';
import { type Chance, valueOf } from './schema-values.ts';

export interface FuzzRequest {
  readonly row: Row;
  readonly fault: string;
  readonly as: 'admin' | 'demo';
  readonly request: Required<RawRequest>;
}

/** A request that is being made: each fault changes a part of it. */
interface Draft {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

const ODD_METHODS = [
  'PROPFIND',
  'TRACE',
  'OPTIONS',
  'HEAD',
  'PATCH',
  'PUT',
  'POST',
  'DELETE',
  'GET',
];
const PIECES = [
  '..',
  '%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  '%',
  '%ff',
  '%00',
  '%0d%0aX:1',
  '%c3%28',
  '__proto__',
  'constructor',
  'detail',
  '*',
  ';',
  'a'.repeat(5_000),
  '%F0%9F%92%A5',
  '0',
  '-1',
  '9'.repeat(50),
  '1e999',
  '%27%20OR%201=1',
];
const NEWEST_COMPUTE = 104;
const NEWEST_PLACEMENT = 39;
const QUERY_NAMES = ['limit', 'marker', 'sort_key', 'sort_dir', 'name', 'changes-since', 'fields'];

const draftFaults: Readonly<Record<string, (draft: Draft, random: SeededRandom) => void>> = {
  'another method': (draft, random) => {
    draft.method = random.pick(ODD_METHODS);
  },
  'a strange path': (draft, random) => {
    const parts = draft.path.split('/');
    parts.splice(2 + random.below(parts.length), random.below(2), random.pick(PIECES));
    draft.path = parts.join('/');
  },
  'a strange query': (draft, random) => {
    const pair = (): string =>
      `${random.pick([...QUERY_NAMES, ...PIECES])}${random.pick(['=', '', '=='])}${random.pick(PIECES)}`;
    draft.path += `${draft.path.includes('?') ? '&' : '?'}${pair()}&${pair()}`;
  },
  'a strange version': (draft, random) => {
    draft.headers['openstack-api-version'] = random.pick([
      'compute 2.999',
      'compute 1.0',
      'compute',
      'latest',
      'compute latest, placement 1.39',
      'x'.repeat(3_000),
      'placement 1.99',
      'compute 2.-1',
    ]);
  },
  'another type': (draft, random) => {
    draft.headers['content-type'] = random.pick([
      'text/plain',
      'application/xml',
      'application/json; charset=utf-16',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      '',
      'application/json, application/json',
    ]);
  },
  'another accept': (draft, random) => {
    draft.headers['accept'] = random.pick(['text/html', 'application/xml', ';', '*/*;q=0', '']);
  },
  'a strange token': (draft, random) => {
    draft.headers['x-auth-token'] = random.pick(['', 'x', 'a'.repeat(8_000), 'e30.e30.e30', '%00']);
  },
  'an unknown encoding': (draft, random) => {
    draft.headers['content-encoding'] = random.pick(['gzip', 'br', 'x', 'identity']);
  },
};

const allFaults = [...Object.keys(draftFaults), ...bodyFaults, ...encodingFaults];
/** How often a request is as a good client sends it. */
const GOOD = 0.15;
/** How often a call is one that takes a body. */
const WRITES = 0.5;

export class Generator {
  readonly #rows: readonly Row[];
  readonly #writes: readonly Row[];
  readonly #random: SeededRandom;
  readonly #ids: Ids;

  constructor(rows: readonly Row[], random: SeededRandom, ids: Ids) {
    this.#rows = rows;
    this.#writes = rows.filter((row) => row.bodies(minorOf(row)).length > 0);
    this.#random = random;
    this.#ids = ids;
  }

  next(): FuzzRequest {
    const random = this.#random;
    const row = random.pick(random.chance(WRITES) ? this.#writes : this.#rows);
    const minor = minorFor(row, random);
    const chance: Chance = { random, id: () => this.#ids.any(random) };
    const draft: Draft = {
      method: row.method,
      path: this.#path(row, chance, minor),
      headers: {
        'content-type':
          row.method === 'PATCH' && row.service === 'image' ? PATCH_TYPE : 'application/json',
        'openstack-api-version': versionOf(row, minor),
      },
      body: '',
    };
    const schemas = row.bodies(minor);
    const body = schemas.length === 0 ? undefined : valueOf(random.pick(schemas), chance);
    draft.body = body === undefined ? '' : jsonText(body);
    const fault = random.chance(GOOD) ? 'none' : this.#fault(body !== undefined);
    this.#spoil(draft, fault, body);
    return { row, fault, as: random.chance(0.8) ? 'admin' : 'demo', request: draft };
  }

  /** Without a body to spoil, most often something else. */
  #fault(hasBody: boolean): string {
    const isOther = !hasBody && this.#random.chance(0.8);
    return this.#random.pick(isOther ? Object.keys(draftFaults) : allFaults);
  }

  #spoil(draft: Draft, fault: string, body: unknown): void {
    const random = this.#random;
    const change = draftFaults[fault];
    if (change !== undefined) return change(draft, random);
    if (fault === 'none') return;
    if (encodingFaults.includes(fault)) draft.body = breakBytes(String(draft.body), fault, random);
    else draft.body = jsonText(bendBody(body ?? {}, fault, random));
  }

  #path(row: Row, chance: Chance, minor: number): string {
    const path = row.path
      .replaceAll(/:(\w+)(\([^)]*\))?/g, (_all, name: string) =>
        encodeURIComponent(this.#ids.forParameter(row, name, chance.random)),
      )
      .replaceAll('*', 'x');
    const schema = row.query(minor);
    if (schema === undefined || chance.random.chance(0.5)) return path;
    const query = valueOf({ ...schema, type: 'object' }, chance) as Readonly<
      Record<string, unknown>
    >;
    const pairs = Object.entries(query).flatMap(([name, values]) =>
      [values]
        .flat()
        .map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`),
    );
    return pairs.length === 0 ? path : `${path}?${pairs.slice(0, 4).join('&')}`;
  }
}

const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch';

function versionOf(row: Row, minor: number): string {
  return row.service === 'placement' ? `placement 1.${minor}` : `compute 2.${minor}`;
}

/** The newest that has the call. */
function minorOf(row: Row): number {
  const newest = row.service === 'placement' ? NEWEST_PLACEMENT : NEWEST_COMPUTE;
  return Math.min(row.until ?? newest, newest);
}

/** Most often one that has the call. */
function minorFor(row: Row, random: SeededRandom): number {
  const newest = row.service === 'placement' ? NEWEST_PLACEMENT : NEWEST_COMPUTE;
  if (random.chance(0.15)) return random.below(newest + 1);
  const since = row.since ?? 1;
  const until = minorOf(row);
  return random.chance(0.5) ? until : since + random.below(until - since + 1);
}
