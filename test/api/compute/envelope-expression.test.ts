// Regular expressions in list filters: what they mean, and that none takes long.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '#api/compute/expression.ts';

const matches = (pattern: string, text: string): boolean | undefined =>
  compileExpression(pattern)?.matches(text);

describe('a filter expression', () => {
  it.each<[string, string, boolean]>([
    ['web', 'my-Web-1', true],
    ['^web', 'my-web', false],
    ['web$', 'my-web', true],
    ['^web$', 'web', true],
    ['', 'anything', true],
    ['^bench-[0-9]+$', 'bench-17', true],
    ['^bench-[0-9]+$', 'bench-x', false],
    ['a.c', 'abc', true],
    ['a\\.c', 'abc', false],
    ['10\\.0\\.0\\.1', '10.0.0.1', true],
    ['(one|two){2}', 'onetwo', true],
    ['^(?:a|b)*$', 'abba', true],
    ['^a{2,3}$', 'a', false],
    ['^a{2,3}$', 'aaa', true],
    ['^a{2,}$', 'aaaaa', true],
    ['^[^a-c]+$', 'xyz', true],
    ['^[^a-c]+$', 'xaz', false],
    ['^[]a]+$', ']a', true],
    ['^[a-]+$', 'a-a', true],
    ['\\d\\d', 'a1b22', true],
    ['^\\w+\\s\\w+$', 'two words', true],
    ['^\\W+$', '--', true],
    ['colou?r', 'COLOR', true],
    ['^.{3}$', '🚀🚀🚀', true],
    ['a+?b', 'aab', true],
    ['x*', '', true],
    ['{', 'a{', true],
    ['a|', 'b', true],
  ])('%j on %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it.each(['(', ')', '[', 'a**', '*', '+a', '(?=a)', '(?<n>a)', '\\1', '\\', '[b-a]', 'a{3,2}'])(
    '%j is none',
    (pattern) => {
      expect(compileExpression(pattern)).toBeUndefined();
    },
  );

  it.each(['((a{200}){200}){200}', 'a'.repeat(513), `${'('.repeat(60)}a${')'.repeat(60)}`])(
    'is refused when it is too large',
    (pattern) => {
      expect(compileExpression(pattern)).toBeUndefined();
    },
  );

  it.each<[string, boolean]>([
    ['(a+)+$', false],
    ['(a|a)*$', true],
    ['(a*)*b', false],
    ['(.*a){20}', true],
    ['a*a*a*a*a*a*a*a*b', false],
    ['^(([a-z])+.)+[A-Z]$', false],
  ])('%j ends, though a backtracking engine would not', (pattern, expected) => {
    expect(matches(pattern, `${'a'.repeat(255)}!`)).toBe(expected);
  });

  it('means what the language means by it', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(ab)*', '(a*|b)+', 'b?');
    const pattern = fc.array(atom, { minLength: 1, maxLength: 5 }).map((atoms) => atoms.join(''));
    const anchored = fc.tuple(fc.constantFrom('', '^'), pattern, fc.constantFrom('', '$'));
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 });
    fc.assert(
      fc.property(anchored, text, (parts, characters) => {
        const [expression, word] = [parts.join(''), characters.join('')];
        expect(matches(expression, word)).toBe(new RegExp(expression, 'iu').test(word));
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});
