// A link on a wire of the test's own: what counts as a frame, what has no effect, and what ends the link.
import { beforeEach, describe, expect, it } from 'vitest';

import { encodeFrame, noSession, seqOf } from '#runtime/transport/frame.ts';
import {
  decodeItems,
  encodeAnswer,
  encodeAsk,
  encodeGreeting,
  encodeTell,
  pingItem,
  type Greeting,
} from '#runtime/transport/items.ts';
import { defaultLimits } from '#runtime/transport/limits.ts';
import { Link, type LinkEnd } from '#runtime/transport/link.ts';
import type { Hello, Lane, Message, Received, TransportFault } from '#runtime/transport/port.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const theirs = new Uint8Array([9, 9, 9, 9, 9, 9, 9, 9]);
const message = (body: unknown): Message => ({ type: 'test.thing', version: 1, body });

let env: VirtualEnv;
let link: Link;
let heard: Received[];
let ends: LinkEnd[];
let ups: Hello[];
let sent: [Lane, Uint8Array][];
let isOpen: boolean;
/** What their frames have to carry, as our greeting says. */
let ours: Uint8Array;

const frame = (seq: number, items: readonly Uint8Array[], session: Uint8Array = ours) =>
  encodeFrame(session, seq, items).subarray(4);
const greeting = (change: Partial<Greeting> = {}): Uint8Array =>
  frame(
    0,
    [
      encodeGreeting({
        member: 'peer',
        incarnation: 1,
        oldest: 1,
        newest: 1,
        session: theirs,
        ...change,
      }),
    ],
    noSession,
  );
const greet = (): void => {
  link.received('control', greeting());
  link.received('bulk', greeting());
};
const itemsSent = () =>
  sent
    .map(([, bytes]) => bytes.subarray(4))
    .filter((bytes) => seqOf(bytes) !== 0)
    .flatMap((bytes) => decodeItems(bytes.subarray(14)));

beforeEach(() => {
  env = createVirtualEnv({ seed: 'link' });
  [heard, ends, ups, sent, isOpen] = [[], [], [], [], true];
  link = new Link({
    env,
    wire: {
      peer: 'peer',
      isDialled: true,
      send: (lane, bytes) => {
        sent.push([lane, bytes]);
        return isOpen;
      },
      cut: () => undefined,
    },
    self: 'me',
    incarnation: 5,
    limits: defaultLimits,
    gather: (fn) => void env.timers.soon(fn),
    handler: (received) => {
      heard.push(received);
      return received.body;
    },
    onUp: (_, hello) => void ups.push(hello),
    onEnd: (_, end) => void ends.push(end),
  });
  link.greet();
  const [item] = decodeItems((sent[0]?.[1] ?? new Uint8Array()).subarray(4 + 14));
  if (item?.kind !== 'greeting') throw new Error('no greeting was sent');
  ours = item.greeting.session;
});

describe('a link', () => {
  it('greets on both lanes, and is up when the other side has done so', () => {
    expect(sent.map(([lane]) => lane)).toEqual(['control', 'bulk']);
    link.received('control', greeting());
    expect(ups).toEqual([]);
    link.received('bulk', greeting());
    expect(ups).toEqual([{ member: 'peer', incarnation: 1, protocol: 1 }]);
  });

  it.each([
    [
      'in the name of another member',
      { member: 'other' },
      'it sent a greeting in the name of other',
    ],
    [
      'of a later protocol',
      { oldest: 2, newest: 3 },
      'it sent it speaks protocol 2 to 3, this release 1 to 1; bring both to releases that share one',
    ],
  ])('a greeting %s ends it', (_, change, reason) => {
    link.received('control', greeting(change));
    expect(ends).toEqual([{ reason, isFoul: true }]);
  });

  it('a release that also speaks later protocols agrees on ours', () => {
    link.received('control', greeting({ newest: 7 }));
    link.received('bulk', greeting({ newest: 7 }));
    expect(ups[0]?.protocol).toBe(1);
  });

  it.each([
    ['a message before the greeting', () => frame(1, [encodeTell(message(1))])],
    ['a frame too short to be one', () => new Uint8Array(14)],
    ['something else than a greeting', () => frame(0, [pingItem], noSession)],
  ])('%s ends it', (what, make) => {
    link.received('control', make());
    expect(ends).toEqual([{ reason: `it sent ${what}`, isFoul: true }]);
  });

  it('messages between the two greetings of a peer wait for the second', () => {
    link.received('control', greeting());
    link.received('control', frame(1, [encodeTell(message('early'))]));
    expect(heard).toEqual([]);
    link.received('bulk', greeting());
    expect(heard.map(({ body }) => body)).toEqual(['early']);
  });

  it('a repeated frame, an older one, a repeated greeting and one of another session have no effect', () => {
    greet();
    const first = frame(1, [encodeTell(message(1))]);
    link.received('control', first);
    link.received('control', frame(2, [encodeTell(message(2))]));
    link.received('control', first);
    link.received('control', frame(2, [encodeTell(message('forged'))]));
    link.received('control', greeting({ incarnation: 77 }));
    link.received('control', frame(3, [encodeTell(message('foreign'))], new Uint8Array(8)));
    link.received('control', frame(3, [encodeTell(message(3))]));
    expect(heard.map(({ body }) => body)).toEqual([1, 2, 3]);
    expect([ends, ups.length]).toEqual([[], 1]);
  });

  it('lanes count for themselves', () => {
    greet();
    link.received('control', frame(1, [encodeTell(message('control'))]));
    link.received('bulk', frame(1, [encodeTell(message('bulk'))]));
    expect(heard.map(({ lane, body }) => [lane, body])).toEqual([
      ['control', 'control'],
      ['bulk', 'bulk'],
    ]);
  });

  it('a gap ends it: frames were lost', () => {
    greet();
    link.received('bulk', frame(3, [encodeTell(message('after a gap'))]));
    expect(heard).toEqual([]);
    expect(ends).toEqual([{ reason: '2 frames of its bulk lane were lost', isFoul: false }]);
  });

  it('what can’t be read ends it, and nothing of that frame has an effect', () => {
    greet();
    link.received('control', frame(1, [encodeTell(message(1)), new Uint8Array([0xc1])]));
    expect(heard).toEqual([]);
    expect(ends[0]?.isFoul).toBe(true);
    expect(ends[0]?.reason).toMatch(/^it sent a frame that can't be read: /);
  });

  it('an answer to a question that was not asked has no effect', () => {
    greet();
    link.received('control', frame(1, [encodeAnswer(99, 'unasked')]));
    expect(ends).toEqual([]);
  });

  it('every question gets an answer or a refusal of its number', async () => {
    greet();
    link.received(
      'control',
      frame(1, [encodeAsk(4, message('four')), encodeAsk(5, message('five'))]),
    );
    await env.settle();
    expect(itemsSent()).toEqual([
      { kind: 'answer', id: 4, value: 'four' },
      { kind: 'answer', id: 5, value: 'five' },
    ]);
  });

  it('what was not sent yet when it ends is `unreachable`, what was is `disconnected`', async () => {
    greet();
    const codes: string[] = [];
    const ask = (): void => {
      link.ask(message(1), { deadlineMs: 60_000 }).catch((fault: TransportFault) => {
        codes.push(fault.code);
      });
    };
    ask();
    isOpen = false;
    await env.settle();
    ask();
    await env.settle();
    link.broken('gone');
    await env.settle();
    expect(codes).toEqual(['disconnected', 'unreachable']);
  });

  it('pings when it has nothing else to say, and ends after three pulses of silence', async () => {
    greet();
    link.pulse();
    await env.settle();
    expect(itemsSent()).toEqual([{ kind: 'ping' }]);
    link.pulse();
    link.received('control', frame(1, [pingItem]));
    for (let count = 0; count < 3; count += 1) link.pulse();
    expect(ends).toEqual([]);
    link.pulse();
    expect(ends).toEqual([{ reason: 'no sign of life for 1500 ms', isFoul: false }]);
  });

  it('a lane that takes nothing for half a minute ends it, though the other one lives', async () => {
    greet();
    isOpen = false;
    link.tell(message(1), 'bulk');
    await env.settle();
    isOpen = true;
    for (let count = 0; count <= 60; count += 1) {
      expect(ends).toEqual([]);
      link.received('control', frame(count + 1, [pingItem]));
      link.pulse();
    }
    expect(ends).toEqual([{ reason: 'its bulk lane took nothing for 30000 ms', isFoul: false }]);
  });

  it('deadlines are kept to the millisecond, each its own', async () => {
    greet();
    const overMs: number[] = [];
    for (const deadlineMs of [500, 20, 300, 20, 100])
      link.ask(message(1), { deadlineMs }).catch(() => void overMs.push(env.clock.monotonic()));
    await env.advance(1000);
    expect(overMs).toEqual([20, 20, 100, 300, 500]);
  });

  it('messages of one moment leave as one frame, in order', async () => {
    greet();
    const before = sent.length;
    for (let index = 0; index < 100; index += 1) link.tell(message(index), 'control');
    await env.settle();
    expect(sent.length - before).toBe(1);
    expect(itemsSent()).toEqual(
      Array.from({ length: 100 }, (_, index) => ({ kind: 'tell', message: message(index) })),
    );
  });
});
