// A schema as a short text in TypeScript's manner: `{ id: string; tags: string[]; reason?: string }`. Pure.
import type { TSchema } from 'typebox';

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

const LINE = 100;

export class ShapeTexts {
  readonly #names: ReadonlyMap<string, string>;

  /** Shapes with a name are told by it. */
  constructor(named: Readonly<Record<string, TSchema>>) {
    this.#names = new Map(
      Object.entries(named).map(([name, schema]) => [canonicalJson(schema), name]),
    );
  }

  /** On one line if it fits, else a field a line. `name` of a shape itself is not used for it. */
  text(
    schema: TSchema,
    options: { readonly indent?: string; readonly unnamed?: true } = {},
  ): string {
    const { indent = '', unnamed } = options;
    const shape = schema as JsonSchema;
    const line = this.#line(shape, unnamed === true);
    if (indent.length + line.length <= LINE || shape.properties === undefined) return line;
    const fields = this.#fields(shape).map(([field, value]) => {
      const inner = this.text(value, { indent: `${indent}  ` });
      return `${indent}  ${field}: ${inner};\n`;
    });
    return `{\n${fields.join('')}${indent}}`;
  }

  #line(shape: JsonSchema, unnamed = false): string {
    const name = unnamed ? undefined : this.#names.get(canonicalJson(shape));
    if (name !== undefined) return name;
    if (shape.anyOf !== undefined) return shape.anyOf.map((one) => this.#line(one)).join(' | ');
    if (shape.const !== undefined) return JSON.stringify(shape.const);
    if (shape.enum !== undefined)
      return shape.enum.map((value) => JSON.stringify(value)).join(' | ');
    switch (shape.type) {
      case 'object':
        return this.#object(shape);
      case 'array':
        return this.#array(shape.items ?? {});
      case 'integer':
        return shape.minimum === undefined ? 'integer' : `integer ≥ ${shape.minimum}`;
      case 'number':
        return shape.exclusiveMinimum === undefined
          ? 'number'
          : `number > ${shape.exclusiveMinimum}`;
      default:
        return shape.type ?? 'unknown';
    }
  }

  #object(shape: JsonSchema): string {
    const [values] = Object.values(shape.patternProperties ?? {});
    if (values !== undefined) return `Record<string, ${this.#line(values)}>`;
    const fields = this.#fields(shape).map(([field, value]) => `${field}: ${this.#line(value)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join('; ')} }`;
  }

  #array(items: JsonSchema): string {
    const inner = this.#line(items);
    return /^[A-Za-z]+$/.test(inner) ? `${inner}[]` : `(${inner})[]`;
  }

  #fields(shape: JsonSchema): readonly (readonly [string, JsonSchema])[] {
    const required = new Set(shape.required);
    return Object.entries(shape.properties ?? {}).map(([name, value]) => [
      required.has(name) ? name : `${name}?`,
      value,
    ]);
  }
}

/** The same text for the same schema, in whatever order its fields were written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
