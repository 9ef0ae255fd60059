// What a request body may hold at all, whatever its schema says: text that is Unicode, numbers that are numbers, and
// no nesting that only a program would send. The rest could not be kept, shown or even refused in words. Pure.

/** The deepest body that Nova takes has seven levels. */
const MAX_DEPTH = 32;

export function isStorable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  return Object.entries(value).every(
    ([key, item]) => key.isWellFormed() && isStorable(item, depth + 1),
  );
}
