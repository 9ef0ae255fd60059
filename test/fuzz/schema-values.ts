// A value that fits a schema, or nearly: what a well-behaved client might send. Ids that the cloud knows come from a
// pool, so that a body reaches the code behind its checks. Pure but for the chance that it is given.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';

/** The words of JSON schema that the services' schemas use, whichever dialect each writes. */
export interface LooseSchema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, LooseSchema>>;
  readonly patternProperties?: Readonly<Record<string, LooseSchema>>;
  readonly required?: unknown;
  readonly items?: LooseSchema;
  readonly enum?: unknown;
  readonly format?: unknown;
  readonly pattern?: unknown;
  readonly minLength?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly minItems?: unknown;
  readonly oneOf?: readonly LooseSchema[];
  readonly anyOf?: readonly LooseSchema[];
  readonly allOf?: readonly LooseSchema[];
}

export interface Chance {
  readonly random: SeededRandom;
  /** An id that the cloud knows, or knew, or nobody knows. */
  readonly id: () => string;
}

const MAX_DEPTH = 6;
/** How often a field that may be left out is there. */
const OPTIONAL = 0.35;
const KEPT_NAMES = ['a', 'key', 'hw:cpu_policy', 'CUSTOM_GOLD', 'VCPU', 'MEMORY_MB'] as const;

const byFormat: Readonly<Record<string, (chance: Chance) => unknown>> = {
  uuid: ({ id }) => id(),
  ipv4: ({ random }) => `10.1.${random.below(4)}.${random.below(250)}`,
  ipv6: ({ random }) => `fd00::${random.below(9_999)}`,
  cidr: ({ random }) => `10.${random.below(250)}.0.0/24`,
  base64: () => 'aGVsbG8=',
  'date-time': ({ random }) => `20${20 + random.below(9)}-01-02T03:04:05Z`,
  uri: () => 'http://127.0.0.1:9/x',
  regex: () => '^a.*$',
};

export function valueOf(schema: LooseSchema, chance: Chance, depth = 0): unknown {
  const { random } = chance;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined && choices.length > 0)
    return merged(valueOf(random.pick(choices), chance, depth), schema, [chance, depth]);
  if (Array.isArray(schema.enum) && schema.enum.length > 0)
    return random.pick(schema.enum as readonly unknown[]);
  if (schema.allOf !== undefined && schema.type === undefined)
    return schema.allOf.reduce<unknown>(
      (value, part) => value ?? valueOf(part, chance, depth),
      undefined,
    );
  return byType(typeOf(schema, random), schema, [chance, depth]);
}

type Place = readonly [chance: Chance, depth: number];

/** Fields that stand beside a choice belong to it. */
function merged(value: unknown, schema: LooseSchema, [chance, depth]: Place): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject || schema.properties === undefined) return value;
  return { ...objectOf(schema, [chance, depth]), ...value };
}

function typeOf(schema: LooseSchema, random: SeededRandom): unknown {
  if (Array.isArray(schema.type)) return random.pick(schema.type as readonly unknown[]);
  if (schema.type !== undefined) return schema.type;
  return schema.properties === undefined ? 'string' : 'object';
}

function byType(type: unknown, schema: LooseSchema, place: Place): unknown {
  const [chance, depth] = place;
  switch (type) {
    case 'object':
      return depth > MAX_DEPTH ? {} : objectOf(schema, place);
    case 'array':
      return depth > MAX_DEPTH ? [] : arrayOf(schema, place);
    case 'integer':
    case 'number':
      return numberOf(schema, chance.random);
    case 'boolean':
      return chance.random.chance(0.5);
    case 'null':
      return null;
    default:
      return textOf(schema, chance);
  }
}

function objectOf(schema: LooseSchema, [chance, depth]: Place): Readonly<Record<string, unknown>> {
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const named = Object.entries(schema.properties ?? {})
    .filter(([name]) => required.has(name) || chance.random.chance(OPTIONAL))
    .map(([name, each]) => [name, valueOf(each, chance, depth + 1)] as const);
  const patterns = Object.entries(schema.patternProperties ?? {}).map(
    ([pattern, each]) => [nameFor(pattern, chance), valueOf(each, chance, depth + 1)] as const,
  );
  return Object.fromEntries([...named, ...patterns]);
}

function nameFor(pattern: string, { random, id }: Chance): string {
  if (/0-9a-f/i.test(pattern) && /36|32|-/.test(pattern)) return id();
  return random.pick(KEPT_NAMES);
}

function arrayOf(schema: LooseSchema, [chance, depth]: Place): readonly unknown[] {
  const least = typeof schema.minItems === 'number' ? schema.minItems : 0;
  const length = Math.max(least, chance.random.below(3));
  return Array.from({ length }, () => valueOf(schema.items ?? {}, chance, depth + 1));
}

function numberOf(schema: LooseSchema, random: SeededRandom): number {
  const least = typeof schema.minimum === 'number' ? schema.minimum : 0;
  const most = typeof schema.maximum === 'number' ? schema.maximum : least + 100;
  return random.pick([least, least + 1, Math.min(most, least + random.below(100)), most]);
}

function textOf(schema: LooseSchema, chance: Chance): string {
  const { random, id } = chance;
  const make = typeof schema.format === 'string' ? byFormat[schema.format] : undefined;
  if (make !== undefined) return String(make(chance));
  const pattern = typeof schema.pattern === 'string' ? schema.pattern : '';
  if (/a-fA-F0-9|0-9a-f/i.test(pattern)) return id();
  if (pattern.includes('CUSTOM_')) return `CUSTOM_${random.below(50)}`;
  if (/^\^\[?0-9|\^-\?\[0-9|\\d/.test(pattern)) return String(random.below(200));
  return random.pick([`name-${random.below(200)}`, id(), 'x', '1', 'true', 'public', 'default']);
}
