// What moves give back, against a placement that says where the server holds something.
import { beforeEach, expect, it } from 'vitest';
import { performMoveEffect, type MoveServices } from '#actors/instance/move-effects.ts';
import { type InstanceDriver, instanceIn, serverId } from './instance-driver.ts';

const context = {
  entityId: serverId,
  signal: new AbortController().signal,
  attempt: 1,
  ownerEpoch: 1,
  isOurs: () => true,
};

let calls: string[];
let services: MoveServices;
beforeEach(() => {
  calls = [];
  services = {
    placement: {
      holders: () => new Set(['provider-1', 'provider-3']),
      letGo: async (provider: string, { claimId }: { claimId: string }) =>
        void calls.push(`let go ${provider} ${claimId}`),
      leaveGroup: async ({ claimId }: { claimId: string }) =>
        void calls.push(`leave group ${claimId}`),
      hold: async (
        { providerId }: { providerId: string },
        { claimId, instead }: { claimId: string; instead: readonly string[] },
      ) => void calls.push(`hold ${providerId} ${claimId} instead of ${instead.join()}`),
    },
    router: {
      ask: async (_ref: unknown, { type }: { type: string }) => {
        calls.push(type);
        return {};
      },
    },
  } as unknown as MoveServices;
});

/** What the driver's state wants done for a move, against the services. */
async function perform(
  driver: InstanceDriver,
  kind: 'release-move' | 'release-interrupted',
): Promise<void> {
  const effect = driver.effect()!;
  expect(effect.kind).toBe(kind);
  const moment = { state: driver.state, context, planOf: () => expect.fail('no plan is needed') };
  await performMoveEffect(services, { ...effect, kind }, moment);
}

it('a placement for a move that came to nothing leaves its claim and its place in the group', async () => {
  const driver = instanceIn('active');
  driver.operate('migrate');
  driver.fail();
  const claimId = `${driver.state.operation!.id}/1`;
  await perform(driver, 'release-move');
  expect(calls).toEqual([
    'project.resize',
    `let go provider-3 ${claimId}`,
    `leave group ${claimId}`,
  ]);
});

it('a delete that fails after it has cut a placement short gives its claims back and renews the server’s', async () => {
  const driver = instanceIn('active');
  driver.operate('resize');
  const [resizeId, before] = [driver.state.operation!.id, driver.state.grant!.claimId];
  driver.operate('delete');
  driver.fail();
  const renewed = `${driver.state.operation!.id}/1/back`;
  await perform(driver, 'release-interrupted');
  expect(calls).toEqual([
    'project.resize',
    `let go provider-3 ${resizeId}/1`,
    `hold provider-1 ${renewed} instead of ${before},${resizeId}/1`,
  ]);
  driver.succeed();
  expect(driver.state).toMatchObject({ vmState: 'error', grant: { claimId: renewed } });
});

it('a delete that fails with nothing cut short gives nothing back', async () => {
  const driver = instanceIn('active');
  const before = driver.state.grant;
  driver.operate('delete');
  driver.fail();
  await perform(driver, 'release-interrupted');
  driver.succeed();
  expect(calls).toEqual([]);
  expect(driver.state).toMatchObject({ vmState: 'error', grant: before });
});
