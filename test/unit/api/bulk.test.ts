// Several things by one request: all or none, also when the store goes away in the middle.
import { beforeEach, describe, expect, it } from 'vitest';
import { makeAll } from '#api/network/bulk.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const away = new RuntimeFault('unavailable', 'the store is away');

let env: VirtualEnv;
let there: Set<number>;
let undoFails: Error | undefined;
let tries: number;

beforeEach(() => {
  env = createVirtualEnv({ seed: 'bulk' });
  there = new Set();
  undoFails = undefined;
  tries = 0;
});

const makeUntil = (failing: number) =>
  makeAll(env, {
    wanted: [1, 2, 3],
    make: (one) => {
      if (one === failing) return Promise.reject(away);
      there.add(one);
      return Promise.resolve(one);
    },
    undo: (one) => {
      tries += 1;
      if (undoFails !== undefined) return Promise.reject(undoFails);
      there.delete(one);
      return Promise.resolve();
    },
  });

describe('things made by one request', () => {
  it('are all made', async () => {
    expect(await makeUntil(0)).toEqual([1, 2, 3]);
    expect([...there]).toEqual([1, 2, 3]);
  });

  it('are undone when one fails, and its error stands', async () => {
    await expect(makeUntil(3)).rejects.toBe(away);
    expect([...there]).toEqual([]);
  });

  it('are undone when the store is back, if it is away by then', async () => {
    undoFails = away;
    await expect(makeUntil(3)).rejects.toBe(away);
    expect([...there]).toEqual([1, 2]);
    await env.advance(12_000);
    undoFails = undefined;
    await env.advance(5_000);
    expect([...there]).toEqual([]);
    expect(tries).toBe(8);
  });

  it('are given up after five minutes', async () => {
    undoFails = away;
    await expect(makeUntil(2)).rejects.toBe(away);
    await env.runUntilIdle();
    expect(tries).toBe(60);
  });

  it('whose undoing is refused are left alone, and the others undone', async () => {
    undoFails = new Error('gone already');
    await expect(makeUntil(3)).rejects.toBe(away);
    await env.runUntilIdle();
    expect(tries).toBe(2);
  });
});
