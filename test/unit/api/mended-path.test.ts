import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mendPath } from '#api/mended-path.ts';

describe('a path', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/a%20b/%C3%A9', '/a%20b/%C3%A9'],
    ['/%', '/%25'],
    ['/a%2', '/a%252'],
    ['/100%/x', '/100%25/x'],
    ['/%ff', '/%EF%BF%BD'],
    ['/a%2Fb/%ff%2F', '/a%2Fb/%EF%BF%BD%2F'],
    ['/a?q=%ff', '/a?q=%ff'],
    ['/%?q=%', '/%25?q=%'],
  ])('%s becomes %s', (path, mended) => {
    expect(mendPath(path)).toBe(mended);
  });

  it('can be decoded afterwards, is left alone if it could be before, and keeps its parts', () => {
    const part = fc.string({ unit: fc.constantFrom('%', 'a', 'F', '2', '0', '.', '/', 'C3', '?') });
    fc.assert(
      fc.property(part, (text) => {
        const path = `/${text}`;
        const [before = ''] = path.split('?');
        const [after = ''] = mendPath(path).split('?');
        expect(() => decodeURIComponent(after)).not.toThrow();
        expect(after.split('/').length).toBe(before.split('/').length);
        expect(mendPath(mendPath(path))).toBe(mendPath(path));
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});
