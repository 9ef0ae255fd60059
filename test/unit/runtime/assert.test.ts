// Assertions throw AssertionFaults that say what was assumed.
import { expect, it } from 'vitest';

import { assert, AssertionFault, present, unreachable } from '#runtime/assert.ts';

it('a broken assumption throws and says which', () => {
  expect(() => assert(1 + 1 === 3, 'sums are wrong')).toThrow(new AssertionFault('sums are wrong'));
  expect(() => assert(true, 'never')).not.toThrow();
});

it('a value outside an exhaustive switch throws and is shown', () => {
  expect(() => unreachable({ type: 'stray' } as never)).toThrow('unreachable: {"type":"stray"}');
  expect(() => unreachable(undefined as never)).toThrow('unreachable: undefined');
});

it('a missing value throws and names it', () => {
  expect(present(0, 'zero')).toBe(0);
  expect(() => present(undefined, 'the grant')).toThrow('the grant is missing');
});
