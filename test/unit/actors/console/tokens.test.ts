import { describe, expect, test } from 'vitest';
import { authorizationOf, consoleTokensInvariants } from '#actors/console/core.ts';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { type ConsoleCommand, MAX_TOKENS } from '#actors/console/protocol.ts';
import { runEntity } from '../run-entity.ts';

const authorize = (hash: string): ConsoleCommand => ({
  type: 'console.authorize',
  authorization: {
    hash,
    serverId: 's1',
    protocol: 'vnc',
    consoleType: 'novnc',
    host: 'h1',
    runEpoch: 1,
  },
  lifetimeMs: 500,
});

describe('console tokens', () => {
  test('hold until their time is over', () => {
    const run = runEntity(consoleTokensDefinition, 'ab');
    run.send(authorize('ab1'));
    expect(authorizationOf(run.state, 'ab1', 1_499)).toEqual({
      ...authorize('ab1').authorization,
      expiresAtMs: 1_500,
    });
    expect(authorizationOf(run.state, 'ab1', 1_500)).toBeUndefined();
    expect(authorizationOf(run.state, 'ab2', 1_000)).toBeUndefined();
    expect(authorizationOf(undefined, 'ab1', 1_000)).toBeUndefined();
  });

  test('that are over go with the next one; a repeat changes nothing', () => {
    const run = runEntity(consoleTokensDefinition, 'ab');
    run.send(authorize('ab1'));
    run.send(authorize('ab1'));
    expect(run.events).toHaveLength(1);
    run.nowMs = 1_500;
    run.send(authorize('ab2'));
    expect(run.state.authorizations.map(({ hash }) => hash)).toEqual(['ab2']);
  });

  test('are bounded: the oldest stops working', () => {
    const run = runEntity(consoleTokensDefinition, 'ab');
    for (let index = 0; index <= MAX_TOKENS; index += 1) run.send(authorize(`ab${index}`));
    expect(run.state.authorizations).toHaveLength(MAX_TOKENS);
    expect(authorizationOf(run.state, 'ab0', 1_000)).toBeUndefined();
    expect(authorizationOf(run.state, 'ab1', 1_000)).toBeDefined();
  });

  test('in the wrong place are a bug', () => {
    const run = runEntity(consoleTokensDefinition, 'ab');
    run.send(authorize('ab1'));
    expect(consoleTokensInvariants({ ...run.state, id: 'cd' })).toEqual(['a token of ab in cd']);
    const [token] = run.state.authorizations;
    if (token === undefined) throw new Error('a token was given');
    const many = Array.from({ length: MAX_TOKENS + 1 }, () => token);
    expect(consoleTokensInvariants({ id: 'ab', authorizations: many })).toEqual([
      'more tokens than allowed',
    ]);
  });
});
