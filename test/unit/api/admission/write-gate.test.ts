// Who is let in, who waits and who is refused, on virtual time.
import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '#api/admission/concurrency-limit.ts';
import { type Leave, WriteGate } from '#api/admission/write-gate.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

let env: VirtualEnv;
let gate: WriteGate;
let entered: { readonly name: number; readonly leave: Leave }[];
let refused: number[];

beforeEach(() => {
  env = createVirtualEnv({ seed: 'gate' });
  gate = new WriteGate(env);
  entered = [];
  refused = [];
});

const ask = (name: number): (() => void) =>
  gate.ask(
    (leave) => void entered.push({ name, leave }),
    () => void refused.push(name),
  );

const askMany = (from: number, count: number): void => {
  for (let name = from; name < from + count; name += 1) ask(name);
};

/** Ends one write each `everyMs`, first come first. */
async function end(count: number, everyMs: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await env.advance(everyMs);
    entered.shift()?.leave();
  }
}

describe('the gate', () => {
  it('lets in as many as the limit says, and the others in their order as these leave', () => {
    askMany(1, LIMITS.first + 2);
    expect([gate.underWay, gate.waiting]).toEqual([LIMITS.first, 2]);
    entered[3]?.leave();
    entered[5]?.leave();
    expect(entered.slice(-2).map(({ name }) => name)).toEqual([LIMITS.first + 1, LIMITS.first + 2]);
    expect([gate.underWay, gate.waiting, refused]).toEqual([LIMITS.first, 0, []]);
  });

  it('counts a write that leaves twice once', () => {
    askMany(1, 2);
    entered[0]?.leave();
    entered[0]?.leave();
    expect(gate.underWay).toBe(1);
  });

  it('refuses what would wait too long at the speed that the line has', async () => {
    askMany(1, LIMITS.first + 80);
    await end(20, 20);
    // Fifty a second: eight of them take longer than the bound of 150 ms. But a short line is never too long.
    expect(gate.isFull).toBe(true);
    ask(999);
    expect(refused).toEqual([999]);
    while (gate.waiting >= 32) await end(1, 20);
    expect(gate.isFull).toBe(false);
    ask(1_000);
    expect(gate.isFull).toBe(true);
  });

  it('has a longest line, however fast it moves', () => {
    askMany(1, LIMITS.first + 256);
    expect(refused).toEqual([]);
    ask(999);
    expect(refused).toEqual([999]);
  });

  it('takes nobody more into a line that has stopped, and sends it away after two seconds', async () => {
    askMany(1, LIMITS.first + 3);
    expect(gate.isFull).toBe(false);
    await env.advance(900);
    expect(gate.isFull).toBe(false);
    await env.advance(200);
    expect(gate.isFull).toBe(true);
    await env.advance(1_000);
    expect(refused).toEqual([LIMITS.first + 1, LIMITS.first + 2, LIMITS.first + 3]);
  });

  it('forgets one whose client has gone', () => {
    askMany(1, LIMITS.first);
    const leaveLine = ask(100);
    ask(101);
    leaveLine();
    entered[0]?.leave();
    expect(entered.at(-1)?.name).toBe(101);
  });

  it('wakes nobody while there is nothing to do', async () => {
    askMany(1, 2);
    for (const { leave } of entered) leave();
    await env.runUntilIdle();
    const before = env.tasksRun();
    await env.advance(60_000);
    expect(env.tasksRun()).toBe(before);
  });
});
