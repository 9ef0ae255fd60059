// Joining, on virtual time over the simulated store: who is admitted, who is refused and why, and what each is told.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryJournal } from '#runtime/journal/memory.ts';
import {
  type MemoryClusterStore,
  openMemoryClusterStore,
} from '#runtime/membership/memory-store.ts';
import type { Received } from '#runtime/transport/port.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { JoinDesk } from '../../../src/join-desk.ts';
import { joinMessage, type JoinQuestion } from '../../../src/join-messages.ts';
import { decodeToken, encodeToken, hashOfSecret } from '../../../src/join-token.ts';

const shared = {
  secrets: { adminPassword: 'a', userPassword: 'u', tokenKeys: [{ id: 'k', secret: 's' }] },
  settings: { region: 'Home', cluster: { redis: 'redis://store' } },
};
const controllers = [{ id: 'first', addresses: ['/ip4/192.0.2.1/tcp/1'] }];

let env: VirtualEnv;
let store: MemoryClusterStore;
let desk: JoinDesk;
let looks: number;

beforeEach(async () => {
  env = createVirtualEnv({ seed: 3 });
  store = openMemoryClusterStore(openMemoryJournal({ env }).disk, env);
  looks = 0;
  desk = new JoinDesk({
    env,
    store,
    cluster: 'cloud',
    networkKey: 'bmV0',
    transportFor: () => undefined,
    controllers: () => controllers,
    shared,
    refresh: async () => {
      looks += 1;
    },
  });
});
afterEach(() => store.setFaults({}));

const run = <T>(promise: Promise<T>): Promise<T> => env.complete(promise, 'the desk');

async function secretFor(role: 'controller' | 'compute'): Promise<string> {
  const { token } = await run(desk.createToken(role));
  return decodeToken(token).secret;
}

function ask(from: string, question: Partial<JoinQuestion>) {
  const body = { secret: '', role: 'compute', name: 'host', mayRename: false, addresses: [] };
  const message = joinMessage({ ...body, ...question } as JoinQuestion);
  return run(desk.answer({ ...message, from, lane: 'control' }));
}

const members = async () => (await run(store.table())).members;

describe('a token', () => {
  it('is one word with all that a newcomer needs, and the store has its hash alone', async () => {
    const { token, expiresAtMs } = await run(desk.createToken('compute'));
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    const { secret, ...rest } = decodeToken(` ${token}\n`);
    expect(rest).toEqual({
      version: 1,
      role: 'compute',
      networkKey: 'bmV0',
      controllers,
      expiresAtMs,
    });
    expect(expiresAtMs).toBe(env.clock.now() + 15 * 60_000);
    expect(await run(store.useToken(secret, env.clock.now()))).toMatchObject({ ok: false });
    const used = await run(store.useToken(hashOfSecret(secret), env.clock.now()));
    expect(used).toEqual({ ok: true, role: 'compute' });
  });

  it('is refused when it is no token, cut, or of another release', async () => {
    const { token } = await run(desk.createToken('compute'));
    for (const wrong of ['', 'hello', token.slice(0, 40), token.slice(5)])
      expect(() => decodeToken(wrong)).toThrow(/no join token|another release/);
    const newer = encodeToken({ ...decodeToken(token), version: 2 as 1 });
    expect(() => decodeToken(newer)).toThrow(/of another release/);
  });
});

describe('a newcomer', () => {
  it('as compute member is admitted and told where controllers are, and nothing of the store', async () => {
    const secret = await secretFor('compute');
    expect(await ask('peer', { secret, addresses: ['/ip4/192.0.2.9/tcp/1'] })).toEqual({
      name: 'host',
      cluster: 'cloud',
      role: 'compute',
      controllers,
    });
    expect(await members()).toEqual([
      {
        id: 'peer',
        role: 'compute',
        name: 'host',
        addresses: [],
        apiUrl: undefined,
        admittedAtMs: env.clock.now(),
        isRevoked: false,
      },
    ]);
    expect(looks).toBe(1);
  });

  it('as controller is told what controllers share, and is reached where it listens', async () => {
    const secret = await secretFor('controller');
    const addresses = ['/ip4/192.0.2.9/tcp/1'];
    const reply = await ask('peer', { secret, role: 'controller', name: 'two', addresses });
    expect(reply.shared).toEqual(shared);
    expect(await members()).toMatchObject([{ id: 'peer', role: 'controller', addresses }]);
  });

  it('whose answer was lost asks again and hears the same, although the token is used', async () => {
    const secret = await secretFor('compute');
    const first = await ask('peer', { secret });
    expect(await ask('peer', { secret })).toEqual(first);
    expect((await members()).length).toBe(1);
  });

  it('that is a compute member hears no more when it claims to be a controller', async () => {
    await ask('peer', { secret: await secretFor('compute') });
    const reply = await ask('peer', { secret: 'any', role: 'controller' });
    expect(reply).toMatchObject({ role: 'compute' });
    expect(reply.shared).toBeUndefined();
  });

  it.each<[string, (secret: string) => Partial<JoinQuestion>, RegExp]>([
    ['a made-up secret', () => ({ secret: 'guess' }), /does not know this token.*make a new one/],
    ['another role', (secret) => ({ secret, role: 'controller' }), /for a compute member, not for/],
    ['a name of no host', (secret) => ({ secret, name: '../x' }), /not of its shape: \/name/],
  ])('with %s is refused, and is no member', async (_what, question, words) => {
    const secret = await secretFor('compute');
    await expect(ask('peer', question(secret))).rejects.toThrow(words);
    expect(await members()).toEqual([]);
  });

  it('with a used or an expired token is refused with the reason', async () => {
    const secret = await secretFor('compute');
    await ask('peer', { secret });
    await expect(ask('other', { secret, name: 'two' })).rejects.toThrow(/was used already/);
    const late = await secretFor('compute');
    await env.advance(15 * 60_000);
    await expect(ask('other', { secret: late, name: 'two' })).rejects.toThrow(/has expired/);
  });

  it('that wants the name of another is refused, with the token still good, or gets one that is free', async () => {
    await ask('peer', { secret: await secretFor('compute') });
    const secret = await secretFor('compute');
    await expect(ask('other', { secret })).rejects.toThrow(/another member has the name host/);
    expect(await ask('other', { secret, mayRename: true })).toMatchObject({ name: 'host-2' });
  });

  it('with a revoked key stays out, whatever token it brings; its name is free', async () => {
    await ask('peer', { secret: await secretFor('compute') });
    await run(store.revoke('peer'));
    const secret = await secretFor('compute');
    await expect(ask('peer', { secret })).rejects.toThrow(/key of this member was revoked/);
    expect(await ask('other', { secret })).toMatchObject({ name: 'host' });
  });

  it('that asks for anything else is refused', async () => {
    const message = { type: 'entity.ask', version: 1, body: {}, from: 'peer', lane: 'control' };
    await expect(run(desk.answer(message as Received))).rejects.toThrow(/and not entity\.ask/);
  });
});

it('more newcomers at a time than can be minded are turned away', async () => {
  const secret = await secretFor('compute');
  store.setFaults({ minLatencyMs: 100 });
  const question = joinMessage({
    secret,
    role: 'compute',
    name: 'h',
    mayRename: true,
    addresses: [],
  });
  const asks = Array.from({ length: 20 }, (_, index) =>
    desk.answer({ ...question, from: `peer-${index}`, lane: 'control' }).then(
      () => 'in',
      (error: Error) => error.message,
    ),
  );
  const outcomes = await run(Promise.all(asks));
  expect(outcomes.filter((outcome) => outcome === 'in').length).toBe(1);
  expect(outcomes.filter((outcome) => outcome.startsWith('too many')).length).toBe(4);
});
