// Lists as identity v3 gives them: filters from the query (`name=`, `name__contains=` …), pages by limit and marker in
// order of id, and the envelope with links.
import type { FastifyRequest } from 'fastify';
import { ownEntry } from '../own-entry.ts';
import { invalid } from './problem.ts';
import { type IdentityApi, queryValue, serviceUrl } from './service.ts';

/** Query field → the attribute of a record that it is compared with. */
export type Filters<R> = Readonly<Record<string, (record: R) => unknown>>;

const operators: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  equals: (value, wanted) => value === wanted,
  contains: (value, wanted) => value.includes(wanted),
  startswith: (value, wanted) => value.startsWith(wanted),
  endswith: (value, wanted) => value.endsWith(wanted),
};

export function applyFilters<R>(
  request: FastifyRequest,
  records: readonly R[],
  filters: Filters<R>,
): readonly R[] {
  let rest = records;
  for (const field of Object.keys(request.query as object)) {
    const [name = '', operator = 'equals'] = field.split('__');
    const attribute = ownEntry(filters, name);
    const wanted = queryValue(request, field);
    if (attribute === undefined || wanted === undefined) continue;
    rest = rest.filter((record) => matches(attribute(record), wanted, operator));
  }
  return rest;
}

function matches(value: unknown, wanted: string, operator: string): boolean {
  if (typeof value === 'boolean') return value === readBoolean(wanted);
  if (typeof value !== 'string') return value === undefined && wanted === '';
  const ignoresCase =
    operator.startsWith('i') && ownEntry(operators, operator.slice(1)) !== undefined;
  const test =
    operator === 'iexact'
      ? operators.equals
      : ownEntry(operators, ignoresCase ? operator.slice(1) : operator);
  if (test === undefined) return true;
  return ignoresCase || operator === 'iexact'
    ? test(value.toLowerCase(), wanted.toLowerCase())
    : test(value, wanted);
}

/** oslo's reading: whatever is not clearly yes is no. */
export function readBoolean(text: string): boolean {
  return ['1', 't', 'true', 'on', 'y', 'yes'].includes(text.trim().toLowerCase());
}

export interface Listing<R> {
  readonly collection: string;
  readonly records: readonly R[];
  readonly render: (record: R) => object;
}

export function listReply<R extends { readonly id: string }>(
  api: IdentityApi,
  request: FastifyRequest,
  listing: Listing<R>,
): object {
  const sorted = listing.records.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const { page, next } = cut(request, sorted);
  return {
    links: {
      next: next === undefined ? null : nextUrl(api, request, next),
      previous: null,
      self: selfUrl(api, request),
    },
    [listing.collection]: page.map(listing.render),
  };
}

function cut<R extends { readonly id: string }>(
  request: FastifyRequest,
  sorted: readonly R[],
): { readonly page: readonly R[]; readonly next: string | undefined } {
  const marker = queryValue(request, 'marker');
  const limit = readLimit(queryValue(request, 'limit'));
  const rest = marker === undefined ? sorted : sorted.filter((record) => record.id > marker);
  if (limit === undefined || rest.length <= limit) return { page: rest, next: undefined };
  const page = rest.slice(0, limit);
  return { page, next: page.at(-1)?.id };
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw invalid(`Invalid input for field 'limit': '${text.slice(0, 64)}' is not a number`);
  return Number(text) === 0 ? undefined : Number(text);
}

/** The address that was asked for, as the client wrote it. */
export function selfUrl(api: IdentityApi, request: FastifyRequest): string {
  const path = request.url.replace(/^\/identity/, '');
  return `${serviceUrl(api, request)}${path}`;
}

function nextUrl(api: IdentityApi, request: FastifyRequest, marker: string): string {
  const url = new URL(selfUrl(api, request));
  url.searchParams.set('marker', marker);
  return url.href;
}
