// Pages of lists, as Nova cuts them: `limit` up to 1000, `marker` the last id of the page before, and a `next` link when
// the page is full. Pure.
import { badRequest } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

/** Nova's osapi_max_limit. */
export const MAX_PAGE = 1000;

export interface Link {
  readonly rel: string;
  readonly href: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The `next` link, or nothing. */
  readonly links: readonly Link[];
}

export interface PagedList<T> {
  readonly items: readonly T[];
  readonly idOf: (item: T) => string;
  /** Below the version: `/flavors/detail`. */
  readonly path: string;
}

/** Throws a 400 for an unknown marker. `limit` has been checked by the route's query schema. */
export function pageOf<T>(call: ComputeCall, list: PagedList<T>): Page<T> {
  const limit = Math.min(Number(call.queryValue('limit') ?? MAX_PAGE), MAX_PAGE);
  const marker = call.queryValue('marker');
  const start =
    marker === undefined ? 0 : list.items.findIndex((item) => list.idOf(item) === marker) + 1;
  if (marker !== undefined && start === 0) throw badRequest(`marker [${marker}] not found`);
  const items = list.items.slice(start, start + limit);
  const last = items.at(-1);
  if (last === undefined || items.length < limit) return { items, links: [] };
  return { items, links: [{ rel: 'next', href: nextLink(call, list.path, list.idOf(last)) }] };
}

/** `{ flavors_links: […] }` when there is a next page, else nothing. */
export function linksField(name: string, links: readonly Link[]): Record<string, readonly Link[]> {
  return links.length === 0 ? {} : { [`${name}_links`]: links };
}

export function nextLink(call: ComputeCall, path: string, marker: string): string {
  const pairs = Object.entries({ ...call.query, marker: [marker] })
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, values]) => values.map((value) => [name, value]));
  return `${call.selfBase}${path}?${new URLSearchParams(pairs).toString()}`;
}
