// Assertions that stay on in production: a broken assumption is a bug, so the actor that finds it crashes
// and its supervisor starts it again from the journal. Never use them for what users or networks may send.

export class AssertionFault extends Error {
  override readonly name = 'AssertionFault';
}

/** Throws an AssertionFault with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFault(message);
}

/** Ends an exhaustive switch: the compiler refuses a forgotten case, and at run time a stray value throws. */
export function unreachable(value: never): never {
  throw new AssertionFault(`unreachable: ${describe(value)}`);
}

/** `value`, when it is neither undefined nor null; else an AssertionFault that names `what` is missing. */
export function present<T>(value: T, what: string): NonNullable<T> {
  if (value === undefined || value === null) throw new AssertionFault(`${what} is missing`);
  return value;
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
