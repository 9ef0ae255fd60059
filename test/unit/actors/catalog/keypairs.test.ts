import { describe, expect, test } from 'vitest';
import { keypairsDefinition } from '#actors/catalog/entity.ts';
import { keypairsInvariants } from '#actors/catalog/keypairs-core.ts';
import type { KeypairCommand } from '#actors/catalog/protocol.ts';
import { runEntity } from '../run-entity.ts';

const create = (name: string, limit = 100): KeypairCommand => ({
  type: 'keypair.create',
  keypair: { name, type: 'ssh', publicKey: 'ssh-ed25519 AAAA', fingerprint: 'aa:bb' },
  limit,
});

describe('key pairs', () => {
  test('are numbered in order and numbers are not used again', () => {
    const run = runEntity(keypairsDefinition, 'u');
    run.send(create('a'));
    run.send({ type: 'keypair.delete', name: 'a' });
    run.nowMs = 5;
    run.send(create('b'));
    expect(run.state.keypairs).toEqual([
      {
        name: 'b',
        type: 'ssh',
        publicKey: 'ssh-ed25519 AAAA',
        fingerprint: 'aa:bb',
        number: 2,
        createdAtMs: 5,
      },
    ]);
  });

  test('have unique names per user; a redelivered create is no conflict', () => {
    const run = runEntity(keypairsDefinition, 'u');
    run.requestId = 'req-1';
    run.send(create('a'));
    expect(run.send(create('a'))).toEqual({});
    run.requestId = 'req-2';
    expect(run.refusal(create('a'))).toEqual({
      refused: 'keypair-exists',
      detail: { name: 'a', userId: 'u' },
    });
  });

  test('are limited; −1 is unlimited', () => {
    const run = runEntity(keypairsDefinition, 'u');
    run.send(create('a'));
    expect(run.refusal(create('b', 1))).toEqual({
      refused: 'keypair-quota',
      detail: { limit: 1, used: 1 },
    });
    expect(run.send(create('b', -1))).toEqual({});
  });

  test('that are not there cannot be deleted', () => {
    const run = runEntity(keypairsDefinition, 'u');
    expect(run.refusal({ type: 'keypair.delete', name: 'a' })).toEqual({
      refused: 'keypair-not-found',
      detail: { name: 'a', userId: 'u' },
    });
  });

  test('two of one name, or a number out of order, are reported', () => {
    const run = runEntity(keypairsDefinition, 'u');
    run.send(create('a'));
    const twice = run.state.keypairs.flatMap((keypair) => [keypair, { ...keypair, number: 9 }]);
    expect(keypairsInvariants({ ...run.state, keypairs: twice })).toEqual([
      'two key pairs are named a',
      'key pair a has number 9 of 1',
    ]);
  });
});
