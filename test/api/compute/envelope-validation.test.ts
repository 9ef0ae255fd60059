// Request schemas: the first fault in the schema's order, in the words that clients know.
import { describe, expect, it } from 'vitest';
import { ComputeFault } from '#api/compute/envelope.ts';
import { isBase64, isUuidLike, parseIsoTime } from '#api/compute/formats.ts';
import {
  booleanParam,
  metadataParam,
  nameParam,
  positiveInteger,
  tagParam,
} from '#api/compute/parameter-types.ts';
import { reprOf } from '#api/compute/python-words.ts';
import { checkBody, checkQuery, type JsonSchema } from '#api/compute/validation.ts';

function wordsOf(check: () => void): string {
  try {
    check();
  } catch (error) {
    if (error instanceof ComputeFault && error.status === 400) return error.message;
    throw error;
  }
  return 'fine';
}

const server: JsonSchema = {
  type: 'object',
  properties: {
    server: {
      type: 'object',
      properties: {
        name: nameParam,
        count: positiveInteger,
        flag: booleanParam,
        metadata: metadataParam,
        tags: { type: 'array', items: tagParam, maxItems: 2, uniqueItems: true },
        user_data: { type: 'string', format: 'base64', maxLength: 10 },
        nothing: { type: 'null' },
        either: { oneOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] },
      },
      required: ['name'],
      additionalProperties: false,
    },
  },
  required: ['server'],
  additionalProperties: false,
};
const inField = (field: string, value: string, words: string): string =>
  `Invalid input for field/attribute ${field}. Value: ${value}. ${words}`;

describe('a request body', () => {
  it.each<[string, unknown, string]>([
    [
      'fits',
      { server: { name: 'a', count: '2', flag: 'True', tags: ['x'], either: null } },
      'fine',
    ],
    ['is missing', undefined, "None is not of type 'object'"],
    ['is a list', [], "[] is not of type 'object'"],
    ['lacks a top key', {}, "'server' is a required property"],
    [
      'has a strange top key',
      { server: { name: 'a' }, color: 1 },
      "Additional properties are not allowed ('color' was unexpected)",
    ],
    [
      'lacks a field',
      { server: { count: 1 } },
      inField('server', "{'count': 1}", "'name' is a required property"),
    ],
    [
      'has unknown fields',
      { server: { name: 'a', x: 1, y: null } },
      inField(
        'server',
        "{'name': 'a', 'x': 1, 'y': None}",
        "Additional properties are not allowed ('x', 'y' were unexpected)",
      ),
    ],
    ['has an empty name', { server: { name: '' } }, inField('name', '', "'' is too short")],
    [
      'has too long a name',
      { server: { name: 'x'.repeat(256) } },
      inField('name', 'x'.repeat(256), `'${'x'.repeat(256)}' is too long`),
    ],
    ['has a name of 255 astral characters', { server: { name: '🚀'.repeat(255) } }, 'fine'],
    [
      'has a number for a name',
      { server: { name: 5 } },
      inField('name', '5', "5 is not of type 'string'"),
    ],
    [
      'reports the first property in the schema, not in the body',
      { server: { count: 0, name: '' } },
      inField('name', '', "'' is too short"),
    ],
    [
      'has a count too small',
      { server: { name: 'a', count: 0 } },
      inField('count', '0', '0 is less than the minimum of 1'),
    ],
    [
      'has a count too small as text',
      { server: { name: 'a', count: '0' } },
      inField('count', '0', '0 is less than the minimum of 1'),
    ],
    [
      'has a count that is no number',
      { server: { name: 'a', count: '-1' } },
      inField('count', '-1', "'-1' does not match '^[0-9]*$'"),
    ],
    [
      'has a fraction',
      { server: { name: 'a', count: 1.5 } },
      inField('count', '1.5', "1.5 is not of type 'integer', 'string'"),
    ],
    [
      'has no boolean',
      { server: { name: 'a', flag: 'maybe' } },
      inField('flag', 'maybe', `'maybe' is not one of ${reprOf(booleanParam.enum)}`),
    ],
    [
      'has 1 where the word is meant',
      { server: { name: 'a', flag: 1 } },
      inField('flag', '1', "1 is not of type 'boolean', 'string'"),
    ],
    [
      'has a bad metadata key',
      { server: { name: 'a', metadata: { 'a/b': 'c' } } },
      inField(
        'metadata',
        "{'a/b': 'c'}",
        "'a/b' does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'",
      ),
    ],
    [
      'has a bad metadata value',
      { server: { name: 'a', metadata: { key: 1 } } },
      inField('key', '1', "1 is not of type 'string'"),
    ],
    [
      'has __proto__ as a field',
      JSON.parse('{"server": {"name": "a", "__proto__": {"x": 1}}}'),
      inField(
        'server',
        "{'name': 'a', '__proto__': {'x': 1}}",
        "Additional properties are not allowed ('__proto__' was unexpected)",
      ),
    ],
    [
      'has too many items',
      { server: { name: 'a', tags: ['1', '2', '3'] } },
      inField('tags', "['1', '2', '3']", "['1', '2', '3'] is too long"),
    ],
    [
      'has an item twice',
      { server: { name: 'a', tags: ['1', '1'] } },
      inField('tags', "['1', '1']", "['1', '1'] has non-unique elements"),
    ],
    [
      'has a bad item',
      { server: { name: 'a', tags: ['a/b'] } },
      inField('0', 'a/b', "'a/b' does not match '^[^,/]*$'"),
    ],
    [
      'has no base64',
      { server: { name: 'a', user_data: 'a' } },
      inField('user_data', 'a', "'a' is not a 'base64'"),
    ],
    [
      'fits no alternative',
      { server: { name: 'a', either: 'b' } },
      inField('either', 'b', "'b' is not valid under any of the given schemas"),
    ],
  ])('that %s', (_name, body, words) => {
    expect(wordsOf(() => checkBody(server, body))).toBe(words);
  });

  it.each(['\u0000', 'a\u0007b', ' a', 'a ', 'a\tb', 'a\nb', '\u2028', 'a\u200b', '\u00a0a'])(
    'with %j in the name is refused in words of its own',
    (name) => {
      expect(wordsOf(() => checkBody(server, { server: { name } }))).toBe(
        "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
      );
    },
  );

  it.each(['a b', 'ü', '漢字', '🚀', "o'neill", '<b>&amp;</b>', 'a\u00a0b'])(
    'with %j in the name is fine',
    (name) => {
      expect(wordsOf(() => checkBody(server, { server: { name } }))).toBe('fine');
    },
  );

  it('on /v2 loses unknown fields, and nothing else', () => {
    const body = { server: { name: 'a', x: 1, count: '2' }, y: 2 };
    checkBody(server, body, true);
    expect(body).toEqual({ server: { name: 'a', count: '2' } });
  });

  it('on /v2 still refuses bad metadata keys', () => {
    const body = { server: { name: 'a', metadata: { 'a/b': 'c' } } };
    expect(wordsOf(() => checkBody(server, body, true))).toBe(
      inField(
        'metadata',
        "{'a/b': 'c'}",
        "Additional properties are not allowed ('a/b' was unexpected)",
      ),
    );
  });
});

describe('a query string', () => {
  const query: JsonSchema = {
    type: 'object',
    properties: {
      limit: { type: 'array', items: { type: 'string', pattern: '^[0-9]*$' }, maxItems: 1 },
      name: { type: 'array', items: { type: 'string', format: 'regex' } },
    },
    additionalProperties: false,
  };
  it.each<[Record<string, readonly string[]>, string]>([
    [{ limit: ['5'] }, 'fine'],
    [
      { limit: ['-5'] },
      "Invalid input for query parameters limit. Value: -5. '-5' does not match '^[0-9]*$'",
    ],
    [
      { limit: ['1', '2'] },
      "Invalid input for query parameters limit. Value: ['1', '2']. ['1', '2'] is too long",
    ],
    [{ color: ['red'] }, "Additional properties are not allowed ('color' was unexpected)"],
    [{ name: ['('] }, "Invalid input for query parameters name. Value: (. '(' is not a 'regex'"],
  ])('%j: %s', (parameters, words) => {
    expect(wordsOf(() => checkQuery(query, parameters))).toBe(words);
  });
});

describe('formats', () => {
  it.each<[string, number | undefined]>([
    ['2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05.678', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02 03:04:05+01:30', Date.UTC(2026, 0, 2, 1, 34, 5)],
    ['2026-01-02T03:04', Date.UTC(2026, 0, 2, 3, 4)],
    ['2026-01-02', Date.UTC(2026, 0, 2)],
    ['20260102T030405Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2023-02-29', undefined],
    ['2026-13-01', undefined],
    ['2026-01-02T25:00:00', undefined],
    ['yesterday', undefined],
    ['', undefined],
  ])('the moment %j', (text, expected) => {
    expect(parseIsoTime(text)).toBe(expected);
  });

  it.each<[string, boolean]>([
    ['', true],
    ['YQ==', true],
    ['YWI=', true],
    ['YWJj', true],
    ['YWJj\nYWJj', true],
    ['YQ', false],
    ['YQ=', false],
    ['YQ==trailing', true],
    ['a', false],
    ['$$$', true],
  ])('%j as base64: %s', (text, expected) => {
    expect(isBase64(text)).toBe(expected);
  });

  it.each<[string, boolean]>([
    ['70a599e0-31e7-49b7-b260-868f441e862b', true],
    ['70A599E031E749B7B260868F441E862B', true],
    ['{70a599e0-31e7-49b7-b260-868f441e862b}', true],
    ['70a599e0-31e7-49b7-b260-868f441e862', false],
    ['x', false],
  ])('%j as a UUID: %s', (text, expected) => {
    expect(isUuidLike(text)).toBe(expected);
  });

  it('values are spelled as in Python', () => {
    expect(reprOf([null, true, 1.5, "it's", 'a"b\'c', 'ü\n\u0000', { a: [] }])).toBe(
      `[None, True, 1.5, "it's", 'a"b\\'c', 'ü\\n\\x00', {'a': []}]`,
    );
  });
});
