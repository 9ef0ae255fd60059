// The query string as Placement reads it: which keys a version knows, and what the values of the filters mean. Pure:
// every refusal is a PlacementFault with status 400 and Placement's words.
import { badRequest } from './envelope.ts';

/** Pairs in the order of the request; a key may come again. */
export class Query {
  readonly #pairs: readonly (readonly [key: string, value: string])[];

  constructor(url: string) {
    const at = url.indexOf('?');
    const text = at < 0 ? '' : url.slice(at + 1);
    this.#pairs = text
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const equals = pair.indexOf('=');
        return equals < 0
          ? ([decoded(pair), ''] as const)
          : ([decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))] as const);
      });
  }

  /** Of several values the last. */
  get(key: string): string | undefined {
    return this.#pairs.findLast(([name]) => name === key)?.[1];
  }

  all(key: string): readonly string[] {
    return this.#pairs.filter(([name]) => name === key).map(([, value]) => value);
  }

  /** Each once, in the order of the request. */
  keys(): readonly string[] {
    return [...new Set(this.#pairs.map(([name]) => name))];
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalidQuery(`'${text}' is not valid UTF-8`);
  }
}

/** `reason` in JSON schema's words: `'foo' is not a 'uuid'`; `word`: the word of the schema that it offends. */
export function invalidQuery(reason: string, word?: string): Error {
  const offended = word === undefined ? '' : `\n\nFailed validating '${word}'`;
  return badRequest(`Invalid query string parameters: ${reason}${offended}`);
}

/** `patterns`: where keys are told by their form, the forms, for the words of the refusal. */
export function checkKeys(
  query: Query,
  isKnown: (key: string) => boolean,
  patterns: readonly string[] = [],
): void {
  const unknown = query.keys().filter((key) => !isKnown(key));
  if (unknown.length === 0) return;
  const names = unknown.sort().map(quoted).join(', ');
  const isOne = unknown.length === 1;
  if (patterns.length > 0)
    throw invalidQuery(
      `${names} ${isOne ? 'does' : 'do'} not match any of the regexes: ${patterns.map(quoted).join(', ')}`,
      'additionalProperties',
    );
  throw invalidQuery(
    `Additional properties are not allowed (${names} ${isOne ? 'was' : 'were'} unexpected)`,
    'additionalProperties',
  );
}

function quoted(text: string): string {
  return `'${text}'`;
}

/** A UUID in any of the forms that OpenStack takes: hyphens, braces, urn: and case do not matter. */
export function isUuidLike(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(
    text
      .replaceAll(/urn:|uuid:/g, '')
      .replaceAll(/^[{}]+|[{}]+$/g, '')
      .replaceAll('-', '')
      .toLowerCase(),
  );
}

const EXPECTED_RESOURCES =
  'Badly formed resources parameter. Expected resources query string parameter in form: ' +
  '?resources=VCPU:2,MEMORY_MB:1024. Got: ';

/** `VCPU:2,MEMORY_MB:1024` → amounts by class; of a class that comes twice the last counts. */
export function parseResources(text: string): Readonly<Record<string, number>> {
  if (text.trim() === '') throw badRequest(`${EXPECTED_RESOURCES}empty string.`);
  return Object.fromEntries(text.split(',').map(parseResource));
}

function parseResource(text: string): readonly [string, number] {
  const [name, amount, ...more] = text.split(':');
  if (name === undefined || amount === undefined || more.length > 0)
    throw badRequest(`${EXPECTED_RESOURCES}${text}.`);
  if (!/^\s*[+-]?\d+\s*$/.test(amount))
    throw badRequest(
      `Requested resource ${name} expected positive integer amount. Got: ${amount}.`,
    );
  const count = Number(amount);
  if (count < 1)
    throw badRequest(`Requested resource ${name} requires amount >= 1. Got: ${count}.`);
  return [name, count];
}

export interface TraitWishes {
  /** Of each list at least one must be there. */
  readonly required: readonly (readonly string[])[];
  readonly forbidden: readonly string[];
}

/** Versions from which `!TRAIT`, and `in:` with repeated parameters, are understood. */
const FORBIDDEN_TRAITS_SINCE = 22;
const ANY_TRAITS_SINCE = 39;

/** All `required` parameters of one group. */
export function parseTraits(values: readonly string[], minor: number): TraitWishes {
  const counted = minor >= ANY_TRAITS_SINCE ? values : values.slice(-1);
  const wishes = counted.map((value) => parseTraitValue(value, minor));
  return {
    required: wishes.flatMap(({ required }) => required),
    forbidden: [...new Set(wishes.flatMap(({ forbidden }) => forbidden))],
  };
}

/** `root_required`: single traits and forbidden ones only. */
export function parseRootTraits(value: string): TraitWishes {
  return parseTraitValue(value, FORBIDDEN_TRAITS_SINCE);
}

function parseTraitValue(value: string, minor: number): TraitWishes {
  if (value.startsWith('in:')) return { required: [parseAnyTraits(value, minor)], forbidden: [] };
  const allowsForbidden = minor >= FORBIDDEN_TRAITS_SINCE;
  const traits = value.split(',').map((trait) => trait.trim());
  const forbidden = traits
    .filter((trait) => trait.startsWith('!'))
    .map((trait) => trait.replace(/^!+/, ''));
  const expected = (form: string): string =>
    `Expected 'required' parameter value of the form: ${form}.`;
  if ([...traits, ...forbidden].includes('')) {
    const form = allowsForbidden ? 'HW_CPU_X86_VMX,!CUSTOM_MAGIC' : 'HW_CPU_X86_VMX,CUSTOM_MAGIC';
    throw invalidQuery(`${expected(form)} Got an empty trait in: ${value}`);
  }
  if (forbidden.length > 0 && !allowsForbidden)
    throw invalidQuery(`${expected('HW_CPU_X86_VMX,CUSTOM_MAGIC')} Got: ${value}`);
  return {
    required: traits.filter((trait) => !trait.startsWith('!')).map((trait) => [trait]),
    forbidden,
  };
}

function parseAnyTraits(value: string, minor: number): readonly string[] {
  const form = "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC'";
  if (minor < ANY_TRAITS_SINCE)
    throw invalidQuery(`${form} only supported since microversion 1.39. Got: ${value}`);
  const traits = value
    .slice('in:'.length)
    .split(',')
    .map((trait) => trait.trim());
  if (traits.includes(''))
    throw invalidQuery(
      "Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. " +
        `Got an empty trait in: ${value}`,
    );
  if (traits.some((trait) => trait.startsWith('!')))
    throw invalidQuery(`${form} does not support forbidden traits. Got: ${value}`);
  return traits;
}

export interface AggregateWishes {
  /** Of each list the provider must be in at least one. */
  readonly required: readonly (readonly string[])[];
  readonly forbidden: readonly string[];
}

const MANY_MEMBER_OF_SINCE = 24;
const FORBIDDEN_AGGREGATES_SINCE = 32;

/** All `member_of` parameters of one group; `suffix` is for the words of a refusal. */
export function parseMemberOf(
  values: readonly string[],
  minor: number,
  suffix = '',
): AggregateWishes {
  if (values.length > 1 && minor < MANY_MEMBER_OF_SINCE)
    throw badRequest(`Multiple member_of${suffix} parameters are not supported`);
  const wishes = values.map(parseMemberOfValue);
  const forbidden = wishes.flatMap((wish) => (wish.isForbidden ? wish.uuids : []));
  if (forbidden.length > 0 && minor < FORBIDDEN_AGGREGATES_SINCE)
    throw badRequest(
      `Forbidden member_of${suffix} parameters are not supported in the specified microversion`,
    );
  return {
    required: wishes.filter((wish) => !wish.isForbidden).map(({ uuids }) => uuids),
    forbidden,
  };
}

function parseMemberOfValue(value: string): {
  readonly isForbidden: boolean;
  readonly uuids: readonly string[];
} {
  const found = /^(!?)(in:)?(.*)$/s.exec(value);
  const [isForbidden, isList, rest] = [found?.[1] === '!', found?.[2] !== undefined, found?.[3]];
  if (value.includes(',') && !isList)
    throw badRequest(
      "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the " +
        `valid microversion. Got: ${value}`,
    );
  const uuids = isList ? (rest ?? '').split(',') : [rest ?? ''];
  const bad = uuids.find((uuid) => !isUuidLike(uuid));
  if (bad !== undefined)
    throw invalidQuery(`Expected 'member_of' parameter to contain valid UUID(s). Got: ${bad}`);
  return { isForbidden, uuids };
}
