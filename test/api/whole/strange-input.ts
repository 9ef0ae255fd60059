// What no well-behaved client sends, as arbitraries: values, bodies with a few fields replaced, bodies whose bytes are
// broken, paths and queries.
import * as fc from 'fast-check';

/** Stand-ins for numbers that JSON.stringify can't write. */
const numbers: Readonly<Record<string, string>> = {
  '@beyond@': '1e999',
  '@long@': '9'.repeat(120),
  '@minus@': '-1e400',
  '@exact@': '9007199254740993',
};

export const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', ' ', '\u0000', '\u001b[2J', '\r\nx: y', '\ud800', '\u202e', 'x'.repeat(300)),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'null', 'None', 'true', '0', '-1'),
  fc.constantFrom(`<&"'>`, ']]>', '<!--', '&#0;', '{{7*7}}', '${x}', '%s%n', "' OR 1=1 --"),
  fc.constantFrom(
    '../../etc/passwd',
    'file:///etc/passwd',
    'http://169.254.169.254/',
    '9'.repeat(40),
  ),
  fc.constantFrom(...Object.keys(numbers)),
);

export const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(word, tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** JSON with the stand-ins written out. */
export function jsonText(body: unknown): string {
  return JSON.stringify(body).replaceAll(
    /"@\w+@"/g,
    (found) => numbers[found.slice(1, -1)] ?? found,
  );
}

/** `usual` with one to three of its fields, or of others, replaced by anything. */
export function bent(usual: object, others: readonly string[] = []): fc.Arbitrary<object> {
  const names = [...Object.keys(usual), ...others, 'unknown_field', '__proto__', 'constructor'];
  return fc
    .dictionary(fc.constantFrom(...names), value, { minKeys: 1, maxKeys: 3 })
    .map((changes) => ({ ...usual, ...changes }));
}

/** The bytes of a good body with something broken in them. */
export function broken(good: object): fc.Arbitrary<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(good));
  const at = fc.nat(bytes.length - 1);
  const put = (inserted: readonly number[]) => (place: number) =>
    Buffer.concat([bytes.subarray(0, place), Buffer.from(inserted), bytes.subarray(place)]);
  const swapped = (place: number, byte: number): Uint8Array => {
    const copy = Buffer.from(bytes);
    copy[place] = byte;
    return copy;
  };
  return fc.oneof(
    at.map((place) => bytes.subarray(0, place)),
    at.map(put([0xff])),
    at.map(put([0xc0, 0xaf])),
    at.map(put([0xed, 0xa0, 0x80])),
    at.map(put([0])),
    fc.tuple(at, fc.nat(255)).map(([place, byte]) => swapped(place, byte)),
    fc.constantFrom(
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
      Buffer.from(bytes.toString(), 'utf16le'),
      Buffer.concat([bytes, bytes]),
      Buffer.from('NaN'),
      Buffer.from("{'single': 'quotes'}"),
      Buffer.from('['.repeat(60_000)),
      Buffer.from(`${'['.repeat(40_000)}${']'.repeat(40_000)}`),
      Buffer.from(`${'{"a":'.repeat(12_000)}1${'}'.repeat(12_000)}`),
    ),
    fc.uint8Array({ maxLength: 40 }),
  );
}

const piece = fc.oneof(
  word.map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom('..', '.', '%2e%2e', '..%2f..%2fetc%2fpasswd', '%', '%ff', '%00', '%0d%0aX:1'),
  fc.constantFrom('detail', 'action', 'v2.1', 'file', 'a'.repeat(5_000), '*', ';', '%c3%28'),
);

/** Below a good path, or beside it. */
export function strangePath(good: string): fc.Arbitrary<string> {
  return fc
    .array(piece, { minLength: 1, maxLength: 4 })
    .map((parts) => `${good}/${parts.join('/')}`);
}

export function strangeQuery(names: readonly string[]): fc.Arbitrary<string> {
  const name = fc.oneof(fc.constantFrom(...names), piece);
  return fc
    .array(fc.tuple(name, piece), { minLength: 1, maxLength: 4 })
    .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'));
}
