// Checks a configuration against its schema and tells every fault at once, in words: where, what is there, what is wanted.
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

export class ConfigFault extends Error {
  readonly faults: readonly string[];

  constructor(source: string, faults: readonly string[]) {
    super(
      `${source} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigFault';
    this.faults = faults;
  }
}

/** The value itself, typed; throws a ConfigFault that lists every fault. `source` names the file for people. */
export function checkConfig<T extends TSchema>(
  schema: T,
  value: unknown,
  source: string,
): Static<T> {
  const faults = [...Value.Errors(schema, value)]
    .filter((error) => error.keyword !== 'additionalProperties')
    .map(
      (error) =>
        `${pathOf(error.instancePath)} ${wordsOf(error)}${shown(value, error.instancePath)}`,
    );
  if (faults.length > 0) throw new ConfigFault(source, faults);
  return value as Static<T>;
}

function pathOf(pointer: string): string {
  return pointer === '' ? 'the whole' : pointer.slice(1).replaceAll('/', '.');
}

function wordsOf(error: {
  readonly keyword: string;
  readonly message: string;
  readonly params: object;
}): string {
  if (error.keyword === 'boolean') return 'is not a known setting';
  const { allowedValues } = error.params as { allowedValues?: readonly unknown[] };
  return allowedValues === undefined ? error.message : `must be one of ${allowedValues.join(', ')}`;
}

function shown(value: unknown, pointer: string): string {
  const found = pointer
    .split('/')
    .slice(1)
    .reduce(
      (at: unknown, key) =>
        typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined,
      value,
    );
  const text = JSON.stringify(found);
  return text === undefined ? '' : `, but is ${text.slice(0, 80)}`;
}
