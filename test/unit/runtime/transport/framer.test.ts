// However a stream of bytes is cut into chunks, the same frames come out; lengths out of bounds are found at once.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Framer } from '#runtime/transport/framer.ts';

function framed(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length, 0);
      return [length, frame];
    }),
  );
}

describe('framer', () => {
  it('gives the same frames however the bytes are cut', () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 12 });
    const cuts = fc.array(fc.nat(400), { maxLength: 30 });
    fc.assert(
      fc.property(frames, cuts, (sent, places) => {
        const got: string[] = [];
        const framer = new Framer({
          leastBytes: 1,
          mostBytes: 40,
          onFrame: (frame) => void got.push(Buffer.from(frame).toString('hex')),
        });
        const bytes = framed(sent);
        const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length];
        let start = 0;
        for (const end of ends.sort((one, other) => one - other)) {
          framer.push(bytes.subarray(start, end));
          start = end;
        }
        expect(got).toEqual(sent.map((frame) => Buffer.from(frame).toString('hex')));
      }),
    );
  });

  it.each([
    ['too long', Buffer.from([0, 0, 0, 41]), 'a frame of 41 bytes, where 2 to 40 are allowed'],
    ['too short', Buffer.from([0, 0, 0, 1]), 'a frame of 1 bytes, where 2 to 40 are allowed'],
    ['absurd', Buffer.alloc(4, 255), 'a frame of 4294967295 bytes, where 2 to 40 are allowed'],
  ])('a length that is %s throws, in one piece or byte by byte', (_, bytes, words) => {
    const create = (): Framer =>
      new Framer({ leastBytes: 2, mostBytes: 40, onFrame: () => expect.unreachable() });
    expect(() => create().push(bytes)).toThrow(words);
    const framer = create();
    expect(() => {
      for (const byte of bytes) framer.push(Buffer.from([byte]));
    }).toThrow(words);
  });
});
