// Strangers: one question, answered if there is a handler for them, and no more.
import { describe, expect, it } from 'vitest';

import type { Received } from '#runtime/transport/port.ts';

import { faultOf, message, type TransportSubject } from './transport-harness.ts';

export function describeStrangers(subject: TransportSubject): void {
  describe('strangers', () => {
    const deadlineMs = 5000;

    it('get an answer to their question, and no link by it', async () => {
      const alice = await subject.start('alice');
      const newcomer = await subject.start('newcomer', { isListening: false });
      const heard: Received[] = [];
      alice.transport.onStranger((question) => {
        heard.push(question);
        return { welcome: question.body };
      });
      const question = message({ token: 'secret', bytes: new Uint8Array([1, 2]) }, 'join.request');
      const answer = newcomer.transport.askStranger(alice.transport.addresses(), question, {
        deadlineMs,
      });
      expect(await subject.complete(answer, 'an answer')).toEqual({ welcome: question.body });
      expect(heard).toEqual([{ ...question, from: newcomer.transport.self, lane: 'control' }]);
      expect(alice.heard).toEqual([]);
      expect([...alice.events, ...newcomer.events]).toEqual([]);
    });

    it('may ask although they are peers already', async () => {
      const alice = await subject.start('alice');
      const newcomer = await subject.start('newcomer', { isListening: false });
      alice.transport.setPeers([{ id: newcomer.transport.self, addresses: [] }]);
      alice.transport.onStranger(() => 'welcome back');
      const answer = newcomer.transport.askStranger(alice.transport.addresses(), message(1), {
        deadlineMs,
      });
      expect(await subject.complete(answer, 'an answer')).toBe('welcome back');
    });

    it('hear why they are refused', async () => {
      const alice = await subject.start('alice');
      const newcomer = await subject.start('newcomer', { isListening: false });
      alice.transport.onStranger(() => {
        throw new Error('the token has expired; make a new one');
      });
      const fault = await subject.complete(
        faultOf(
          newcomer.transport.askStranger(alice.transport.addresses(), message(1), { deadlineMs }),
        ),
        'the fault',
      );
      expect([fault.code, fault.message]).toEqual([
        'refused',
        'the token has expired; make a new one',
      ]);
    });

    it('get nothing from a member without a handler for them', async () => {
      const alice = await subject.start('alice');
      const newcomer = await subject.start('newcomer', { isListening: false });
      const fault = await subject.complete(
        faultOf(
          newcomer.transport.askStranger(alice.transport.addresses(), message(1), {
            deadlineMs: 3000,
          }),
        ),
        'the fault',
      );
      expect(['unreachable', 'disconnected', 'timeout']).toContain(fault.code);
      expect(alice.heard).toEqual([]);
    });

    it('hear it when nobody is there', async () => {
      const newcomer = await subject.start('newcomer', { isListening: false });
      const alice = await subject.start('alice');
      const addresses = alice.transport.addresses();
      await subject.complete(alice.transport.close(), 'closing');
      const fault = await subject.complete(
        faultOf(newcomer.transport.askStranger(addresses, message(1), { deadlineMs: 2000 })),
        'the fault',
      );
      expect(['unreachable', 'timeout']).toContain(fault.code);
    });
  });
}
