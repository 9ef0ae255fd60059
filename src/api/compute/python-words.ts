// Values spelled as Nova's messages spell them: in Python. Clients and tests look for these words. Pure.

/** As in `repr(value)`: strings quoted, `None`, `True`, `{'a': 1}`. */
export function reprOf(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(reprOf).join(', ')}]`;
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'object') {
    const items = Object.entries(value).map(([key, item]) => `${quoted(key)}: ${reprOf(item)}`);
    return `{${items.join(', ')}}`;
  }
  return typeof value === 'number' ? String(value) : typeof value;
}

/** As in `str(value)`: a string bare, everything else like reprOf. */
export function strOf(value: unknown): string {
  return typeof value === 'string' ? value : reprOf(value);
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let words = '';
  for (const character of text) words += quotedCharacter(character, quote);
  return `${quote}${words}${quote}`;
}

const named: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};

function quotedCharacter(character: string, quote: string): string {
  const name = named[character];
  if (name !== undefined) return name;
  if (character === quote) return `\\${quote}`;
  if (!/[\p{C}\p{Z}]/u.test(character) || character === ' ') return character;
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, '0')}`;
  if (point < 0x10000) return `\\u${point.toString(16).padStart(4, '0')}`;
  return `\\U${point.toString(16).padStart(8, '0')}`;
}
