// Checks values against the few JSON schema words that the image schema uses, and says what is wrong as Python's
// jsonschema does, since Glance hands those words to users. Pure.

import { ownEntry } from '#api/own-entry.ts';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | null)[];
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly uniqueItems?: boolean;
  readonly allOf?: readonly JsonSchema[];
  /** `#/definitions/<name>`: of the document that is checked. */
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly [annotation: string]: unknown;
}

/** The first fault in words, or undefined when `value` fits. */
export function findFault(schema: JsonSchema, value: unknown): string | undefined {
  return faultOf(schema, value, schema.definitions ?? {});
}

type Definitions = NonNullable<JsonSchema['definitions']>;

function faultOf(schema: JsonSchema, value: unknown, known: Definitions): string | undefined {
  if (schema.$ref !== undefined) {
    const named = ownEntry(known, schema.$ref.replace('#/definitions/', ''));
    return named === undefined ? undefined : faultOf(named, value, known);
  }
  for (const part of schema.allOf ?? []) {
    const fault = faultOf(part, value, known);
    if (fault !== undefined) return fault;
  }
  return typeFault(schema, value) ?? enumFault(schema, value) ?? contentFault(schema, value, known);
}

function typeFault(schema: JsonSchema, value: unknown): string | undefined {
  if (schema.type === undefined) return undefined;
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (types.some((type) => isOfType(type, value))) return undefined;
  return `${python(value)} is not of type ${types.map(python).join(', ')}`;
}

const typeChecks: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  integer: (value) => Number.isInteger(value),
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  number: (value) => typeof value === 'number',
  object: isRecord,
};

function isOfType(type: string, value: unknown): boolean {
  return typeChecks[type]?.(value) ?? false;
}

function enumFault(schema: JsonSchema, value: unknown): string | undefined {
  if (schema.enum === undefined || schema.enum.includes(value as string | null)) return undefined;
  return `${python(value)} is not one of ${python(schema.enum)}`;
}

function contentFault(schema: JsonSchema, value: unknown, known: Definitions): string | undefined {
  if (typeof value === 'number' && schema.minimum !== undefined && value < schema.minimum)
    return `${value} is less than the minimum of ${schema.minimum}`;
  if (typeof value === 'string') return textFault(schema, value);
  if (Array.isArray(value)) return itemFault(schema, value, known);
  return isRecord(value)
    ? (memberFault(schema, value, known) ?? requiredFault(schema, value))
    : undefined;
}

function requiredFault(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
): string | undefined {
  const missing = schema.required?.find((name) => !Object.hasOwn(value, name));
  return missing === undefined ? undefined : `${python(missing)} is a required property`;
}

function textFault(schema: JsonSchema, value: string): string | undefined {
  if (schema.maxLength !== undefined && codePoints(value) > schema.maxLength)
    return `${python(value)} is too long`;
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
    return `${python(value)} does not match ${python(schema.pattern)}`;
  return undefined;
}

function itemFault(
  schema: JsonSchema,
  value: readonly unknown[],
  known: Definitions,
): string | undefined {
  for (const item of schema.items === undefined ? [] : value) {
    const fault = faultOf(schema.items ?? {}, item, known);
    if (fault !== undefined) return fault;
  }
  if (schema.uniqueItems !== true) return undefined;
  const distinct = new Set(value.map((item) => JSON.stringify(item)));
  return distinct.size === value.length ? undefined : `${python(value)} has non-unique elements`;
}

function memberFault(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  known: Definitions,
): string | undefined {
  for (const [name, member] of Object.entries(value)) {
    const own = ownEntry(schema.properties ?? {}, name);
    const rule = own ?? schema.additionalProperties;
    if (rule === false)
      return `Additional properties are not allowed (${python(name)} was unexpected)`;
    if (rule === undefined || rule === true) continue;
    const fault = faultOf(rule, member, known);
    if (fault !== undefined)
      return `${fault}\n\nOn instance[${python(name)}]:\n    ${python(member)}`;
  }
  return undefined;
}

/** Characters as users count them, nearly: code points. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON value as Python prints it. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string')
    return value.includes("'") && !value.includes('"')
      ? `"${value}"`
      : `'${value.replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  const members = Object.entries(value).map(
    ([name, member]) => `${python(name)}: ${python(member)}`,
  );
  return `{${members.join(', ')}}`;
}
