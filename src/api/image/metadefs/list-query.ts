// What the queries of metadata definition lists mean: filters, order, pages. Pure but for the words it throws.
import { ImageHttpError } from '../webob-error.ts';

const PAGE_DEFAULT = 25;
const PAGE_MAX = 1_000;

export interface MetadefListQuery {
  readonly limit: number;
  readonly marker: string | undefined;
  readonly byName: boolean;
  readonly descending: boolean;
  readonly visibility: string | undefined;
  readonly resourceTypes: readonly string[];
}

export function parseListQuery(params: URLSearchParams): MetadefListQuery {
  const direction = params.get('sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc')
    throw new ImageHttpError(400, `Invalid sort direction: ${direction}`);
  const visibility = params.get('visibility') ?? undefined;
  if (visibility !== undefined && visibility !== 'public' && visibility !== 'private')
    throw new ImageHttpError(400, `Invalid visibility value: ${visibility}`);
  const sortKey = params.get('sort_key') ?? 'created_at';
  return {
    limit: parseLimit(params.get('limit')),
    marker: params.get('marker') ?? undefined,
    byName: sortKey === 'namespace' || sortKey === 'name',
    descending: direction === 'desc',
    visibility,
    resourceTypes: (params.get('resource_types') ?? '').split(',').filter((name) => name !== ''),
  };
}

function parseLimit(value: string | null): number {
  if (value === null) return PAGE_DEFAULT;
  if (!/^[+-]?\d+$/.test(value.trim()))
    throw new ImageHttpError(400, 'limit param must be an integer');
  if (Number(value) < 0) throw new ImageHttpError(400, 'limit param must be positive');
  return Math.min(Number(value), PAGE_MAX);
}

/** In the order asked for, after the marker, at most a page. An unknown marker is `undefined`. */
export function cutPage<T extends { readonly name: string; readonly createdAtMs: number }>(
  all: readonly T[],
  query: MetadefListQuery,
): readonly T[] | undefined {
  const order = (left: T, right: T): number => {
    const byTime = query.byName ? 0 : left.createdAtMs - right.createdAtMs;
    const step = byTime === 0 ? compareText(left.name, right.name) : byTime;
    return query.descending ? -step : step;
  };
  const sorted = all.toSorted(order);
  if (query.marker === undefined) return sorted.slice(0, query.limit);
  const at = sorted.findIndex(({ name }) => name === query.marker);
  return at < 0 ? undefined : sorted.slice(at + 1, at + 1 + query.limit);
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
