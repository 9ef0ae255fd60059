// What moves give back, against a placement that says where the server holds something.
import { expect, it } from 'vitest';
import { performMoveEffect, type MoveServices } from '#actors/instance/move-effects.ts';
import { instanceIn, serverId } from './instance-driver.ts';

it('a placement for a move that came to nothing leaves its claim and its place in the group', async () => {
  const driver = instanceIn('active');
  driver.operate('migrate');
  driver.fail();
  const calls: string[] = [];
  const services = {
    placement: {
      holders: () => new Set(['provider-1', 'provider-3']),
      letGo: async (provider: string, { claimId }: { claimId: string }) =>
        void calls.push(`let go ${provider} ${claimId}`),
      leaveGroup: async ({ claimId }: { claimId: string }) =>
        void calls.push(`leave group ${claimId}`),
    },
    router: {
      ask: async (_ref: unknown, { type }: { type: string }) => {
        calls.push(type);
        return {};
      },
    },
  } as unknown as MoveServices;
  const context = {
    entityId: serverId,
    signal: new AbortController().signal,
    attempt: 1,
    ownerEpoch: 1,
    isOurs: () => true,
  };
  const effect = driver.effect()!;
  expect(effect.kind).toBe('release-move');
  const moment = { state: driver.state, context, planOf: () => expect.fail('no plan is needed') };
  await performMoveEffect(services, { ...effect, kind: 'release-move' }, moment);
  const claimId = `${effect.operationId}/1`;
  expect(calls).toEqual([
    'project.resize',
    `let go provider-3 ${claimId}`,
    `leave group ${claimId}`,
  ]);
});
