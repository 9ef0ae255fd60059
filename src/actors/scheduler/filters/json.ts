// Hint `query`: a condition on the host in JSON, such as `["and", [">=", "$free_ram_mb", 1024], ["=", "$host", "h1"]]`.
// Grammar and meaning are those of Nova's document on JsonFilter; what is no such query lets no host pass, and says why.
import { attributeAt } from '../host-paths.ts';
import type { HostView } from '../host-view.ts';
import type { Filter } from './filter.ts';

const MAX_DEPTH = 32;

export const jsonFilter: Filter = {
  name: 'JsonFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const query = spec.hints['query']?.[0];
    if (query === undefined || query === '') return undefined;
    const parsed = parse(query);
    if (parsed === undefined) return 'the hint query is no JSON';
    const result = evaluate(parsed, host, 0);
    if (typeof result === 'string') return result;
    return result ? undefined : `the hint query is not met: ${query.slice(0, 100)}`;
  },
};

function parse(query: string): unknown {
  try {
    return JSON.parse(query) as unknown;
  } catch {
    return undefined;
  }
}

const comparisons: Readonly<Record<string, (one: unknown, other: unknown) => boolean>> = {
  '=': (one, other) => one === other,
  '<': ordered((order) => order < 0),
  '>': ordered((order) => order > 0),
  '<=': ordered((order) => order <= 0),
  '>=': ordered((order) => order >= 0),
};

/** Numbers with numbers, texts with texts; anything else is in no order. */
function ordered(fits: (order: number) => boolean): (one: unknown, other: unknown) => boolean {
  return (one, other) => {
    if (typeof one === 'number' && typeof other === 'number') return fits(one - other);
    if (typeof one !== 'string' || typeof other !== 'string') return false;
    return fits(one === other ? 0 : one < other ? -1 : 1);
  };
}

/** The truth of a condition, or in words what is wrong with it. */
function evaluate(query: unknown, host: HostView, depth: number): boolean | string {
  if (depth > MAX_DEPTH) return `the hint query is nested more than ${MAX_DEPTH} deep`;
  if (!Array.isArray(query)) return 'the hint query is no list';
  if (query.length === 0) return true;
  const [operator, ...operands] = query as readonly unknown[];
  const values: unknown[] = [];
  for (const operand of operands) {
    const value = Array.isArray(operand)
      ? evaluate(operand, host, depth + 1)
      : plainValue(operand, host);
    if (Array.isArray(operand) && typeof value === 'string') return value;
    if (value !== undefined && value !== null) values.push(value);
  }
  return applied(operator, values);
}

function applied(operator: unknown, values: readonly unknown[]): boolean | string {
  const [first, ...others] = values;
  switch (operator) {
    case 'and':
      return values.every(Boolean);
    case 'or':
      return values.some(Boolean);
    case 'not':
      return values.some((value) => !isTruthy(value));
    case 'in':
      return others.length > 0 && others.includes(first);
    default: {
      const name = typeof operator === 'string' ? operator : JSON.stringify(operator);
      const compare = Object.hasOwn(comparisons, name) ? comparisons[name] : undefined;
      if (compare === undefined) return `the hint query has no operator ${name}`;
      return others.length > 0 && others.every((other) => compare(first, other));
    }
  }
}

const isTruthy = (value: unknown): boolean => Boolean(value);

/** `$free_ram_mb` and `$cpu_info.arch` are the host's attributes. */
function plainValue(operand: unknown, host: HostView): unknown {
  if (typeof operand !== 'string' || !operand.startsWith('$')) return operand;
  return attributeAt(host, operand.slice(1).split('.'));
}
