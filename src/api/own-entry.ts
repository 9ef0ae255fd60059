// Looks names up that clients sent. A plain `table[name]` would also find what every object has: `constructor`,
// `__proto__`, `toString`.

export function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
