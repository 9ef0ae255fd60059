// Messages: they arrive once, in order, unchanged, from whom the link says; questions get one outcome.
import { describe, expect, it } from 'vitest';

import {
  faultOf,
  link,
  message,
  type StartedMember,
  type StartOptions,
  type TransportSubject,
} from './transport-harness.ts';

const mebibyte = 1024 ** 2;

export function describeMessages(subject: TransportSubject): void {
  const pair = async (
    options: StartOptions = {},
    askerOptions: StartOptions = {},
  ): Promise<readonly [StartedMember, StartedMember]> => {
    const alice = await subject.start('alice', askerOptions);
    const bob = await subject.start('bob', options);
    await link(subject, alice, bob);
    return [alice, bob];
  };

  describe('messages', () => {
    it('arrive as they were sent, from whom the link says', async () => {
      const [alice, bob] = await pair();
      const sent = { ...message({ deep: [1, 'two'] }), version: 7, requestId: 'req-1' };
      expect(alice.transport.tell(bob.transport.self, sent)).toBe(true);
      expect(alice.transport.tell(bob.transport.self, message('large'), 'bulk')).toBe(true);
      await subject.until(() => bob.heard.length === 2, 'two messages');
      const from = alice.transport.self;
      const byLane = [...bob.heard].sort((one, other) => (one.lane < other.lane ? 1 : -1));
      expect(byLane).toEqual([
        { ...sent, from, lane: 'control' },
        { ...message('large'), from, lane: 'bulk' },
      ]);
    });

    it('come in order on each lane, every one of them once', async () => {
      const [alice, bob] = await pair();
      const count = 2000;
      for (let index = 0; index < count; index += 1)
        for (const lane of ['control', 'bulk'] as const)
          expect(alice.transport.tell(bob.transport.self, message(index), lane)).toBe(true);
      await subject.until(() => bob.heard.length >= 2 * count, 'all messages');
      const wanted = Array.from({ length: count }, (_, index) => index);
      for (const lane of ['control', 'bulk'] as const)
        expect(bob.heard.filter((one) => one.lane === lane).map((one) => one.body)).toEqual(wanted);
    });

    it('plain values come out as they went in', async () => {
      const [alice, bob] = await pair();
      const body = {
        nothing: null,
        numbers: [0, -1, 1.5, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53) + 1, 1e300, -1e-300],
        odd: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        big: 2n ** 63n - 1n,
        text: ['', 'Grüße, 世界 🌍 \u0000 "quoted" \\', 'x'.repeat(100_000)],
        bytes: new Uint8Array([0, 255, 128]),
        empty: { list: [], map: {}, bytes: new Uint8Array() },
        flags: [true, false],
        deep: { a: { b: { c: { d: [[[{ e: null }]]] } } } },
      };
      const deadlineMs = 5000;
      const question = alice.transport.ask(bob.transport.self, message(body), { deadlineMs });
      expect(await subject.complete(question, 'an answer')).toEqual(body);
      expect(bob.heard[0]?.body).toEqual(body);
      const partly = { kept: 1, missing: undefined };
      const other = alice.transport.ask(bob.transport.self, message(partly), { deadlineMs });
      expect(await subject.complete(other, 'an answer')).toEqual({ kept: 1 });
      const { bytes } = (bob.heard[0]?.body ?? {}) as typeof body;
      expect(bytes.buffer.byteLength, 'bytes hold no larger buffer').toBeLessThan(100_000);
    });

    it('later changes of the sender’s or the receiver’s objects change nothing at the other', async () => {
      const [alice, bob] = await pair();
      const body = { list: [1] };
      alice.transport.tell(bob.transport.self, message(body));
      body.list.push(2);
      await subject.until(() => bob.heard.length === 1, 'the message');
      expect(bob.heard[0]?.body).toEqual({ list: [1] });
      const got = bob.heard[0]?.body as typeof body;
      got.list.push(3);
      expect(body.list).toEqual([1, 2]);
    });

    it('a tell whose handler fails is logged, and the link stays', async () => {
      const handler = (received: { readonly body: unknown }): unknown => {
        if (received.body === 'bad') throw new Error('no such thing');
        return received.body;
      };
      const [alice, bob] = await pair({ handler });
      alice.transport.tell(bob.transport.self, message('bad'));
      await subject.until(() => bob.log.some((line) => line.level === 'error'), 'the log line');
      const question = alice.transport.ask(bob.transport.self, message('good'), {
        deadlineMs: 5000,
      });
      expect(await subject.complete(question, 'an answer')).toBe('good');
      expect(alice.events.map((event) => event.type)).toEqual(['up']);
    });

    it('a large bulk message does not hold up control', async () => {
      const [alice, bob] = await pair();
      const order: string[] = [];
      const part = new Uint8Array(mebibyte);
      const parts = 15;
      for (let index = 0; index < parts; index += 1)
        expect(alice.transport.tell(bob.transport.self, message(part, 'test.bulk'), 'bulk')).toBe(
          true,
        );
      const question = alice.transport
        .ask(bob.transport.self, message('small'), { deadlineMs: 5000 })
        .then(() => void order.push(`answer after ${bob.heard.length - 1} parts`));
      await subject.complete(question, 'an answer');
      await subject.until(() => bob.heard.length === parts + 1, 'the bulk');
      expect(order).toHaveLength(1);
      expect(order).not.toEqual([`answer after ${parts} parts`]);
    });
  });

  describe('questions', () => {
    const deadlineMs = 5000;

    it('are answered with what the handler returns or promises', async () => {
      const [alice, bob] = await pair({
        handler: ({ body }) => (body === 'later' ? Promise.resolve('promised') : { got: body }),
      });
      const { self } = bob.transport;
      const ask = (body: unknown, lane?: 'bulk') =>
        alice.transport.ask(self, message(body), {
          deadlineMs,
          ...(lane === undefined ? {} : { lane }),
        });
      const answers = Promise.all([ask('now'), ask('later'), ask('now', 'bulk')]);
      expect(await subject.complete(answers, 'answers')).toEqual([
        { got: 'now' },
        'promised',
        { got: 'now' },
      ]);
    });

    it('find their own answers, also when these come in another order', async () => {
      const held: (() => void)[] = [];
      const [alice, bob] = await pair({
        handler: ({ body }) =>
          new Promise((resolve) => void held.push(() => resolve(`answer to ${String(body)}`))),
      });
      const questions = [1, 2, 3].map((body) =>
        alice.transport.ask(bob.transport.self, message(body), { deadlineMs }),
      );
      await subject.until(() => held.length === 3, 'three questions');
      for (const release of held.reverse()) release();
      const answers = await subject.complete(Promise.all(questions), 'answers');
      expect(answers).toEqual(['answer to 1', 'answer to 2', 'answer to 3']);
    });

    it('go both ways at the same time', async () => {
      const [alice, bob] = await pair();
      const answers = Promise.all([
        alice.transport.ask(bob.transport.self, message('to bob'), { deadlineMs }),
        bob.transport.ask(alice.transport.self, message('to alice'), { deadlineMs }),
      ]);
      expect(await subject.complete(answers, 'answers')).toEqual(['to bob', 'to alice']);
    });

    it('reject `refused` with the words of a handler that throws or rejects', async () => {
      const [alice, bob] = await pair({
        handler: ({ body }) => {
          const error = new Error(`no ${String(body)} here`);
          if (body === 'apples') throw error;
          return Promise.reject(error);
        },
      });
      for (const body of ['apples', 'pears']) {
        const fault = await subject.complete(
          faultOf(alice.transport.ask(bob.transport.self, message(body), { deadlineMs })),
          'the fault',
        );
        expect([fault.code, fault.message]).toEqual(['refused', `no ${body} here`]);
        expect(fault.isOutcomeUnknown).toBe(false);
      }
    });

    it('reject `timeout` after their deadline, and a late answer has no effect', async () => {
      const held: (() => void)[] = [];
      const [alice, bob] = await pair({
        handler: ({ body }) =>
          body === 'slow' ? new Promise<void>((resolve) => void held.push(resolve)) : body,
      });
      const { self } = bob.transport;
      const slow = faultOf(alice.transport.ask(self, message('slow'), { deadlineMs: 50 }));
      const fault = await subject.complete(slow, 'the fault');
      expect([fault.code, fault.isOutcomeUnknown]).toEqual(['timeout', true]);
      expect(fault.message).toContain('has not answered test.thing within 50 ms');
      for (const release of held) release();
      const next = alice.transport.ask(self, message('next'), { deadlineMs });
      expect(await subject.complete(next, 'an answer')).toBe('next');
    });

    it('reject `unreachable` without a link', async () => {
      const alice = await subject.start('alice');
      const asked = faultOf(alice.transport.ask(subject.idOf('bob'), message(1), { deadlineMs }));
      const fault = await subject.complete(asked, 'the fault');
      expect([fault.code, fault.isOutcomeUnknown]).toEqual(['unreachable', false]);
      expect(alice.transport.tell(subject.idOf('bob'), message(1))).toBe(false);
    });

    it('reject `disconnected` when the link ends before the answer', async () => {
      const [alice, bob] = await pair({ handler: () => new Promise(() => undefined) });
      const asked = faultOf(
        alice.transport.ask(bob.transport.self, message(1), { deadlineMs: 60_000 }),
      );
      await subject.until(() => bob.heard.length === 1, 'the question');
      await subject.complete(bob.transport.close(), 'closing');
      const fault = await subject.complete(asked, 'the fault');
      expect([fault.code, fault.isOutcomeUnknown]).toEqual(['disconnected', true]);
    });

    it('reject `overloaded` when too many are in flight, and nothing was sent', async () => {
      const held: (() => void)[] = [];
      const [alice, bob] = await pair(
        { handler: () => new Promise<void>((resolve) => void held.push(resolve)) },
        { limits: { asksInFlight: 5 } },
      );
      const { self } = bob.transport;
      const ask = () => alice.transport.ask(self, message(1), { deadlineMs: 60_000 });
      const asked = Promise.all(Array.from({ length: 5 }, ask));
      const fault = await subject.complete(faultOf(ask()), 'the fault');
      expect([fault.code, fault.isOutcomeUnknown]).toEqual(['overloaded', false]);
      await subject.until(() => held.length === 5, 'five questions');
      for (const release of held) release();
      await subject.complete(asked, 'five answers');
      expect(bob.heard).toHaveLength(5);
    });

    it('reject `overloaded` when the peer has too many in hand', async () => {
      const held: (() => void)[] = [];
      const [alice, bob] = await pair({
        handler: () => new Promise<void>((resolve) => void held.push(resolve)),
        limits: { messagesInHand: 5 },
      });
      const ask = () => alice.transport.ask(bob.transport.self, message(1), { deadlineMs: 60_000 });
      const asked = Promise.all(Array.from({ length: 5 }, ask));
      const fault = await subject.complete(faultOf(ask()), 'the fault');
      expect(fault.code).toBe('overloaded');
      expect(held).toHaveLength(5);
      for (const release of held) release();
      await subject.complete(asked, 'five answers');
    });

    it('more unsent bytes than the bound are refused, and after they left more are taken', async () => {
      const unsentBytes = { control: 4 * mebibyte, bulk: 4 * mebibyte };
      const [alice, bob] = await pair({}, { limits: { unsentBytes } });
      const part = message(new Uint8Array(mebibyte / 2));
      const { self } = bob.transport;
      const taken = Array.from({ length: 20 }, () => alice.transport.tell(self, part, 'bulk'));
      const count = taken.indexOf(false);
      expect(count).toBeGreaterThanOrEqual(4);
      expect(taken.slice(count)).toEqual(taken.slice(count).map(() => false));
      const asked = faultOf(alice.transport.ask(self, part, { deadlineMs, lane: 'bulk' }));
      expect((await asked).code).toBe('overloaded');
      await subject.until(() => bob.heard.length === count, 'what was taken');
      const again = alice.transport.ask(self, message('more'), { deadlineMs, lane: 'bulk' });
      expect(await subject.complete(again, 'an answer')).toBe('more');
      expect(bob.heard).toHaveLength(count + 1);
    });

    it('a message larger than a frame of its lane is refused in words, and the link stays', async () => {
      const [alice, bob] = await pair({
        handler: ({ body }) => (body === 'much' ? new Uint8Array(2 * mebibyte) : body),
      });
      const { self } = bob.transport;
      const large = message(new Uint8Array(mebibyte + 1));
      expect(() => alice.transport.tell(self, large)).toThrow(
        /test\.thing has \d+ bytes, and the control lane takes at most 1048576/,
      );
      const fault = await faultOf(alice.transport.ask(self, large, { deadlineMs }));
      expect(fault.code).toBe('refused');
      const answer = faultOf(alice.transport.ask(self, message('much'), { deadlineMs }));
      expect((await subject.complete(answer, 'the fault')).message).toContain(
        'larger than a frame',
      );
      const bulk = alice.transport.ask(self, large, { deadlineMs, lane: 'bulk' });
      expect(await subject.complete(bulk, 'an answer')).toEqual(large.body);
      expect(alice.events.map((event) => event.type)).toEqual(['up']);
    });
  });
}
