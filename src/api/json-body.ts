// From a body's bytes to JSON, for every service alike: strict UTF-8, and nothing that could not be kept, shown or even
// refused in words, whatever a schema says. It knows no service's words: those come from its error handler.
import { isUtf8 } from 'node:buffer';

/** The deepest body that any of the services takes has seven levels. */
const MAX_DEPTH = 32;

/** For `addContentTypeParser(…, { parseAs: 'buffer' }, …)`. An empty body is none. */
export function takeJson(
  bytes: string | Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void {
  if (bytes.length === 0) return done(null, undefined);
  const body = readJson(bytes);
  if (body === undefined) done(malformedJson());
  else done(null, body);
}

/** What error handlers know a body that is no JSON by. */
export function isMalformedJson(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === MALFORMED;
}

const MALFORMED = 'malformed-json';

function malformedJson(): Error {
  return Object.assign(new Error('The body is not valid JSON.'), {
    statusCode: 400,
    code: MALFORMED,
  });
}

function readJson(bytes: string | Buffer): unknown {
  if (typeof bytes !== 'string' && !isUtf8(bytes)) return undefined;
  try {
    const body = JSON.parse(bytes.toString()) as unknown;
    return isStorable(body, 0) ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Text that is Unicode, numbers that are numbers, and no nesting that only a program would send. */
function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  return Object.entries(value).every(
    ([key, item]) => key.isWellFormed() && isStorable(item, depth + 1),
  );
}
