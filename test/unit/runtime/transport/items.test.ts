// Items come out as they went in; anything else throws, quickly and without taking much memory.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeValue } from '#runtime/transport/codec.ts';
import {
  decodeItems,
  encodeAnswer,
  encodeAsk,
  encodeGoodbye,
  encodeGreeting,
  encodeRefusal,
  encodeTell,
  pingItem,
} from '#runtime/transport/items.ts';

describe('items', () => {
  it('come out as they went in', () => {
    const message = { type: 'a.b', version: 2, body: { x: [1, null] } };
    const greeting = {
      member: 'm',
      incarnation: 3,
      oldest: 1,
      newest: 4,
      session: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
    };
    const row = Buffer.concat([
      encodeTell(message),
      encodeAsk(7, { ...message, requestId: 'req-1' }),
      encodeAnswer(7, { ok: true }),
      encodeRefusal(8, 'overloaded', 'too much'),
      pingItem,
      encodeGreeting(greeting),
      encodeGoodbye('done'),
    ]);
    expect(decodeItems(row)).toEqual([
      { kind: 'tell', message },
      { kind: 'ask', id: 7, message: { ...message, requestId: 'req-1' } },
      { kind: 'answer', id: 7, value: { ok: true } },
      { kind: 'refusal', id: 8, code: 'overloaded', text: 'too much' },
      { kind: 'ping' },
      { kind: 'greeting', greeting },
      { kind: 'goodbye', reason: 'done' },
    ]);
  });

  it.each([
    ['no array', 1],
    ['an unknown kind', [99]],
    ['a tell without a type', [0, 1, 1, null]],
    ['a tell without a version', [0, 'a.b', 'one', null]],
    ['a request id that is no text', [0, 'a.b', 1, null, 5]],
    ['an ask without a number', [1, 'x', 'a.b', 1, null]],
    ['a number with a fraction', [2, 1.5, null]],
    ['a refusal without words', [3, 1, 'refused', 5]],
    ['a greeting with a short session', [5, 'm', 1, 1, 1, new Uint8Array(7)]],
    ['a greeting without a session', [5, 'm', 1, 1, 1]],
  ])('%s throws', (_, value) => {
    expect(() => decodeItems(encodeValue(value))).toThrow(/an item|a greeting/);
  });

  it('random bytes throw or are items, and nothing worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        let outcome: unknown;
        try {
          outcome = decodeItems(bytes);
        } catch (cause) {
          outcome = cause;
        }
        expect(outcome instanceof Error || Array.isArray(outcome)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['arrays within arrays', Buffer.alloc(1024 ** 2, 0x91)],
    ['an array of four thousand million', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['many arrays that promise a million', manyPromises()],
    ['a map of four thousand million', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff, 0xa0])],
    ['a text of four thousand million', Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x61])],
  ])('%s: refused at once', (_, bytes) => {
    const before = process.memoryUsage().rss;
    expect(() => decodeItems(bytes)).toThrow(/./);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
    expect(decodeItems(pingItem), 'the next one is read as ever').toEqual([{ kind: 'ping' }]);
  });

  it('no key of a peer reaches a prototype', () => {
    const body = JSON.parse('{"__proto__": {"polluted": true}}') as unknown;
    const [item] = decodeItems(encodeTell({ type: 'a.b', version: 1, body }));
    expect(item?.kind).toBe('tell');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

function manyPromises(): Buffer {
  const promise = Buffer.from([0xdd, 0x00, 0x0f, 0x42, 0x40]);
  return Buffer.concat(Array.from({ length: 200_000 }, () => promise));
}
