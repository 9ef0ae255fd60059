import { Type } from 'typebox';
import { expect, it } from 'vitest';
import { command, entityKind, event } from '#runtime/message/protocol.ts';
import { isRefusal, refuse } from '#runtime/message/refusal.ts';

it('a refusal is known by its form', () => {
  expect(refuse('too-late')).toEqual({ refused: 'too-late', detail: {} });
  expect(isRefusal(refuse('too-late', { by: 5 }))).toBe(true);
});

it.each([undefined, null, 'refused', 5, {}, { refused: 'x' }, { detail: {} }])(
  '%j is no refusal',
  (value) => {
    expect(isRefusal(value)).toBe(false);
  },
);

it('a kind names its entities', () => {
  const say = command(1, Type.Object({}), Type.Null());
  expect(say.version).toBe(1);
  expect(entityKind('lamp', { 'lamp.say': say }).ref('a')).toEqual({ kind: 'lamp', id: 'a' });
});

it('an event without older versions needs no upcasters', () => {
  expect(event(1, Type.Object({})).upcasters).toEqual({});
});
