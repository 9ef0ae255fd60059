// What is wrong with a fuzzed request: one fault of a named kind, put into a good body, path, query, head or encoding.
// Pure but for the chance that it is given.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';

type Path = readonly (string | number)[];
type Bend = (value: unknown, random: SeededRandom) => unknown;

const DEEP = 200;
/** Numbers that JSON.stringify can't write, by their stand-ins. */
const writtenOut: Readonly<Record<string, string>> = {
  '@beyond@': '1e999',
  '@long@': '9'.repeat(400),
  '@minus@': '-1e400',
  '@exact@': '9007199254740993',
  '@tiny@': '1e-400',
};

const strangeTexts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e',
  '\r\nx: y',
  '../../etc/passwd',
  "' OR 1=1 --",
  '%s%n',
  '<&"\'>',
  '💥'.repeat(64),
  'None',
  '-1',
  '0x10',
  '1e3',
  '١٢٣',
] as const;

const strangeNumbers = [-1, 0, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1e308, Number.MIN_VALUE];

/** Each changes one place of a body. */
const bends: Readonly<Record<string, Bend>> = {
  'wrong type': (_value, random) =>
    random.pick<unknown>([null, true, [], {}, 17, 'word', [[]], [null], { a: 1 }, -0.5]),
  'too long': (_value, random) => 'x'.repeat(random.pick([256, 300, 2_000, 70_000])),
  'strange text': (_value, random) => random.pick(strangeTexts),
  'huge number': (_value, random) =>
    random.pick<unknown>([...strangeNumbers, ...Object.keys(writtenOut)]),
  'deep nesting': (_value, random) => nested(random.pick([DEEP, 20]), random.chance(0.5)),
  'many members': (_value, random) =>
    random.chance(0.5)
      ? Array.from({ length: 2_000 }, (_, index) => index)
      : Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, 'v'])),
  twice: (value) => [value, value],
};

/** Each changes the members of one object of a body. */
const memberBends: Readonly<Record<string, Bend>> = {
  missing: (value, random) => {
    const entries = Object.entries(value as object);
    entries.splice(random.below(entries.length), 1);
    return Object.fromEntries(entries);
  },
  extra: (value, random) => withOwn(value, `unknown_${random.below(9)}`, random.pick([1, 'x', {}])),
  'a name of the language': (value, random) =>
    withOwn(
      value,
      random.pick(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '']),
      random.pick<unknown>([{ isAdmin: true }, null, 'x', ['a']]),
    ),
  'a strange name': (value, random) => withOwn(value, random.pick(strangeTexts), 'x'),
  renamed: (value, random) => {
    const entries = Object.entries(value as object);
    const index = random.below(entries.length);
    return Object.fromEntries(
      entries.map(([name, each], at) => [at === index ? name.toUpperCase() : name, each]),
    );
  },
};

export const bodyFaults: readonly string[] = [...Object.keys(bends), ...Object.keys(memberBends)];

/** `body` with the fault at a place of chance. */
export function bendBody(body: unknown, fault: string, random: SeededRandom): unknown {
  const all = [...placesIn(body)];
  const bend = bends[fault];
  if (bend !== undefined) return changed(body, random.pick(all), (value) => bend(value, random));
  const objects = all.filter((path) => isFilled(at(body, path)));
  const memberBend = memberBends[fault];
  if (objects.length === 0 || memberBend === undefined) return body;
  return changed(body, random.pick(objects), (value) => memberBend(value, random));
}

/** JSON with the stand-ins written out. */
export function jsonText(body: unknown): string {
  return (JSON.stringify(body) ?? '').replaceAll(
    /"@\w+@"/g,
    (found) => writtenOut[found.slice(1, -1)] ?? found,
  );
}

const marks: Readonly<Record<string, readonly number[]>> = {
  'a byte that is not UTF-8': [0xff],
  'an overlong form': [0xc0, 0xaf],
  'half a surrogate pair': [0xed, 0xa0, 0x80],
  'a zero byte': [0],
};

const encodings: Readonly<Record<string, (bytes: Buffer, random: SeededRandom) => Uint8Array>> = {
  ...Object.fromEntries(
    Object.entries(marks).map(([name, mark]) => [
      name,
      (bytes: Buffer, random: SeededRandom) => {
        const place = random.below(bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, place), Buffer.from(mark), bytes.subarray(place)]);
      },
    ]),
  ),
  'cut off': (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  'UTF-16': (bytes) => Buffer.from(bytes.toString(), 'utf16le'),
  'a byte order mark': (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
  'said twice': (bytes) => Buffer.concat([bytes, bytes]),
  'not JSON': (_bytes, random) =>
    Buffer.from(random.pick(['NaN', "{'a': 1}", '', '<a/>', 'a=b&c=d', 'undefined', '[1,]'])),
  'brackets only': (_bytes, random) => Buffer.from(random.pick(['[', '{"a":']).repeat(5_000)),
  'any bytes': (_bytes, random) => random.bytes(random.below(64)),
};

export const encodingFaults: readonly string[] = Object.keys(encodings);

export function breakBytes(text: string, fault: string, random: SeededRandom): Uint8Array {
  const encode = encodings[fault];
  if (encode === undefined) throw new Error(`no such fault: ${fault}`);
  return encode(Buffer.from(text), random);
}

function nested(depth: number, asList: boolean): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = asList ? [value] : { a: value };
  return value;
}

/** As an own member, which `__proto__` in a literal would not be. */
function withOwn(value: unknown, name: string, member: unknown): object {
  const copy = { ...(value as object) };
  Object.defineProperty(copy, name, {
    value: member,
    enumerable: true,
    writable: true,
    configurable: true,
  });
  return copy;
}

function isFilled(value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.keys(value).length > 0;
}

function* placesIn(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, each] of Object.entries(value))
    yield* placesIn(each, [...path, Array.isArray(value) ? Number(name) : name]);
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) => (inner as Readonly<Record<string, unknown>>)[step],
    value,
  );
}

function changed(value: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((each: unknown, index) =>
      index === step ? changed(each, rest, change) : each,
    );
  return Object.fromEntries(
    Object.entries(value as object).map(([name, each]) => [
      name,
      name === step ? changed(each, rest, change) : (each as unknown),
    ]),
  );
}
