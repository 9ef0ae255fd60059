// Ends an exhaustive switch in pure code: the compiler refuses a forgotten case, and at run time a stray value throws.

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
