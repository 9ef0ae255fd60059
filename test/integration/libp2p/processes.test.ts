// Members as processes of their own: killed, stopped, started again.
import { execFile } from 'node:child_process';
import { once } from 'node:events';

import { afterEach, describe, expect, it } from 'vitest';

import { createIdentityKey } from '#runtime/transport/libp2p/keys.ts';
import { complete, until } from '#test/contract/transport/real-subject.ts';
import {
  faultOf,
  message,
  type StartedMember,
} from '#test/contract/transport/transport-harness.ts';
import { startMemberProcess, type MemberProcess } from '#test/support/member-process.ts';

import { loopback, Scene } from './scene.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('a member as another process', () => {
  const scene = new Scene();
  afterEach(() => scene.end());

  const start = async (
    identityKey: Uint8Array,
    incarnation: number,
    listen: string = loopback,
  ): Promise<MemberProcess> => {
    const member = await startMemberProcess({
      incarnation,
      identityKey: base64(identityKey),
      networkKey: scene.networkKey === undefined ? undefined : base64(scene.networkKey),
      listen: [listen],
    });
    scene.onEnd(() => member.kill());
    return member;
  };

  const linkUp = async (alice: StartedMember, other: MemberProcess): Promise<void> => {
    other.setPeers([{ id: alice.transport.self, addresses: [] }]);
    alice.transport.setPeers([other.peer]);
    await until(() => alice.transport.isConnected(other.peer.id), 'the link');
  };

  it('stopped: found silent within 2.5 s; what was asked has an unknown outcome; it comes back', async () => {
    const alice = await scene.member({ listen: [] });
    const other = await start(await createIdentityKey(), 1);
    await linkUp(alice, other);
    const stoppedAtMs = performance.now();
    other.signal('SIGSTOP');
    const asked = faultOf(
      alice.transport.ask(other.peer.id, message('anyone?'), { deadlineMs: 60_000 }),
    );
    await until(() => !alice.transport.isConnected(other.peer.id), 'the end of the link');
    expect(performance.now() - stoppedAtMs).toBeLessThan(2500);
    expect(performance.now() - stoppedAtMs).toBeGreaterThan(1000);
    expect((await complete(asked, 'the fault')).code).toBe('disconnected');
    expect(alice.events.at(-1)).toMatchObject({
      type: 'down',
      reason: 'no sign of life for 1500 ms',
    });
    other.signal('SIGCONT');
    await until(() => alice.transport.isConnected(other.peer.id), 'the link to be back');
    const answer = alice.transport.ask(other.peer.id, message('back'), { deadlineMs: 5000 });
    expect(await complete(answer, 'an answer')).toBe('back');
  });

  it('stopped for half a second: nothing happens to the link', async () => {
    const alice = await scene.member({ listen: [] });
    const other = await start(await createIdentityKey(), 1);
    await linkUp(alice, other);
    other.signal('SIGSTOP');
    setTimeout(() => other.signal('SIGCONT'), 500);
    const answer = alice.transport.ask(other.peer.id, message('late'), { deadlineMs: 5000 });
    expect(await complete(answer, 'an answer')).toBe('late');
    expect(alice.events.map((event) => event.type)).toEqual(['up']);
  });

  it('closed: nothing is left that would keep its process alive', async () => {
    const script = `
      import { openLibp2pTransport } from '#runtime/transport/libp2p/transport.ts';
      import { createIdentityKey, createNetworkKey } from '#runtime/transport/libp2p/keys.ts';
      import { realEnv } from '#runtime/env/real.ts';
      import { silentLog } from '#runtime/telemetry/silent-log.ts';
      const networkKey = createNetworkKey();
      const open = async (listen) => openLibp2pTransport({
        env: realEnv(silentLog), incarnation: 1, identityKey: await createIdentityKey(), networkKey, listen,
      });
      const [one, other] = [await open(['${loopback}']), await open([])];
      one.onMessage(({ body }) => body);
      other.onMessage(({ body }) => body);
      const up = new Promise((resolve) => other.onLink(resolve));
      one.setPeers([{ id: other.self, addresses: [] }, { id: 'nobody', addresses: [] }]);
      other.setPeers([{ id: one.self, addresses: one.addresses() }]);
      await up;
      console.log(await other.ask(one.self, { type: 'a.b', version: 1, body: 'hello' }, { deadlineMs: 60_000 }));
      await Promise.all([one.close(), other.close()]);
      console.log('closed');
    `;
    const child = execFile(process.execPath, ['--input-type=module', '--eval', script]);
    let said = '';
    child.stdout?.on('data', (chunk) => void (said += String(chunk)));
    child.stderr?.on('data', (chunk) => void (said += String(chunk)));
    scene.onEnd(async () => void child.kill('SIGKILL'));
    const ended = once(child, 'exit');
    await until(() => said.includes('closed'), 'the end of both');
    const closedAtMs = performance.now();
    expect(await complete(ended, 'the end of the process')).toEqual([0, null]);
    expect(performance.now() - closedAtMs).toBeLessThan(3000);
    expect(said).toBe('hello\nclosed\n');
  });

  it('killed and started again: the end is heard at once, and the link is back soon after it listens', async () => {
    const alice = await scene.member({ listen: [] });
    const key = await createIdentityKey();
    const first = await start(key, 1);
    await linkUp(alice, first);
    const killedAtMs = performance.now();
    await first.kill();
    await until(() => !alice.transport.isConnected(first.peer.id), 'the end of the link');
    expect(performance.now() - killedAtMs).toBeLessThan(1000);
    const [address = ''] = first.peer.addresses;
    const second = await start(key, 2, address.replace(/\/p2p\/.*$/, ''));
    const listeningAtMs = performance.now();
    second.setPeers([{ id: alice.transport.self, addresses: [] }]);
    await until(() => alice.transport.isConnected(first.peer.id), 'the link to be back');
    expect(performance.now() - listeningAtMs).toBeLessThan(1500);
    expect(alice.events.at(-1)).toMatchObject({ type: 'up', hello: { incarnation: 2 } });
  });
});
