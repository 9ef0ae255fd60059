import { Type } from 'typebox';
import { expect, it } from 'vitest';
import { checkConfig, ConfigFault } from '#runtime/config/check.ts';

const closed = { additionalProperties: false } as const;
const schema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    lamp: Type.Object({ watt: Type.Integer({ minimum: 1 }) }, closed),
    colour: Type.Unsafe<'red' | 'blue'>(Type.String({ enum: ['red', 'blue'] })),
  },
  closed,
);

function faultsOf(value: unknown): readonly string[] {
  try {
    checkConfig(schema, value, 'the test');
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
    throw error;
  }
  return [];
}

it('a sound configuration is the value itself', () => {
  const sound = { name: 'a', lamp: { watt: 5 }, colour: 'red' };
  expect(checkConfig(schema, sound, 'the test')).toBe(sound);
});

it('every fault is told at once: where, what is wanted, what is there', () => {
  expect(faultsOf({ name: '', lamp: { watt: 0 }, colour: 'green' })).toEqual([
    'name must not have fewer than 1 characters, but is ""',
    'lamp.watt must be >= 1, but is 0',
    'colour must be one of red, blue, but is "green"',
  ]);
});

it('a setting that is not known is named', () => {
  const value = { name: 'a', lamp: { watt: 5, hue: 3 }, colour: 'red', shade: 'tall' };
  expect(faultsOf(value)).toEqual([
    'shade is not a known setting, but is "tall"',
    'lamp.hue is not a known setting, but is 3',
  ]);
});

it('a value of another kind altogether is told', () => {
  expect(faultsOf('a lamp')).toEqual(['the whole must be object, but is "a lamp"']);
  expect(faultsOf(undefined)).toEqual(['the whole must be object']);
});

it('what is there is shown up to 80 characters', () => {
  const [fault = ''] = faultsOf({ name: 5, lamp: { watt: 1 }, colour: 'x'.repeat(500) }).slice(-1);
  expect(fault).toBe(`colour must be one of red, blue, but is "${'x'.repeat(79)}`);
});

it('the words begin with the source and count the faults', () => {
  expect(() => checkConfig(schema, { name: 'a', colour: 'red' }, 'the test')).toThrow(
    /^the test has a fault:\n {2}- /,
  );
  expect(() => checkConfig(schema, { name: 5, lamp: 6 }, 'the test')).toThrow(
    /^the test has 3 faults:\n/,
  );
});
