// Reads a JSON body and checks it against a schema, in the words that Placement passes on from its JSON library: of all
// faults the one that lies least deep, and of those the first. Pure: every refusal is a PlacementFault with status 400.
import { takeJson } from '#api/json-body.ts';
import { reprOf } from '#api/compute/python-words.ts';
import { badRequest } from './envelope.ts';
import { isUuidLike } from './query.ts';

type JsonType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'null';

/** The words of JSON schema that Placement's requests use. Order matters: faults are found in it. */
export interface BodySchema {
  readonly type?: JsonType | readonly JsonType[];
  readonly properties?: Readonly<Record<string, BodySchema>>;
  readonly patternProperties?: Readonly<Record<string, BodySchema>>;
  readonly additionalProperties?: false;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly items?: BodySchema;
  readonly minItems?: number;
  readonly uniqueItems?: true;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: 'uuid';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly BodySchema[];
}

/** What fits the schema is what the schema says. */
export function readBody(bytes: Buffer, schema: BodySchema): unknown {
  let body: unknown;
  takeJson(bytes, (error, value) => {
    if (error !== null || value === undefined)
      throw badRequest(
        `Malformed JSON: ${error?.message ?? 'Expecting value: line 1 column 1 (char 0)'}`,
      );
    body = value;
  });
  checkValue(schema, body);
  return body;
}

export function checkValue(schema: BodySchema, value: unknown): void {
  const [first, ...more] = [...faultsIn(schema, value, 0)];
  if (first === undefined) return;
  const shallowest = more.reduce((best, fault) => (fault.depth < best.depth ? fault : best), first);
  throw badRequest(
    `JSON does not validate: ${shallowest.words}\n\nFailed validating '${shallowest.word}'`,
  );
}

interface Fault {
  readonly depth: number;
  readonly words: string;
  /** Of the schema. */
  readonly word: string;
}
type JsonObject = Readonly<Record<string, unknown>>;

function* faultsIn(schema: BodySchema, value: unknown, depth: number): Generator<Fault> {
  for (const [word, wanted] of Object.entries(schema)) {
    const words = plainFault(word, wanted, value) ?? shapeFault(word, schema, value);
    if (words !== undefined) yield { depth, words, word };
    if (word === 'anyOf') yield* alternativeFaults(schema, value, depth);
    yield* deeperFaults(word, schema, value, depth + 1);
  }
}

function* deeperFaults(
  word: string,
  { properties = {}, patternProperties = {}, items }: BodySchema,
  value: unknown,
  depth: number,
): Generator<Fault> {
  if (word === 'items' && items !== undefined && Array.isArray(value))
    for (const item of value) yield* faultsIn(items, item, depth);
  if (!isObject(value)) return;
  if (word === 'properties')
    for (const [name, schema] of Object.entries(properties))
      if (Object.hasOwn(value, name)) yield* faultsIn(schema, value[name], depth);
  if (word === 'patternProperties')
    for (const [pattern, schema] of Object.entries(patternProperties))
      for (const [name, item] of Object.entries(value))
        if (patternOf(pattern).test(name)) yield* faultsIn(schema, item, depth);
}

/** Of alternatives of which none fits, what the first one says. */
function* alternativeFaults(
  { anyOf = [] }: BodySchema,
  value: unknown,
  depth: number,
): Generator<Fault> {
  const [first, ...others] = anyOf.map((schema) => [...faultsIn(schema, value, depth)]);
  if (first?.[0] !== undefined && others.every((faults) => faults.length > 0)) yield first[0];
}

/** Faults of a value by itself. */
function plainFault(word: string, wanted: unknown, value: unknown): string | undefined {
  const fails = plainRules[word];
  if (fails === undefined || !fails(value, wanted as never)) return undefined;
  const shown = reprOf(value);
  switch (word) {
    case 'type':
      return `${shown} is not of type ${[wanted].flat().map(reprOf).join(', ')}`;
    case 'minProperties':
      return `${shown} does not have enough properties`;
    case 'minItems':
    case 'minLength':
      return `${shown} is too short`;
    case 'maxLength':
      return `${shown} is too long`;
    case 'pattern':
      return `${shown} does not match ${reprOf(wanted)}`;
    case 'format':
      return `${shown} is not a ${reprOf(wanted)}`;
    case 'minimum':
      return `${shown} is less than the minimum of ${String(wanted)}`;
    case 'maximum':
      return `${shown} is greater than the maximum of ${String(wanted)}`;
    default:
      return `${shown} has non-unique elements`;
  }
}

const plainRules: Readonly<Record<string, (value: unknown, wanted: never) => boolean>> = {
  type: (value, wanted: JsonType | readonly JsonType[]) =>
    ![wanted].flat().some((type) => isOfType(value, type)),
  minProperties: (value, least: number) => isObject(value) && Object.keys(value).length < least,
  minItems: (value, least: number) => Array.isArray(value) && value.length < least,
  uniqueItems: (value) => Array.isArray(value) && new Set(value.map(reprOf)).size < value.length,
  minLength: (value, least: number) => typeof value === 'string' && lengthOf(value) < least,
  maxLength: (value, most: number) => typeof value === 'string' && lengthOf(value) > most,
  pattern: (value, wanted: string) => typeof value === 'string' && !patternOf(wanted).test(value),
  format: (value) => typeof value === 'string' && !isUuidLike(value),
  minimum: (value, least: number) => typeof value === 'number' && value < least,
  maximum: (value, most: number) => typeof value === 'number' && value > most,
};

/** Faults that need the rest of the schema. */
function shapeFault(word: string, schema: BodySchema, value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  if (word === 'required') {
    const missing = schema.required?.find((name) => !Object.hasOwn(value, name));
    return missing === undefined ? undefined : `${reprOf(missing)} is a required property`;
  }
  return word === 'additionalProperties' ? unknownFault(schema, value) : undefined;
}

function unknownFault(
  { properties = {}, patternProperties = {} }: BodySchema,
  value: JsonObject,
): string | undefined {
  const patterns = Object.keys(patternProperties);
  const unknown = Object.keys(value).filter(
    (name) =>
      !Object.hasOwn(properties, name) &&
      !patterns.some((pattern) => patternOf(pattern).test(name)),
  );
  if (unknown.length === 0) return undefined;
  const isOne = unknown.length === 1;
  if (patterns.length > 0)
    return `${unknown.sort().map(reprOf).join(', ')} ${isOne ? 'does' : 'do'} not match any of the regexes: ${patterns.map(reprOf).join(', ')}`;
  return `Additional properties are not allowed (${unknown.map(reprOf).join(', ')} ${isOne ? 'was' : 'were'} unexpected)`;
}

function isOfType(value: unknown, type: JsonType): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isSafeInteger(value);
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  return Array.from(text).length;
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
