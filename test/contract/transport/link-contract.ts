// Links: who gets one, what both sides hear of it, how it ends, and that it comes back.
import { describe, expect, it } from 'vitest';

import {
  faultOf,
  link,
  linked,
  message,
  peerOf,
  type StartedMember,
  type TransportSubject,
} from './transport-harness.ts';

export function describeLinks(subject: TransportSubject): void {
  describe('links', () => {
    it('come up between peers, and each hears what the other said of itself', async () => {
      const alice = await subject.start('alice', { incarnation: 3 });
      const bob = await subject.start('bob', { incarnation: 8 });
      await link(subject, alice, bob);
      const helloOf = ({ transport }: StartedMember, incarnation: number) => ({
        type: 'up',
        peer: transport.self,
        hello: { member: transport.self, incarnation, protocol: 1 },
      });
      expect(alice.events).toEqual([helloOf(bob, 8)]);
      expect(bob.events).toEqual([helloOf(alice, 3)]);
      expect(alice.transport.connected()).toEqual([bob.transport.self]);
      expect(bob.transport.connected()).toEqual([alice.transport.self]);
    });

    it('come up to a member without addresses, from its side', async () => {
      for (const quiet of ['alice', 'bob']) {
        const dialler = await subject.start(quiet, { isListening: false });
        const listener = await subject.start(quiet === 'alice' ? 'bob' : 'alice');
        expect(dialler.transport.addresses()).toEqual([]);
        await link(subject, dialler, listener);
        const question = listener.transport.ask(dialler.transport.self, message('hello'), {
          deadlineMs: 5000,
        });
        expect(await subject.complete(question, 'an answer')).toBe('hello');
        await subject.complete(dialler.transport.close(), 'closing');
        await subject.complete(listener.transport.close(), 'closing');
      }
    });

    it('one peer gets one link, whoever dials', async () => {
      const members = await Promise.all(['a', 'b', 'c'].map((name) => subject.start(name)));
      const peers = members.map(peerOf);
      for (const { transport } of members) transport.setPeers(peers);
      for (const one of members)
        for (const other of members) if (one !== other) await linked(subject, one, other);
      for (const { transport, events } of members) {
        const others = peers.map((peer) => peer.id).filter((id) => id !== transport.self);
        expect([...transport.connected()].sort()).toEqual(others.sort());
        expect(events.map((event) => event.type)).toEqual(['up', 'up']);
      }
    });

    it('who is no peer gets no link, and that is logged once', async () => {
      const alice = await subject.start('alice');
      const bob = await subject.start('bob');
      const eve = await subject.start('eve', { isListening: false });
      eve.transport.setPeers([peerOf(alice)]);
      await link(subject, alice, bob);
      const refusals = () =>
        alice.log.filter(
          (line) => line.level === 'warn' && line.fields['peer'] === eve.transport.self,
        );
      const attempts = () => eve.log.filter((line) => line.level === 'warn').length;
      await subject.until(() => refusals().length > 0 || attempts() > 0, 'a refused connection');
      expect(eve.transport.isConnected(alice.transport.self)).toBe(false);
      expect(alice.transport.isConnected(eve.transport.self)).toBe(false);
      expect(eve.events).toEqual([]);
      expect(eve.transport.tell(alice.transport.self, message('hello'))).toBe(false);
      const fault = await faultOf(
        eve.transport.ask(alice.transport.self, message('hello'), { deadlineMs: 1000 }),
      );
      expect(fault.code).toBe('unreachable');
      expect(alice.heard).toEqual([]);
      expect(refusals().length).toBeLessThanOrEqual(1);
    });

    it('end at once when a peer is one no more', async () => {
      const alice = await subject.start('alice');
      const bob = await subject.start('bob');
      await link(subject, alice, bob);
      alice.transport.setPeers([]);
      expect(alice.transport.isConnected(bob.transport.self)).toBe(false);
      expect(alice.events.at(-1)).toEqual({
        type: 'down',
        peer: bob.transport.self,
        reason: 'no peer any more',
      });
      await subject.until(() => bob.events.some((event) => event.type === 'down'), 'the end');
      expect(bob.transport.tell(alice.transport.self, message('hello'))).toBe(false);
      expect(alice.heard).toEqual([]);
    });

    it('come back when the peer has started again, and the newer start is told', async () => {
      const alice = await subject.start('alice', { incarnation: 1 });
      const bob = await subject.start('bob', { incarnation: 1 });
      await link(subject, alice, bob);
      await subject.complete(bob.transport.close(), 'closing');
      await subject.until(() => !alice.transport.isConnected(bob.transport.self), 'the end');
      const again = await subject.start('bob', { incarnation: 2 });
      await link(subject, alice, again);
      const kinds = alice.events.map((event) =>
        event.type === 'up' ? `up ${event.hello.incarnation}` : event.type,
      );
      expect(kinds).toEqual(['up 1', 'down', 'up 2']);
      const answer = alice.transport.ask(again.transport.self, message(5), { deadlineMs: 5000 });
      expect(await subject.complete(answer, 'an answer')).toBe(5);
    });

    it('ups and downs of a peer take turns', async () => {
      const alice = await subject.start('alice');
      const bob = await subject.start('bob');
      for (let round = 0; round < 3; round += 1) {
        await link(subject, alice, bob);
        bob.transport.setPeers([]);
        await subject.until(() => !alice.transport.isConnected(bob.transport.self), 'the end');
      }
      const kinds = alice.events.map((event) => event.type);
      expect(kinds).toEqual(kinds.map((_, index) => (index % 2 === 0 ? 'up' : 'down')));
      expect(kinds.length).toBeGreaterThanOrEqual(6);
    });

    it('a listener that was taken back hears nothing more', async () => {
      const alice = await subject.start('alice');
      const bob = await subject.start('bob');
      let count = 0;
      const stop = alice.transport.onLink(() => void (count += 1));
      stop();
      await link(subject, alice, bob);
      expect(count).toBe(0);
    });

    it('after close nothing is sent and nothing is left waiting', async () => {
      const alice = await subject.start('alice');
      const bob = await subject.start('bob', { handler: () => new Promise(() => undefined) });
      await link(subject, alice, bob);
      const { self } = bob.transport;
      const waiting = alice.transport.ask(self, message('hello'), { deadlineMs: 60_000 });
      const fault = faultOf(waiting);
      await subject.until(() => bob.heard.length === 1, 'the question');
      await subject.complete(alice.transport.close(), 'closing');
      expect((await subject.complete(fault, 'the fault')).code).toBe('closed');
      expect(alice.transport.connected()).toEqual([]);
      expect(alice.transport.tell(self, message('hello'))).toBe(false);
      const late = faultOf(alice.transport.ask(self, message('hello'), { deadlineMs: 1000 }));
      expect((await subject.complete(late, 'the fault')).code).toBe('closed');
      await subject.complete(alice.transport.close(), 'closing twice');
      await subject.until(() => bob.events.at(-1)?.type === 'down', 'the end at the other side');
    });
  });
}
