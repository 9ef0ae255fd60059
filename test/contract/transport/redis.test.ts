// Redis Streams under the contract of transports, over a redis-server of their own.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Env } from '#runtime/env/env.ts';
import { createIdentityKey, createNetworkKey, memberIdOf } from '#runtime/transport/libp2p/keys.ts';
import type { Transport } from '#runtime/transport/port.ts';
import { openRedisTransport } from '#runtime/transport/redis/transport.ts';

import { RealSubject } from './real-subject.ts';
import { describeTransport } from './transport-contract.ts';
import { link, linked, message, type StartOptions } from './transport-harness.ts';
import { startVolatileRedis, type VolatileRedis } from './volatile-redis.ts';

const names = ['alice', 'bob', 'eve', 'newcomer', 'a', 'b', 'c'];

class RedisSubject extends RealSubject {
  readonly #keys = new Map<string, Uint8Array>();
  readonly networkKey = createNetworkKey();
  #server: VolatileRedis | undefined;

  async prepare(): Promise<void> {
    this.#server = await startVolatileRedis();
    for (const name of names) this.#keys.set(name, await createIdentityKey());
  }

  async end(): Promise<void> {
    await this.#server?.stop();
  }

  get server(): VolatileRedis {
    if (this.#server === undefined) throw new Error('no redis-server');
    return this.#server;
  }

  idOf(name: string): string {
    return memberIdOf(this.keyOf(name));
  }

  keyOf(name: string): Uint8Array {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`no key of ${name}`);
    return key;
  }

  protected open(name: string, env: Env, options: StartOptions): Promise<Transport> {
    const { incarnation = 1, isListening = true, limits } = options;
    return openRedisTransport({
      env,
      incarnation,
      identityKey: this.keyOf(name),
      networkKey: this.networkKey,
      url: this.server.url,
      isListening,
      ...(limits === undefined ? {} : { limits }),
    });
  }
}

describe('redis transport', () => {
  const subject = new RedisSubject();
  beforeAll(() => subject.prepare());
  afterEach(() => subject.closeAll());
  afterAll(() => subject.end());
  describeTransport(subject);

  it('entries that are copied, touched or made up by others have no effect', async () => {
    const alice = await subject.start('alice');
    const bob = await subject.start('bob');
    const spy = new Redis(subject.server.url.slice('unix:'.length));
    const monitor = await spy.monitor();
    try {
      const sent: (readonly string[])[] = [];
      monitor.on('monitor', (_time: unknown, args: readonly string[]) => {
        if (args[0] === 'XADD') sent.push(args);
      });
      await link(subject, alice, bob);
      const ask = (from: typeof alice, to: typeof alice, body: string) =>
        subject.complete(
          from.transport.ask(to.transport.self, message(body), { deadlineMs: 5000 }),
          'an answer',
        );
      await ask(alice, bob, 'to bob');
      await ask(bob, alice, 'to alice');
      await subject.until(() => sent.filter((args) => args[9] === 'control').length >= 4, 'copies');
      const [copies, fields] = [[...sent], 6];
      for (const copy of copies) {
        const [inbox = '', entry] = [copy[1], copy.slice(fields)];
        await spy.xadd(inbox, '*', ...entry);
        const data = Buffer.from(entry[9] ?? '', 'base64');
        data[0] = (data[0] ?? 0) ^ 1;
        await spy.xadd(inbox, '*', ...entry.slice(0, 9), data.toString('base64'));
        await spy.xadd(inbox, '*', ...entry.slice(0, 7), '77', ...entry.slice(8));
        await spy.xadd(inbox, '*', 'f', 'nobody', 'k', 'control', 's', 'x', 'n', '1', 'd', '!');
        await spy.xadd(inbox, '*', 'garbage', 'garbage');
      }
      await ask(alice, bob, 'end');
      await ask(bob, alice, 'end');
      expect(bob.heard.map(({ body }) => body)).toEqual(['to bob', 'end']);
      expect(alice.heard.map(({ body }) => body)).toEqual(['to alice', 'end']);
      expect([...alice.events, ...bob.events].map((event) => event.type)).toEqual(['up', 'up']);
    } finally {
      monitor.disconnect();
      spy.disconnect();
    }
  });

  it('links break when Redis goes away, and come back with it', async () => {
    const alice = await subject.start('alice');
    const bob = await subject.start('bob');
    await link(subject, alice, bob);
    await subject.server.restart();
    await subject.until(
      () => alice.events.at(-1)?.type === 'down' || alice.events.length > 1,
      'the end',
    );
    await linked(subject, alice, bob);
    const answer = alice.transport.ask(bob.transport.self, message('again'), { deadlineMs: 5000 });
    expect(await subject.complete(answer, 'an answer')).toBe('again');
  });
});
