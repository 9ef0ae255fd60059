// The operators of list filters: `in:a,"b,c"`, `gt:2026-01-31T12:00:00Z`, `size_min=…`. Pure but for the words it throws.
import type { ImageState } from '#actors/services/image/state.ts';
import { ImageHttpError } from './webob-error.ts';

type Filter = (image: ImageState) => boolean;

const comparisons: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  gt: (left, right) => left > right,
  gte: (left, right) => left >= right,
  lt: (left, right) => left < right,
  lte: (left, right) => left <= right,
  neq: (left, right) => left !== right,
  eq: (left, right) => left === right,
};

/** Whole seconds are compared: users see no finer times. */
export function comparisonFilter(
  name: string,
  expression: string,
  read: (image: ImageState) => number,
): Filter {
  const whole = parseTime(expression);
  const cut = expression.indexOf(':');
  const operator = whole === undefined && cut >= 0 ? expression.slice(0, cut) : 'eq';
  const threshold = whole ?? parseTime(expression.slice(cut + 1));
  if (threshold === undefined)
    throw new ImageHttpError(
      400,
      `Bad "${name}" query filter format. Use ISO 8601 DateTime notation.`,
    );
  const compare = comparisons[operator];
  if (compare === undefined)
    throw new ImageHttpError(400, 'Unable to filter on a unknown operator.');
  return (image) => compare(Math.floor(read(image) / 1000), threshold);
}

/** Seconds since 1970, or undefined if this is no time. */
function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[ +-]\d{2}:?\d{2})?$/.test(text))
    return undefined;
  // A plus in a query that nobody escaped has become a blank.
  const zoned = text.replace(' ', '+');
  const ms = Date.parse(/(?:Z|[+-]\d{2}:?\d{2})$/.test(zoned) ? zoned : `${zoned}Z`);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

export function rangeFilter(
  read: (image: ImageState) => number | null,
  side: string,
  value: string,
): Filter {
  if (!/^[+-]?\d+$/.test(value.trim()))
    throw new ImageHttpError(400, 'Unable to filter on a range with a non-numeric value.');
  const bound = Number(value);
  return (image) => {
    const own = read(image);
    return own !== null && (side === 'min' ? own >= bound : own <= bound);
  };
}

export function listFilter(expression: string, read: (image: ImageState) => unknown): Filter {
  const cut = expression.indexOf(':');
  const operator = cut < 0 ? 'eq' : expression.slice(0, cut);
  const rest = expression.slice(cut + 1);
  if (operator === 'eq') return (image) => read(image) === rest;
  if (operator !== 'in')
    throw new ImageHttpError(400, `Unable to filter by unknown operator '${operator}'.`);
  const wanted = new Set<unknown>(splitList(rest));
  return (image) => wanted.has(read(image));
}

/** Commas part values; a value in double quotes may hold commas, and quotes after a backslash. */
function splitList(text: string): readonly string[] {
  const values: string[] = [];
  const pattern = /"((?:[^"\\]|\\.)*)"(?:,|$)|([^",]*)(?:,|$)/y;
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null)
      throw new ImageHttpError(
        400,
        `Invalid filter value ${text}. The quote is not closed, or a comma is missing beside it.`,
      );
    values.push(found[1]?.replaceAll(/\\(.)/g, '$1') ?? found[2] ?? '');
  }
  return values;
}
