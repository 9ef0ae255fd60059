// A large state is encoded in slices, with a pause in between, and the text is the same as in one go.
import { describe, expect, it } from 'vitest';
import { encodeState, encodeStateInSlices } from '#runtime/journal/codec.ts';

const large = {
  name: 'net "1"',
  missing: undefined,
  none: null,
  ports: {
    size: 4_000,
    buckets: Array.from({ length: 4_000 }, (_, at) => [[`port-${at}`, { mac: 'x'.repeat(200) }]]),
  },
  empty: { list: [], record: {} },
};

describe('a state in slices', () => {
  it('has the text of JSON, and pauses once per slice', async () => {
    let pauses = 0;
    const text = await encodeStateInSlices(large, () => {
      pauses += 1;
      return Promise.resolve();
    });
    expect(text).toBe(encodeState(large));
    expect(pauses).toBe(Math.floor(text.length / (256 * 1024)));
  });

  it.each([[undefined], [null], [7], ['a'], [[]], [{}], [[1, [2, [3, [4, [5, [6]]]]]]]])(
    'of %j is what it is in one go, at once',
    (state) => {
      const pause = (): Promise<void> => Promise.reject(new Error('nothing to pause for'));
      expect(encodeStateInSlices(state, pause)).toBe(encodeState(state));
    },
  );

  it.each([
    ['a list with a hole', { list: [1, undefined] }],
    ['a map', { ports: new Map() }],
    ['no number', { deep: { er: { and: { still: { deeper: Number.NaN } } } } }],
  ])('refuses %s', (_, state) => {
    expect(() => encodeStateInSlices(state, () => Promise.resolve())).toThrow(/plain JSON/);
  });
});
