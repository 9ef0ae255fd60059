// What is changed, repeated or made up on the way has no effect but the end of the connection, and it is told once.
import { createConnection } from 'node:net';

import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it } from 'vitest';

import { createNetworkKey } from '#runtime/transport/libp2p/keys.ts';
import { complete, until } from '#test/contract/transport/real-subject.ts';
import { message, type StartedMember } from '#test/contract/transport/transport-harness.ts';

import { areLinked, introduce, portOf, Scene } from './scene.ts';

const warningsOf = ({ log }: StartedMember): readonly unknown[] =>
  log.filter((line) => line.level === 'warn').map((line) => line.fields['reason']);

describe.each([
  ['with a network key', true],
  ['on an open network', false],
])('bytes on the way, %s', (_, isClosed) => {
  const scene = new Scene(isClosed);
  afterEach(() => scene.end());

  it.each([
    ['a flipped bit', 0, (chunk: Buffer) => flip(chunk)],
    // The first copy is as good as any; the second one is not.
    ['bytes that come twice', 1, (chunk: Buffer) => Buffer.concat([chunk, chunk])],
    ['bytes that are missing', 0, (chunk: Buffer) => chunk.subarray(1)],
  ])('%s: the link ends, nothing wrong is heard, and it comes back', async (_, most, change) => {
    const bob = await scene.member();
    const alice = await scene.member({ listen: [] });
    const proxy = await scene.proxyTo(bob);
    introduce(alice, bob, proxy);
    await until(() => areLinked(alice, bob), 'the link');
    for (let round = 0; round < 3; round += 1) {
      const before = bob.heard.length;
      let isDone = false;
      proxy.setTamper((chunk) => {
        if (isDone) return chunk;
        isDone = true;
        return change(chunk);
      });
      const downs = bob.events.filter((event) => event.type === 'down').length;
      alice.transport.tell(bob.transport.self, message(`tell ${round}`));
      await until(
        () => bob.events.filter((event) => event.type === 'down').length > downs,
        'the end of the link',
      );
      expect(bob.heard.length).toBeLessThanOrEqual(before + most);
      await until(() => areLinked(alice, bob), 'the link to be back');
      const answer = alice.transport.ask(bob.transport.self, message(round), { deadlineMs: 5000 });
      expect(await complete(answer, 'an answer')).toBe(round);
    }
    const bodies = bob.heard.map(({ body }) => body);
    expect(bodies.filter((body) => typeof body === 'number')).toEqual([0, 1, 2]);
    expect(new Set(bodies).size, 'nothing is heard twice').toBe(bodies.length);
    expect(bodies.length).toBeLessThanOrEqual(3 + 3 * most);
  });

  it('garbage from somebody who is no member: told once, and links stay', async () => {
    const bob = await scene.member();
    const alice = await scene.member({ listen: [] });
    introduce(alice, bob, await scene.proxyTo(bob));
    await until(() => areLinked(alice, bob), 'the link');
    for (let round = 0; round < 5; round += 1) {
      const socket = createConnection(portOf(bob.transport), '127.0.0.1');
      socket.on('error', () => socket.destroy());
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.write(Buffer.alloc(100_000, `garbage ${round}`));
      await complete(closed, 'the end of the connection');
    }
    const answer = alice.transport.ask(bob.transport.self, message('still'), { deadlineMs: 5000 });
    expect(await complete(answer, 'an answer')).toBe('still');
    await until(() => warningsOf(bob).length > 0, 'the log line');
    expect(warningsOf(bob)).toEqual([
      'its handshake did not succeed: it has another network key, is no member at all, or broke off',
    ]);
    expect(bob.events.map((event) => event.type)).toEqual(['up']);
  });
});

describe('a network key', () => {
  const scene = new Scene();
  afterEach(() => scene.end());

  it.each([
    ['another one', createNetworkKey()],
    ['none', undefined],
  ])(
    '%s: refused, and told once at both ends, however often it is tried',
    async (_, networkKey) => {
      const bob = await scene.member();
      const alice = await scene.member({ listen: [], networkKey });
      const proxy = await scene.proxyTo(bob);
      let connections = 0;
      proxy.setTamper((chunk, index) => {
        if (index === 0) connections += 1;
        return chunk;
      });
      introduce(alice, bob, proxy);
      await until(() => connections >= 4, 'four tries');
      await until(() => warningsOf(bob).length > 0 && warningsOf(alice).length > 0, 'log lines');
      expect([alice.events, bob.events]).toEqual([[], []]);
      expect(warningsOf(bob)).toEqual([
        'its handshake did not succeed: it has another network key, is no member at all, or broke off',
      ]);
      expect(warningsOf(alice)).toHaveLength(1);
    },
  );
});

describe('a member that sends garbage', () => {
  const scene = new Scene(false);
  afterEach(() => scene.end());

  it.each([
    ['bytes that are no frame', Buffer.alloc(64, 255), /a frame of 4294967295 bytes/],
    ['a frame that is no greeting', frameOf(Buffer.alloc(30, 0xc1)), /can't be read/],
    ['a frame longer than allowed', Buffer.from([0, 0x20, 0, 1, 0]), /a frame of 2097153 bytes/],
  ])('%s: cut off, told once', async (_, bytes, reason) => {
    const bob = await scene.member();
    const node = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    scene.onEnd(async () => node.stop());
    bob.transport.setPeers([{ id: node.peerId.toString(), addresses: [] }]);
    const address = multiaddr(bob.transport.addresses()[0] ?? '');
    for (let round = 0; round < 3; round += 1) {
      const connection = await node.dial(address, { force: true });
      const closed = new Promise((resolve) => {
        connection.addEventListener('close', resolve);
      });
      const control = await connection.newStream('/kilonova/control/1');
      await connection.newStream('/kilonova/bulk/1');
      control.send(bytes);
      await complete(closed, 'the end of the connection');
    }
    const reasons = warningsOf(bob);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatch(reason);
    expect([bob.heard, bob.events]).toEqual([[], []]);
  });
});

function flip(chunk: Buffer): Buffer {
  const changed = Buffer.from(chunk);
  const at = Math.floor(changed.length / 2);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** A greeting's header before the bytes. */
function frameOf(content: Buffer): Buffer {
  const head = Buffer.alloc(4 + 14);
  head.writeUInt32BE(14 + content.length, 0);
  return Buffer.concat([head, content]);
}
