// Lists: filters on every attribute, tags, sorting, pages, and `fields`. The same for all resources. Pure but for what it
// throws. Items come as clients would see them.
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import { ownEntry } from '#api/own-entry.ts';
import type { Attribute, ResourceTable } from './attributes.ts';
import { badRequest, errorOf, NetworkHttpError } from './neutron-error.ts';
import { isRecord, show, toBoolean } from './values.ts';
import { refuse } from '#runtime/message/refusal.ts';

export type Item = Readonly<Record<string, unknown>>;

const control = new Set(['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']);
const tagFilters: Readonly<
  Record<string, (tags: readonly unknown[], wanted: readonly string[]) => boolean>
> = {
  tags: (tags, wanted) => wanted.every((tag) => tags.includes(tag)),
  'tags-any': (tags, wanted) => wanted.some((tag) => tags.includes(tag)),
  'not-tags': (tags, wanted) => !wanted.every((tag) => tags.includes(tag)),
  'not-tags-any': (tags, wanted) => !wanted.some((tag) => tags.includes(tag)),
};
/** On every resource, made by the service. */
const standard: Readonly<Record<string, Attribute>> = {
  id: { filter: 'text' },
  tenant_id: { filter: 'text' },
  project_id: { filter: 'text' },
  revision_number: { filter: 'integer' },
  created_at: { filter: 'text' },
  updated_at: { filter: 'text' },
};

export function queryOf(request: FastifyRequest): URLSearchParams {
  const cut = request.url.indexOf('?');
  return new URLSearchParams(cut < 0 ? '' : request.url.slice(cut + 1));
}

/** Only the fields asked for, if any are; never what is for administrators alone. */
export function view(
  table: ResourceTable,
  item: Item,
  caller: Caller,
  fields: readonly string[] = [],
): Item {
  const seen = Object.entries(item).filter(([name]) => {
    if (fields.length > 0 && !fields.includes(name)) return false;
    return caller.isAdmin || table.attributes[name]?.seenBy !== 'admin';
  });
  return Object.fromEntries(seen);
}

/** The reply to a list request: `{networks: […], networks_links?: […]}`. */
export function listReply(
  table: ResourceTable,
  items: Iterable<Item>,
  options: { readonly request: FastifyRequest; readonly base: string },
): object {
  const { request, base } = options;
  const query = queryOf(request);
  const matches = parseFilters(table, query);
  const found = [...items].filter((item) => matches.every((match) => match(item)));
  const page = cutPage(table, sorted(table, found, query), query);
  const fields = query.getAll('fields').filter((field) => field !== '');
  const { collection } = table;
  const links = pageLinks(page, query, `${base}${request.url.split('?')[0] ?? ''}`);
  return {
    [collection]: page.items.map((item) => view(table, item, request.caller, fields)),
    ...(links.length === 0 ? {} : { [`${collection}_links`]: links }),
  };
}

type Match = (item: Item) => boolean;

function attributeOf(table: ResourceTable, name: string): Attribute | undefined {
  return ownEntry(table.attributes, name) ?? ownEntry(standard, name);
}

function parseFilters(table: ResourceTable, query: URLSearchParams): readonly Match[] {
  const matches: Match[] = [];
  const strange: string[] = [];
  for (const name of new Set(query.keys())) {
    if (control.has(name)) continue;
    const values = query.getAll(name);
    const byTags = ownEntry(tagFilters, name);
    const attribute = attributeOf(table, name);
    if (byTags !== undefined) {
      const wanted = values.flatMap((value) => value.split(','));
      matches.push(({ tags }) => byTags(Array.isArray(tags) ? tags : [], wanted));
    } else if (name === 'fixed_ips') matches.push(fixedIpMatch(values));
    else if (attribute?.filter === undefined) strange.push(name);
    else matches.push(attributeMatch(name, attribute.filter, values));
  }
  if (strange.length > 0)
    throw badRequest(
      `[${strange.map((name) => `'${name}'`).join(', ')}] is invalid attribute for filtering`,
    );
  return matches;
}

function attributeMatch(
  name: string,
  kind: NonNullable<Attribute['filter']>,
  values: readonly string[],
): Match {
  if (kind === 'boolean') {
    const wanted = new Set(values.map(toBoolean));
    return (item) => wanted.has(item[name]);
  }
  const wanted = new Set(values);
  if (kind === 'list')
    return (item) => {
      const own = item[name];
      return Array.isArray(own) && own.some((each) => wanted.has(show(each)));
    };
  return (item) => {
    const own = item[name];
    return wanted.has(own === null || own === undefined ? '' : show(own));
  };
}

/** `ip_address=…`, `subnet_id=…`, `ip_address_substr=…`: different keys must all fit, equal ones any. */
function fixedIpMatch(values: readonly string[]): Match {
  const wanted = new Map<string, string[]>();
  for (const value of values) {
    const cut = value.indexOf('=');
    if (cut < 0)
      throw new NetworkHttpError(
        400,
        'InvalidInput',
        `Invalid input for operation: '${value}' is not of the form <key>=[value].`,
      );
    const key = value.slice(0, cut);
    wanted.set(key, [...(wanted.get(key) ?? []), value.slice(cut + 1)]);
  }
  return ({ fixed_ips: fixedIps }) => {
    const own = Array.isArray(fixedIps) ? fixedIps.filter(isRecord) : [];
    return [...wanted].every(([key, choices]) =>
      own.some((fixedIp) => choices.some((choice) => fixedIpFits(fixedIp, key, choice))),
    );
  };
}

function fixedIpFits(fixedIp: Item, key: string, choice: string): boolean {
  if (key !== 'ip_address_substr') return fixedIp[key] === choice;
  return show(fixedIp['ip_address']).includes(choice);
}

function sorted(
  table: ResourceTable,
  items: readonly Item[],
  query: URLSearchParams,
): readonly Item[] {
  const keys = query.getAll('sort_key');
  const directions = query.getAll('sort_dir');
  if (keys.length !== directions.length && directions.length > 0)
    throw badRequest('The number of sort_keys and sort_dirs must be same');
  for (const key of keys)
    if (attributeOf(table, key)?.filter === undefined)
      throw badRequest(`['${key}'] is invalid attribute for sort keys`);
  for (const direction of directions)
    if (direction !== 'asc' && direction !== 'desc')
      throw badRequest("The value of sort_dir must be 'asc' or 'desc'");
  const steps = keys.map((key, index) => ({ key, sign: directions[index] === 'desc' ? -1 : 1 }));
  return [...items].sort((left, right) => {
    for (const { key, sign } of [...steps, { key: 'id', sign: 1 }]) {
      const order = compare(left[key], right[key]);
      if (order !== 0) return order * sign;
    }
    return 0;
  });
}

function compare(left: unknown, right: unknown): number {
  if (left === right) return 0;
  if (left === null || left === undefined) return -1;
  if (right === null || right === undefined) return 1;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return show(left) < show(right) ? -1 : 1;
}

interface Page {
  readonly items: readonly Item[];
  readonly limit: number;
  readonly reversed: boolean;
}

function cutPage(table: ResourceTable, items: readonly Item[], query: URLSearchParams): Page {
  const limit = parseLimit(query.get('limit'));
  const reversed = toBoolean(query.get('page_reverse') ?? 'false') === true;
  if (limit === 0) return { items, limit, reversed };
  const marker = query.get('marker');
  const place = marker === null ? -1 : items.findIndex((item) => item['id'] === marker);
  if (marker !== null && place < 0) throw errorOf(refuse(...missing(table, marker)));
  if (!reversed) return { items: items.slice(place + 1, place + 1 + limit), limit, reversed };
  const end = marker === null ? items.length : place;
  return { items: items.slice(Math.max(0, end - limit), end), limit, reversed };
}

function parseLimit(value: string | null): number {
  if (value === null || value === '') return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw badRequest(`Limit must be an integer 0 or greater and not '${value}'`);
}

/** The refusal for an id that is none of this resource's. */
export function missing(
  table: ResourceTable,
  id: string,
): [code: string, detail: Readonly<Record<string, string>>] {
  switch (table.name) {
    case 'security_group':
      return ['group-not-found', { groupId: id }];
    case 'security_group_rule':
      return ['rule-not-found', { ruleId: id }];
    case 'floatingip':
      return ['floating-not-found', { floatingIpId: id }];
    default:
      return [`${table.name}-not-found`, { [`${table.name}Id`]: id }];
  }
}

function pageLinks(page: Page, query: URLSearchParams, path: string): readonly object[] {
  const { items, limit, reversed } = page;
  if (limit === 0) return [];
  const isShort = items.length < limit;
  const link = (rel: string, edge: Item | undefined): object => {
    const params = new URLSearchParams(query);
    params.delete('marker');
    params.delete('page_reverse');
    if (edge !== undefined) params.set('marker', show(edge['id']));
    if (rel === 'previous') params.set('page_reverse', 'True');
    return { rel, href: `${path}?${params.toString()}` };
  };
  return [
    ...(isShort && !reversed ? [] : [link('next', items.at(-1))]),
    ...(isShort && reversed ? [] : [link('previous', items[0])]),
  ];
}
