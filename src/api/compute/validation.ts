// Checks request bodies and query strings against Nova's request schemas, and says what is wrong in Nova's words:
// the first fault that the schema finds, in the order in which the schema is written (as jsonschema walks it).
// Nothing is coerced. On /v2, unknown properties are taken out instead of refused. Pure but for that.
import { badRequest } from './envelope.ts';
import { formatChecks } from './formats.ts';
import { reprOf, strOf } from './python-words.ts';

type JsonType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';

/** The words of JSON schema (draft 4) that request schemas use. Order matters: faults are found in it. */
export interface JsonSchema {
  readonly type?: JsonType | readonly JsonType[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  /** Written as in Python; only what both languages read alike. */
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** A name in formats.ts. */
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

interface Fault {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  readonly message: string;
  /** Replaces the whole message, for names. */
  readonly instead?: boolean;
}

interface Walk {
  readonly dropUnknown: boolean;
}

type JsonObject = Record<string, unknown>;

/** Throws a 400 for the first fault. `dropUnknown` is /v2's leniency: the body is changed. */
export function checkBody(schema: JsonSchema, body: unknown, dropUnknown = false): void {
  const fault = findFault(schema, body === undefined ? null : body, { dropUnknown });
  if (fault === undefined) return;
  const field = fault.path.at(-1);
  if (fault.instead === true || field === undefined) throw badRequest(fault.message);
  throw badRequest(
    `Invalid input for field/attribute ${field}. Value: ${strOf(fault.value)}. ${fault.message}`,
  );
}

/** The same for a query string: a list of values per name. Unknown names are the schema's business. */
export function checkQuery(
  schema: JsonSchema,
  query: Readonly<Record<string, readonly string[]>>,
): void {
  const fault = findFault(schema, query, { dropUnknown: false });
  if (fault === undefined) return;
  const name = fault.path[0];
  if (fault.instead === true || name === undefined) throw badRequest(fault.message);
  throw badRequest(
    `Invalid input for query parameters ${name}. Value: ${strOf(fault.value)}. ${fault.message}`,
  );
}

type Keyword = (
  wanted: never,
  value: unknown,
  schema: JsonSchema,
  walk: Walk,
) => Fault | string | undefined;

function findFault(schema: JsonSchema, value: unknown, walk: Walk): Fault | undefined {
  for (const [word, wanted] of Object.entries(schema)) {
    const keyword = keywords[word as keyof JsonSchema] as Keyword | undefined;
    const found = keyword?.(wanted as never, value, schema, walk);
    if (found === undefined) continue;
    return typeof found === 'string' ? { path: [], value, message: found } : found;
  }
  return undefined;
}

const keywords: { readonly [K in keyof JsonSchema]-?: Keyword } = {
  type: (wanted: JsonType | readonly JsonType[], value) => {
    const types: readonly JsonType[] = typeof wanted === 'string' ? [wanted] : wanted;
    if (types.some((type) => isOfType(type, value))) return undefined;
    return `${reprOf(value)} is not of type ${types.map(reprOf).join(', ')}`;
  },
  properties: (wanted: Readonly<Record<string, JsonSchema>>, value, _schema, walk) => {
    if (!isObject(value)) return undefined;
    for (const [name, schema] of Object.entries(wanted)) {
      if (!Object.hasOwn(value, name)) continue;
      const fault = below(name, findFault(schema, value[name], walk));
      if (fault !== undefined) return fault;
    }
    return undefined;
  },
  patternProperties: (wanted: Readonly<Record<string, JsonSchema>>, value, _schema, walk) => {
    if (!isObject(value)) return undefined;
    for (const [pattern, schema] of Object.entries(wanted)) {
      const names = Object.keys(value).filter((name) => patternOf(pattern).test(name));
      for (const name of names) {
        const fault = below(name, findFault(schema, value[name], walk));
        if (fault !== undefined) return fault;
      }
    }
    return undefined;
  },
  additionalProperties: (allowed: boolean, value, schema, walk) => {
    if (allowed || !isObject(value)) return undefined;
    return unknownProperties(value, schema, walk);
  },
  required: (wanted: readonly string[], value) => {
    if (!isObject(value)) return undefined;
    const missing = wanted.find((name) => !Object.hasOwn(value, name));
    return missing === undefined ? undefined : `${reprOf(missing)} is a required property`;
  },
  minProperties: (wanted: number, value) =>
    isObject(value) && Object.keys(value).length < wanted
      ? `${reprOf(value)} does not have enough properties`
      : undefined,
  maxProperties: (wanted: number, value) =>
    isObject(value) && Object.keys(value).length > wanted
      ? `${reprOf(value)} has too many properties`
      : undefined,
  items: (wanted: JsonSchema, value, _schema, walk) => {
    if (!Array.isArray(value)) return undefined;
    for (const [index, item] of value.entries()) {
      const fault = below(index, findFault(wanted, item, walk));
      if (fault !== undefined) return fault;
    }
    return undefined;
  },
  minItems: (wanted: number, value) =>
    Array.isArray(value) && value.length < wanted ? `${reprOf(value)} is too short` : undefined,
  maxItems: (wanted: number, value) =>
    Array.isArray(value) && value.length > wanted ? `${reprOf(value)} is too long` : undefined,
  uniqueItems: (wanted: boolean, value) =>
    wanted && Array.isArray(value) && new Set(value.map(reprOf)).size < value.length
      ? `${reprOf(value)} has non-unique elements`
      : undefined,
  enum: (wanted: readonly unknown[], value) =>
    wanted.some((item) => item === value || (isObject(item) && reprOf(item) === reprOf(value)))
      ? undefined
      : `${reprOf(value)} is not one of ${reprOf(wanted)}`,
  minLength: (wanted: number, value) =>
    typeof value === 'string' && lengthOf(value) < wanted
      ? `${reprOf(value)} is too short`
      : undefined,
  maxLength: (wanted: number, value) =>
    typeof value === 'string' && lengthOf(value) > wanted
      ? `${reprOf(value)} is too long`
      : undefined,
  pattern: (wanted: string, value) =>
    typeof value === 'string' && !patternOf(wanted).test(value)
      ? `${reprOf(value)} does not match ${reprOf(wanted)}`
      : undefined,
  format: (wanted: string, value) => {
    if (typeof value !== 'string') return undefined;
    const outcome = formatChecks[wanted]?.(value) ?? true;
    if (typeof outcome === 'object')
      return { path: [], value, message: outcome.instead, instead: true };
    return outcome ? undefined : `${reprOf(value)} is not a ${reprOf(wanted)}`;
  },
  minimum: (wanted: number, value) => {
    const number = numberOf(value);
    return number !== undefined && number < wanted
      ? `${reprOf(number)} is less than the minimum of ${wanted}`
      : undefined;
  },
  maximum: (wanted: number, value) => {
    const number = numberOf(value);
    return number !== undefined && number > wanted
      ? `${reprOf(number)} is greater than the maximum of ${wanted}`
      : undefined;
  },
  oneOf: (wanted: readonly JsonSchema[], value, _schema, walk) => {
    const matching = wanted.filter((schema) => findFault(schema, value, walk) === undefined);
    if (matching.length === 1) return undefined;
    if (matching.length === 0)
      return `${reprOf(value)} is not valid under any of the given schemas`;
    return `${reprOf(value)} is valid under each of ${matching.slice(1).map(reprOf).join(', ')}, ${reprOf(matching[0])}`;
  },
  anyOf: (wanted: readonly JsonSchema[], value, _schema, walk) =>
    wanted.some((schema) => findFault(schema, value, walk) === undefined)
      ? undefined
      : `${reprOf(value)} is not valid under any of the given schemas`,
  allOf: (wanted: readonly JsonSchema[], value, _schema, walk) => {
    for (const schema of wanted) {
      const fault = findFault(schema, value, walk);
      if (fault !== undefined) return fault;
    }
    return undefined;
  },
};

function unknownProperties(value: JsonObject, schema: JsonSchema, walk: Walk): string | undefined {
  const patterns = Object.keys(schema.patternProperties ?? {});
  const extras = Object.keys(value).filter(
    (name) =>
      !Object.hasOwn(schema.properties ?? {}, name) &&
      !patterns.some((pattern) => patternOf(pattern).test(name)),
  );
  if (extras.length === 0) return undefined;
  const names = extras.map(reprOf).join(', ');
  if (patterns.length > 0 && !walk.dropUnknown)
    return `${extras.sort().map(reprOf).join(', ')} ${extras.length === 1 ? 'does' : 'do'} not match any of the regexes: ${patterns.map(reprOf).join(', ')}`;
  if (patterns.length > 0 || !walk.dropUnknown)
    return `Additional properties are not allowed (${names} ${extras.length === 1 ? 'was' : 'were'} unexpected)`;
  for (const name of extras) delete value[name];
  return undefined;
}

function below(step: string | number, fault: Fault | undefined): Fault | undefined {
  return fault === undefined ? undefined : { ...fault, path: [step, ...fault.path] };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOfType(type: JsonType, value: unknown): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Bounds hold for numbers written as strings too. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string' || !/^\s*[+-]?\d+(\.\d+)?\s*$/.test(value)) return undefined;
  return Number(value);
}

/** Bounded: patterns come from our schemas alone. */
const patterns = new Map<string, RegExp>();

function patternOf(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const compiled = new RegExp(pattern, 'u');
  patterns.set(pattern, compiled);
  return compiled;
}
