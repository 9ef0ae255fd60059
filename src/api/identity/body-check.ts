// Checks bodies against schemas and says what is wrong in the words that Keystone's validator uses. Schemas are
// compiled when first needed, so that start-up pays nothing for them.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { invalid } from './problem.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

let ajv: Ajv | undefined;
const compiled = new Map<JsonSchema, ValidateFunction>();

/** Throws 400 with the first fault. */
export function checkBody(schema: JsonSchema, value: unknown): void {
  const validate = compiled.get(schema) ?? compile(schema);
  if (validate(value)) return;
  const [error] = validate.errors ?? [];
  if (error !== undefined) throw invalid(describe(error));
}

function compile(schema: JsonSchema): ValidateFunction {
  ajv ??= new Ajv({ strict: false, verbose: true });
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

function describe(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
  const fault = faultOf(error);
  return path === '' ? fault : `Invalid input for field '${path}': ${fault}`;
}

function faultOf(error: ErrorObject): string {
  const value = quote(error.data);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case 'required':
      return `'${String(params.missingProperty)}' is a required property`;
    case 'type':
      return `${value} is not of type ${[params.type].flat().map(quote).join(', ')}`;
    case 'minLength':
      return `${value} is too short`;
    case 'maxLength':
    case 'maxItems':
      return `${value} is too long`;
    case 'minProperties':
      return `${value} does not have enough properties`;
    case 'maxProperties':
      return `${value} has too many properties`;
    case 'pattern':
      return `${value} does not match ${quote(params.pattern)}`;
    case 'enum':
      return `${value} is not one of [${(params.allowedValues as readonly unknown[]).map(quote).join(', ')}]`;
    case 'uniqueItems':
      return `${value} has non-unique elements`;
    case 'additionalProperties':
      return `Additional properties are not allowed ('${String(params.additionalProperty)}' was unexpected)`;
    default:
      return `${value} ${error.message ?? 'is not valid'}`;
  }
}

/** As Python prints a value, cut to what fits in a message. */
function quote(value: unknown): string {
  const shown = typeof value === 'string' ? `'${value}'` : pythonic(JSON.stringify(value) ?? '');
  return shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
}

function pythonic(json: string): string {
  const words: Readonly<Record<string, string>> = { null: 'None', true: 'True', false: 'False' };
  return words[json] ?? json.replaceAll('"', "'");
}
