// `GET /v2/images`: what its query means. Filters with operators, sorting, pages. Pure but for the words it throws.
import type { FastifyRequest } from 'fastify';
import { imageVisibilities } from '#actors/services/image/protocol.ts';
import { ownEntry } from '#api/own-entry.ts';
import type { ImageState } from '#actors/services/image/state.ts';
import type { ListScope } from '#actors/services/image/visibility.ts';
import { comparisonFilter, listFilter, rangeFilter } from './filter-operators.ts';
import { renderImage } from './image-view.ts';
import { ImageHttpError } from './webob-error.ts';

const PAGE_DEFAULT = 25;
const PAGE_MAX = 1000;

export type ImageFilter = (image: ImageState) => boolean;

export interface SortStep {
  readonly key: string;
  readonly descending: boolean;
}

export interface ImageQuery {
  readonly scope: ListScope;
  readonly filters: readonly ImageFilter[];
  readonly sort: readonly SortStep[];
  readonly limit: number;
  readonly marker: string | undefined;
}

const sortKeys: Readonly<Record<string, (image: ImageState) => string | number | null>> = {
  name: (image) => image.attributes.name,
  status: (image) => image.status,
  container_format: (image) => image.attributes.containerFormat,
  disk_format: (image) => image.attributes.diskFormat,
  size: (image) => image.file?.sizeBytes ?? null,
  id: (image) => image.id,
  created_at: (image) => image.createdAtMs,
  updated_at: (image) => image.updatedAtMs,
};

const withOperators = new Set(['name', 'id', 'status', 'container_format', 'disk_format']);
const times: Readonly<Record<string, (image: ImageState) => number>> = {
  created_at: (image) => image.createdAtMs,
  updated_at: (image) => image.updatedAtMs,
};
const ranges: Readonly<Record<string, (image: ImageState) => number | null>> = {
  size: (image) => image.file?.sizeBytes ?? null,
  virtual_size: (image) => image.file?.virtualSizeBytes ?? null,
  min_disk: (image) => image.attributes.minDiskGiB,
  min_ram: (image) => image.attributes.minRamMiB,
};

export function queryOf(request: FastifyRequest): URLSearchParams {
  const cut = request.url.indexOf('?');
  return new URLSearchParams(cut < 0 ? '' : request.url.slice(cut + 1));
}

/** Throws ImageHttpError 400 in Glance's words. */
export function parseImageQuery(params: URLSearchParams): ImageQuery {
  const rest = new Map(params);
  const take = (name: string): string | undefined => {
    const value = rest.get(name);
    rest.delete(name);
    return value;
  };
  const limit = parseLimit(take('limit'));
  const marker = take('marker');
  const memberStatus = parseMemberStatus(take('member_status') ?? 'accepted');
  const visibility = parseVisibility(take('visibility'));
  const sort = parseSort(params);
  for (const name of ['sort', 'sort_key', 'sort_dir', 'tag', 'deleted']) rest.delete(name);
  if (rest.has('changes-since'))
    throw new ImageHttpError(400, 'The "changes-since" filter is no longer available on v2.');
  const tags = params.getAll('tag').map((tag) => tag.trim());
  const filters = [
    hiddenFilter(take('os_hidden')),
    ...tags.map(
      (tag): ImageFilter =>
        (image) =>
          image.tags.includes(tag),
    ),
    ...[...rest].map(([name, value]) => parseFilter(name, value)),
  ];
  return { scope: { visibility, memberStatus }, filters, sort, limit, marker };
}

/** Images in the order asked for; equal ones by age, then id. */
export function compareBy(
  sort: readonly SortStep[],
): (left: ImageState, right: ImageState) => number {
  return (left, right) => {
    for (const { key, descending } of sort) {
      const read = ownEntry(sortKeys, key) ?? (() => null);
      const order = compareValues(read(left), read(right));
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
}

function compareValues(left: string | number | null, right: string | number | null): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

function parseLimit(value: string | undefined): number {
  if (value === undefined) return PAGE_DEFAULT;
  if (!/^[+-]?\d+$/.test(value.trim()))
    throw new ImageHttpError(400, 'limit param must be an integer');
  const limit = Number(value);
  if (limit < 0) throw new ImageHttpError(400, 'limit param must be positive');
  return Math.min(limit, PAGE_MAX);
}

function parseMemberStatus(value: string): ListScope['memberStatus'] {
  if (value === 'pending' || value === 'accepted' || value === 'rejected' || value === 'all')
    return value;
  throw new ImageHttpError(400, `Invalid status: ${value}`);
}

function parseVisibility(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (value === 'all' || (imageVisibilities as readonly string[]).includes(value)) return value;
  throw new ImageHttpError(400, `Invalid visibility value: ${value}`);
}

function hiddenFilter(value = 'false'): ImageFilter {
  const wanted = parseBoolean('os_hidden', value.toLowerCase());
  return (image) => image.attributes.hidden === wanted;
}

function parseBoolean(name: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ImageHttpError(
    400,
    `Invalid value '${value}' for '${name}' filter. Valid values are 'true' or 'false'.`,
  );
}

function parseFilter(name: string, value: string): ImageFilter {
  const time = ownEntry(times, name);
  if (time !== undefined) return comparisonFilter(name, value, time);
  const range = /^(.+)_(min|max)$/.exec(name);
  const ranged = ownEntry(ranges, range?.[1] ?? '');
  if (ranged !== undefined) return rangeFilter(ranged, range?.[2] ?? '', value);
  if (name === 'protected') {
    const wanted = parseBoolean(name, value);
    return (image) => image.attributes.protected === wanted;
  }
  const read: (image: ImageState) => unknown = (image) => ownEntry(renderImage(image), name);
  if (withOperators.has(name)) return listFilter(value, read);
  return (image) => {
    const own = read(image);
    return own === value || (typeof own === 'number' && String(own) === value);
  };
}

function parseSort(params: URLSearchParams): readonly SortStep[] {
  const keys = params.getAll('sort_key');
  const directions = params.getAll('sort_dir');
  const combined = params.get('sort');
  if (combined !== null) {
    if (keys.length > 0 || directions.length > 0)
      throw new ImageHttpError(400, 'Old and new sorting syntax cannot be combined');
    return withTieBreak(combined.trim().split(',').map(parseSortStep), true);
  }
  if (directions.length > 1 && directions.length !== keys.length)
    throw new ImageHttpError(400, 'Number of sort dirs does not match the number of sort keys');
  const wanted = keys.length === 0 ? ['created_at'] : keys;
  const steps = wanted.map((key, index) =>
    checkStep(key.trim(), (directions[index] ?? directions[0] ?? 'desc').trim()),
  );
  return withTieBreak(steps, directions.length === 1 ? directions[0] === 'desc' : true);
}

function parseSortStep(text: string): SortStep {
  const [key = '', direction = ''] = text.split(':');
  return checkStep(key.trim(), direction === '' ? 'desc' : direction.trim());
}

function checkStep(key: string, direction: string): SortStep {
  if (!Object.hasOwn(sortKeys, key))
    throw new ImageHttpError(
      400,
      `Invalid sort key: ${key}. It must be one of the following: ${Object.keys(sortKeys).join(', ')}.`,
    );
  if (direction !== 'asc' && direction !== 'desc')
    throw new ImageHttpError(400, `Invalid sort direction: ${direction}`);
  return { key, descending: direction === 'desc' };
}

function withTieBreak(steps: readonly SortStep[], descending: boolean): readonly SortStep[] {
  const missing = ['created_at', 'id'].filter((key) => !steps.some((step) => step.key === key));
  return [...steps, ...missing.map((key) => ({ key, descending }))];
}
