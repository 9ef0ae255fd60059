// What was thrown, in words: for reasons that are logged or sent to the other side.
export function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
