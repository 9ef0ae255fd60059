// GET /allocation_candidates: the query string as request groups. A group is what the parameters with one suffix say;
// the one without a suffix may be spread over a tree, the others each ask one provider. Pure.
import { badRequest } from './envelope.ts';
import {
  type AggregateWishes,
  checkKeys,
  invalidQuery,
  isUuidLike,
  parseMemberOf,
  parseResources,
  parseRootTraits,
  parseTraits,
  type Query,
  type TraitWishes,
} from './query.ts';

export interface RequestGroup {
  /** Empty for the group without one. */
  readonly suffix: string;
  readonly resources: Readonly<Record<string, number>>;
  readonly traits: TraitWishes;
  readonly aggregates: AggregateWishes;
  readonly inTree: string | undefined;
}

export interface CandidateRequest {
  readonly groups: readonly RequestGroup[];
  /** Groups with a suffix must be met by different providers. */
  readonly isolate: boolean;
  readonly rootTraits: TraitWishes;
  /** Suffixes of groups of which one's provider must be at or above those of the others. */
  readonly subtrees: readonly (readonly string[])[];
  readonly limit: number | undefined;
}

/** Minor versions from which a parameter, or a form of it, is known. */
const since = {
  limit: 16,
  required: 17,
  memberOf: 21,
  forbiddenTraits: 22,
  suffixes: 25,
  inTree: 31,
  namedSuffixes: 33,
  rootRequired: 35,
  sameSubtree: 36,
} as const;

const BAD_VALUE = 'placement.query.bad_value';
const MISSING_VALUE = 'placement.query.missing_value';
const DUPLICATE_KEY = 'placement.query.duplicate_key';

const groupKey = /^(resources|required|member_of|in_tree)(.*)$/s;

export function parseCandidateRequest(query: Query, minor: number): CandidateRequest {
  if (minor < since.suffixes && query.get('resources') === undefined)
    throw invalidQuery("'resources' is a required property", 'required');
  checkKeys(query, (key) => isKnown(key, minor), groupPatterns(minor));
  const limit = parseLimit(query);
  const groupPolicy = parseGroupPolicy(query);
  const rootTraits = parseRoot(query);
  const subtrees = parseSubtrees(query);
  const groups = suffixesOf(query).map((suffix) => parseGroup(query, suffix, minor));
  if (minor >= since.sameSubtree) checkSubtreeGroups(groups, [...new Set(subtrees.flat())]);
  else checkOrphans(groups);
  if (minor >= since.forbiddenTraits) checkConflicts(groups);
  if (groupPolicy === undefined && groups.filter(({ suffix }) => suffix !== '').length > 1)
    throw badRequest(
      'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.',
    );
  return { groups, isolate: groupPolicy === 'isolate', rootTraits, subtrees, limit };
}

function isKnown(key: string, minor: number): boolean {
  switch (key) {
    case 'limit':
      return minor >= since.limit;
    case 'group_policy':
      return minor >= since.suffixes;
    case 'root_required':
      return minor >= since.rootRequired;
    case 'same_subtree':
      return minor >= since.sameSubtree;
    default:
      return isKnownGroupKey(key, minor);
  }
}

function isKnownGroupKey(key: string, minor: number): boolean {
  const found = groupKey.exec(key);
  if (found === null) return false;
  const [, name, suffix = ''] = found;
  const first = { required: since.required, member_of: since.memberOf, in_tree: since.inTree };
  if (minor < (first[name as keyof typeof first] ?? 0)) return false;
  if (suffix === '') return true;
  if (minor >= since.namedSuffixes) return /^[a-zA-Z0-9_-]{1,64}$/.test(suffix);
  return minor >= since.suffixes && /^[1-9][0-9]*$/.test(suffix);
}

/** The forms of a group's keys; below 1.25 there are none. */
function groupPatterns(minor: number): readonly string[] {
  if (minor < since.suffixes) return [];
  const suffix = minor >= since.namedSuffixes ? '[a-zA-Z0-9_-]{1,64}' : '[1-9][0-9]*';
  const names = ['in_tree', 'member_of', 'required', 'resources'];
  return names
    .filter((name) => name !== 'in_tree' || minor >= since.inTree)
    .map((name) => `^${name}(${suffix})?$`);
}

function suffixesOf(query: Query): readonly string[] {
  const suffixes = query.keys().map((key) => groupKey.exec(key)?.[2]);
  return [...new Set(suffixes.filter((suffix) => suffix !== undefined))];
}

function parseGroup(query: Query, suffix: string, minor: number): RequestGroup {
  const resources = query.get(`resources${suffix}`);
  const inTree = query.get(`in_tree${suffix}`)?.trim();
  if (inTree !== undefined && !isUuidLike(inTree))
    throw invalidQuery(`Expected 'in_tree' parameter to be a format of uuid. Got: ${inTree}`);
  return {
    suffix,
    resources: resources === undefined ? {} : parseResources(resources),
    traits: parseTraits(query.all(`required${suffix}`), minor),
    aggregates: parseMemberOf(query.all(`member_of${suffix}`), minor, suffix),
    inTree,
  };
}

function parseLimit(query: Query): number | undefined {
  const [first, ...more] = query.all('limit');
  for (const value of [first, ...more])
    if (value !== undefined && !/^[1-9][0-9]*$/.test(value))
      throw invalidQuery(`'${value}' does not match '^[1-9][0-9]*$'`, 'pattern');
  return first === undefined ? undefined : Number(first);
}

function parseGroupPolicy(query: Query): string | undefined {
  const [first, ...more] = query.all('group_policy');
  for (const value of [first, ...more])
    if (value !== undefined && value !== 'none' && value !== 'isolate')
      throw invalidQuery(`'${value}' is not one of ['none', 'isolate']`, 'enum');
  return first;
}

function parseRoot(query: Query): TraitWishes {
  const [value, ...more] = query.all('root_required');
  if (more.length > 0)
    throw badRequest("Query parameter 'root_required' may be specified only once.", DUPLICATE_KEY);
  if (value === undefined) return { required: [], forbidden: [] };
  const wishes = parseRootTraits(value);
  const conflicts = wishes.required.flat().filter((trait) => wishes.forbidden.includes(trait));
  if (conflicts.length > 0)
    throw badRequest(
      `Conflicting required and forbidden traits found in root_required: ${conflicts.join(', ')}`,
      BAD_VALUE,
    );
  return wishes;
}

function parseSubtrees(query: Query): readonly (readonly string[])[] {
  const named = query
    .all('same_subtree')
    .map((value) => [...new Set(value.split(',').map((suffix) => suffix.trim()))]);
  if (named.some((suffixes) => suffixes.includes('')))
    throw badRequest(
      'Empty string (unsuffixed group) can not be specified in `same_subtree` ',
      BAD_VALUE,
    );
  return named;
}

function hasResources({ resources }: RequestGroup): boolean {
  return Object.keys(resources).length > 0;
}

function listed(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(', ')}]`;
}

function checkSubtreeGroups(groups: readonly RequestGroup[], subtrees: readonly string[]): void {
  const bare = groups.filter((group) => !hasResources(group)).map(({ suffix }) => suffix);
  if (bare.length === groups.length)
    throw badRequest(
      'There must be at least one resources or resources[$S] parameter.',
      MISSING_VALUE,
    );
  const loose = bare.filter((suffix) => !subtrees.includes(suffix));
  if (loose.length > 0)
    throw badRequest(
      'Resourceless suffixed group request should be specified in `same_subtree` query param: ' +
        `bad group(s) - ${listed(loose)}.`,
      BAD_VALUE,
    );
  const suffixes = groups.map(({ suffix }) => suffix);
  const unknown = subtrees.filter((suffix) => !suffixes.includes(suffix));
  if (unknown.length > 0)
    throw badRequest(
      `Real suffixes should be specified in \`same_subtree\`: ${listed(unknown)} not found in ${listed(suffixes)}.`,
      BAD_VALUE,
    );
}

/** Before resourceless groups: what is required must be required of something. */
function checkOrphans(groups: readonly RequestGroup[]): void {
  const bare = groups.filter((group) => !hasResources(group));
  const orphansBy = (key: string, has: (group: RequestGroup) => boolean): string =>
    bare
      .filter(has)
      .map(({ suffix }) => `${key}${suffix}`)
      .join(', ');
  const traits = orphansBy('required', (group) => group.traits.required.length > 0);
  if (traits !== '')
    throw badRequest(
      'All traits parameters must be associated with resources.  ' +
        `Found the following orphaned traits keys: ${traits}`,
    );
  const aggregates = orphansBy(
    'member_of',
    ({ aggregates: { required, forbidden } }) => required.length + forbidden.length > 0,
  );
  if (aggregates !== '')
    throw badRequest(
      'All member_of parameters must be associated with resources. ' +
        `Found the following orphaned member_of keys: ${aggregates}`,
    );
  if (bare.length > 0) throw badRequest('All request groups must specify resources.');
  if (groups.length === 0)
    throw badRequest('At least one request group (`resources` or `resources{$S}`) is required.');
}

function checkConflicts(groups: readonly RequestGroup[]): void {
  const conflicts = groups.flatMap(({ suffix, traits }) =>
    traits.required
      .filter((any) => any.every((trait) => traits.forbidden.includes(trait)))
      .map((any) => `required${suffix}: (${[...any].sort().join(', ')})`),
  );
  if (conflicts.length > 0)
    throw badRequest(
      'Conflicting required and forbidden traits found in the following traits keys: ' +
        conflicts.sort().join(', '),
    );
}
