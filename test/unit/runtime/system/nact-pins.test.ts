// nact 7.6.2 as it is, bug by bug, so that nobody relies on what it does not do. If one of these fails after an
// update of nact, read what changed before touching src/runtime/system/mailboxes.ts; the facade needs none of it.
import nact from 'nact';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

type Handler = (
  state: unknown,
  message: string,
  context: { children: Map<string, unknown> },
) => unknown;
interface Properties {
  readonly afterStop?: () => void;
  readonly onCrash?: (
    message: unknown,
    error: unknown,
    context: Record<'escalate' | 'resume' | 'reset', symbol>,
  ) => symbol;
  readonly initialStateFunc?: () => unknown;
}
interface RawNact {
  start(this: void, options: { name: string }): object;
  spawn(
    this: void,
    parent: object,
    handler: Handler,
    name: string,
    properties?: Properties,
  ): object;
  dispatch(this: void, ref: object, message: string): void;
  query(this: void, ref: object, message: string, timeoutMs: number): Promise<unknown>;
  stop(this: void, ref: object): void;
}
const { start, spawn, dispatch, query, stop } = nact as unknown as RawNact;

let systems = 0;

describe('nact, unwrapped', () => {
  let env: VirtualEnv;
  let root: object;
  let notes: string[];

  beforeEach(() => {
    env = createVirtualEnv({ seed: 1 });
    onTestFinished(env.installGlobals());
    systems += 1;
    root = start({ name: `pins-${systems}` });
    notes = [];
  });

  const noting =
    (name: string): Handler =>
    (state, message) => {
      notes.push(`${name} ${message}`);
      return state;
    };

  it('bug 1: stopping a parent leaves its children working and runs no afterStop of theirs', async () => {
    const parent = spawn(root, noting('parent'), 'parent');
    const child = spawn(parent, noting('child'), 'child', {
      afterStop: () => notes.push('child stopped'),
    });
    dispatch(child, 'one');
    dispatch(child, 'two');
    stop(parent);
    await env.runUntilIdle();
    expect(notes).toEqual(['child one', 'child two']);
  });

  it('bug 2: escalate and resume runs two messages of the parent at once and wedges the child', async () => {
    const gates: (() => void)[] = [];
    const parentHandler: Handler = async (_state, message) => {
      notes.push(`parent begins ${message}`);
      await new Promise<void>((resolve) => gates.push(resolve));
      notes.push(`parent ends ${message}`);
    };
    const parent = spawn(root, parentHandler, 'parent', {
      onCrash: (_m, _e, context) => context.resume,
    });
    const childHandler: Handler = (_state, message) => {
      notes.push(`child ${message}`);
      if (message === 'crash') throw new Error('crash');
    };
    const child = spawn(parent, childHandler, 'child', {
      onCrash: (_m, _e, context) => context.escalate,
    });
    dispatch(parent, 'one');
    dispatch(parent, 'two');
    await env.settle();
    dispatch(child, 'crash');
    dispatch(child, 'later');
    await env.settle();
    expect(notes).toEqual(['parent begins one', 'child crash', 'parent begins two']);
    for (const open of gates) open();
    await env.settle();
    expect(notes).not.toContain('child later');
  });

  it('bug 3: afterStop runs while the last handler is still at work', async () => {
    let finish = (): void => undefined;
    const handler: Handler = async () => {
      notes.push('begin');
      await new Promise<void>((resolve) => (finish = resolve));
      notes.push('end');
    };
    const actor = spawn(root, handler, 'actor', { afterStop: () => notes.push('afterStop') });
    dispatch(actor, 'go');
    await env.settle();
    stop(actor);
    await env.settle();
    finish();
    await env.settle();
    expect(notes).toEqual(['begin', 'afterStop', 'end']);
  });

  it('bug 4: a crash after the stop, escalated, is an unhandled rejection', async () => {
    const rejections: string[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => rejections.push(String(reason)));
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection');
      for (const listener of listeners) process.on('unhandledRejection', listener);
    });
    let fail = (): void => undefined;
    const handler: Handler = () =>
      new Promise<void>((_resolve, reject) => (fail = () => reject(new Error('late crash'))));
    const actor = spawn(root, handler, 'actor', { onCrash: (_m, _e, context) => context.escalate });
    dispatch(actor, 'go');
    await env.settle();
    stop(actor);
    fail();
    await env.runUntilIdle();
    await env.settle();
    expect(rejections).toEqual([expect.stringContaining('handleFault')]);
  });

  it('bug 5: every message copies the whole list of children', async () => {
    const seen: Map<string, unknown>[] = [];
    const parent = spawn(
      root,
      (_state, _message, context) => void seen.push(context.children),
      'parent',
    );
    for (let index = 0; index < 500; index += 1) spawn(parent, noting('child'), `child-${index}`);
    dispatch(parent, 'one');
    dispatch(parent, 'two');
    await env.settle();
    expect(seen.map((children) => children.size)).toEqual([500, 500]);
    expect(seen[0]).not.toBe(seen[1]);
  });

  it('bug 6: restarts have no limit and no wait', async () => {
    let tries = 0;
    spawn(root, noting('actor'), 'actor', {
      onCrash: (_m, _e, context) => (tries < 1_000 ? context.reset : context.resume),
      initialStateFunc: () => {
        tries += 1;
        throw new Error('no state');
      },
    });
    await env.settle();
    expect({ tries, nowMs: env.clock.monotonic() }).toEqual({ tries: 1_000, nowMs: 0 });
  });

  it('bug 7: asking a crashing actor waits out the whole timeout', async () => {
    const handler: Handler = () => {
      throw new Error('crash');
    };
    const actor = spawn(root, handler, 'actor', { onCrash: (_m, _e, context) => context.resume });
    const outcome = query(actor, 'question', 5_000).catch((error: unknown) => String(error));
    expect(await env.complete(outcome, 'the answer')).toBe('Error: Query Timeout');
    expect(env.clock.monotonic()).toBe(5_000);
  });

  it('bug 8: a message to a stopped actor vanishes, and so does one that it had not begun', async () => {
    const actor = spawn(root, noting('actor'), 'actor');
    dispatch(actor, 'accepted');
    stop(actor);
    expect(() => dispatch(actor, 'late')).not.toThrow();
    await env.settle();
    expect(notes).toEqual([]);
  });
});
