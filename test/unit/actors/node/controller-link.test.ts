// A member's questions to controllers that are away, paused, overloaded, or say no.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControllerLink } from '#actors/node/controller-link.ts';
import type { EntityRef } from '#runtime/message/protocol.ts';
import type { RuntimeFault } from '#runtime/system/faults.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { Received, Transport } from '#runtime/transport/port.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

type Answer = (message: Received) => unknown;

let env: VirtualEnv;
let network: MemoryNetwork;
let transport: Transport;
let link: ControllerLink;
let restoreGlobals: () => void;
let heard: { readonly by: string; readonly message: Received }[];

beforeEach(() => {
  env = createVirtualEnv({ seed: 4 });
  restoreGlobals = env.installGlobals();
  network = createMemoryNetwork({ env });
  heard = [];
  transport = network.join('member', env, 1);
  transport.onMessage(() => undefined);
  link = new ControllerLink({ env, transport });
});
afterEach(() => restoreGlobals());

async function controllers(answers: Readonly<Record<string, Answer>>): Promise<void> {
  const all = Object.entries(answers).map(([id, answer]) => {
    const other = network.join(id, env.member(id).env, 1);
    other.onMessage((message) => {
      heard.push({ by: id, message });
      return answer(message);
    });
    other.setPeers([{ id: 'member', addresses: [] }]);
    return { id, addresses: other.addresses() };
  });
  transport.setPeers(all);
  await env.runUntil(() => transport.connected().length === all.length, 'all links', 5_000);
}

const ref: EntityRef = { kind: 'host', id: 'host-1' };
const ask = (deadlineMs?: number): Promise<unknown> =>
  link.ask(
    ref,
    { type: 'host.register' },
    {
      requestId: 'req-7',
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    },
  );
const answered = (deadlineMs?: number) => env.complete(ask(deadlineMs), 'the answer');
const fault = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch(({ code, retryable }: RuntimeFault) => ({ code, retryable }));
const by = () => heard.map((one) => one.by);
const yes: Answer = () => ({ reply: { yes: true } });

describe('a command', () => {
  it('goes to a controller with its request, and its reply comes back', async () => {
    await controllers({ one: yes });
    expect(await answered()).toEqual({ yes: true });
    expect(heard[0]?.message).toMatchObject({
      type: 'node.ask',
      requestId: 'req-7',
      body: { kind: 'host', id: 'host-1', command: { type: 'host.register' }, deadlineMs: 30_000 },
    });
  });

  it('is answered with a refusal as with a reply', async () => {
    await controllers({ one: () => ({ reply: { refused: 'host-taken', detail: {} } }) });
    expect(await answered()).toEqual({ refused: 'host-taken', detail: {} });
  });

  it('rejects with the fault that the controller met', async () => {
    await controllers({
      one: () => ({ fault: { code: 'overloaded', message: 'too much', retryable: true } }),
    });
    expect(await fault(answered())).toEqual({ code: 'overloaded', retryable: true });
    expect(heard).toHaveLength(1);
  });

  it('whose entity has moved, or whose controller ends, is asked for elsewhere', async () => {
    let moves = 0;
    const moved: Answer = (message) => {
      moves += 1;
      return moves === 1
        ? { fault: { code: 'moved', message: '', retryable: true } }
        : yes(message);
    };
    await controllers({ one: moved, two: moved });
    expect(await answered()).toEqual({ yes: true });
    expect(new Set(by()).size).toBe(2);
  });

  it('is not asked for elsewhere without end', async () => {
    await controllers({
      one: () => ({ fault: { code: 'stopped', message: '', retryable: true } }),
    });
    expect(await fault(answered(2_000))).toEqual({ code: 'stopped', retryable: true });
    expect(env.clock.monotonic()).toBeLessThanOrEqual(2_500);
    expect(heard.length).toBeGreaterThan(3);
  });
});

describe('a question', () => {
  it('waits for the first controller to come', async () => {
    const waiting = ask();
    await env.advance(10_000);
    await controllers({ one: yes });
    expect(await env.complete(waiting, 'the answer')).toEqual({ yes: true });
  });

  it('that no controller comes for ends with its deadline', async () => {
    const waiting = link.ask(
      ref,
      { type: 'host.register' },
      {
        requestId: 'req-7',
        deadlineMs: 3_000,
      },
    );
    await expect(env.complete(waiting, 'the end', 4_000)).rejects.toThrow(
      'no controller answered node.ask within 3000 ms: no controller is connected',
    );
  });

  it('stays with one controller while that one answers', async () => {
    await controllers({ one: yes, two: yes, three: yes });
    for (let number = 0; number < 10; number += 1) await answered();
    expect(new Set(by()).size).toBe(1);
  });

  it('to a silent controller goes to another one in time', async () => {
    const silent: Answer = () => new Promise(() => undefined);
    let isFirst = true;
    const once: Answer = (message) => {
      const answer = isFirst ? silent : yes;
      isFirst = false;
      return answer(message);
    };
    await controllers({ one: once, two: once });
    expect(await answered()).toEqual({ yes: true });
    expect(new Set(by()).size).toBe(2);
    expect(env.clock.monotonic()).toBeLessThan(6_000);
  });

  it('whose link breaks is asked again on the next one', async () => {
    await controllers({
      one: () => new Promise((resolve) => env.timers.after(1_000, () => resolve({ reply: 1 }))),
    });
    const waiting = ask();
    await env.advance(500);
    network.breakLink('member', 'one');
    expect(await env.complete(waiting, 'the answer')).toBe(1);
    expect(heard).toHaveLength(2);
  });

  it('that all controllers refuse is put to each of them three times', async () => {
    const no: Answer = () => {
      throw new Error('you may not');
    };
    await controllers({ one: no, two: no, three: no });
    await expect(answered()).rejects.toThrow('the controllers refuse node.ask: you may not');
    expect(Object.groupBy(by(), (id) => id)).toEqual({
      one: ['one', 'one', 'one'],
      two: ['two', 'two', 'two'],
      three: ['three', 'three', 'three'],
    });
    expect(env.clock.monotonic()).toBeGreaterThan(2_000);
  });

  it('that a controller refuses while it starts is answered when it has', async () => {
    let isStarting = true;
    await controllers({
      one: (message) => {
        if (isStarting) throw new Error('this controller is starting');
        return yes(message);
      },
    });
    const waiting = ask();
    await env.advance(1_000);
    isStarting = false;
    expect(await env.complete(waiting, 'the answer')).toEqual({ yes: true });
  });

  it.each([
    ['refuses', () => Promise.reject(new Error('you may not'))],
    [
      'can not answer now',
      () => ({ fault: { code: 'unavailable', message: '', retryable: true } }),
    ],
  ])('that one %s is answered by another', async (_what, trouble: Answer) => {
    let isFirst = true;
    const once: Answer = (message) => {
      const answer = isFirst ? trouble : yes;
      isFirst = false;
      return answer(message);
    };
    await controllers({ one: once, two: once });
    expect(await answered()).toEqual({ yes: true });
    expect(new Set(by()).size).toBe(2);
  });

  it('that nobody can answer is put again until somebody can', async () => {
    let isAway = true;
    const away: Answer = (message) =>
      isAway ? { fault: { code: 'unavailable', message: 'away', retryable: true } } : yes(message);
    await controllers({ one: away, two: away });
    const waiting = ask();
    await env.advance(10_000);
    expect(heard.length).toBeLessThan(15);
    isAway = false;
    expect(await env.complete(waiting, 'the answer', 2_500)).toEqual({ yes: true });
    isAway = true;
    expect(await fault(answered(3_000))).toEqual({ code: 'unavailable', retryable: true });
  });

  it('ends when this member ends', async () => {
    await controllers({ one: () => new Promise(() => undefined) });
    const waiting = fault(ask());
    await env.advance(100);
    await env.complete(transport.close(), 'the end');
    expect(await env.complete(waiting, 'the fault')).toMatchObject({ code: 'stopped' });
  });
});
