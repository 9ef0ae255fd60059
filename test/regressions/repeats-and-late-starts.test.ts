// Found by the simulator: what arrives again after it was done, what comes true after it was given up, and time that goes
// backwards.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instances } from '#actors/instance/protocol.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { projectId, SimulatedCloud } from '#test/support/simulated-cloud.ts';

const one = 'aaaa0001-0000-4000-8000-000000000000';
const actor = { userId: 'user-1', projectId, isAdmin: false };

let cloud: SimulatedCloud;
beforeEach(async () => {
  cloud = new SimulatedCloud({ seed: 5 });
  await cloud.boot();
  await cloud.create(one);
  await cloud.rest();
});
afterEach(() => cloud.dispose());

const guest = () => cloud.host(1).guests.find(one);

it('a request that arrives again after its end is answered as before, and not done again', async () => {
  const boots = () => guest()?.incarnation;
  const ask = (): Promise<unknown> => {
    const asked = cloud.running!.assembly.router.ask(
      instances.ref(one),
      { type: 'instance.operate', operation: 'reboot-hard', operationId: 'reboot-1', actor },
      { requestId: 'req-1' },
    );
    return cloud.env.complete(asked, 'the answer');
  };
  expect(await ask()).toEqual({});
  await cloud.rest();
  const before = { boots: boots(), actions: cloud.server(one)?.actions.length };
  expect(await ask()).toEqual({});
  await cloud.rest();
  expect({ boots: boots(), actions: cloud.server(one)?.actions.length }).toEqual(before);
});

it('a delete that arrives again when the server is gone is answered as before', async () => {
  const ask = (): Promise<unknown> => {
    const asked = cloud.running!.assembly.router.ask(
      instances.ref(one),
      { type: 'instance.operate', operation: 'delete', operationId: 'delete-1', actor },
      { requestId: 'req-1' },
    );
    return cloud.env.complete(asked, 'the answer');
  };
  expect(await ask()).toEqual({});
  await cloud.rest();
  expect(cloud.server(one)?.existence).toBe('gone');
  expect(await ask()).toEqual({});
});

describe('a start that the host carries out after the process that asked for it has died', () => {
  /** A hard reboot whose start hangs in the host; the next process has done it again in the meantime. */
  async function lateStart(): Promise<() => void> {
    const release = cloud.host(1).faults.hang('create');
    await cloud.operate(one, 'reboot-hard');
    await cloud.env.runUntil(() => guest()?.power === 'off', 'the guest to be off');
    await cloud.env.advance(100);
    cloud.kill();
    await cloud.boot();
    await cloud.rest();
    expect(guest()?.power).toBe('running');
    return release;
  }

  it('leaves no guest behind when it comes in the middle of a delete', async () => {
    const release = await lateStart();
    const goOn = cloud.host(1).faults.hang('removeGuest');
    await cloud.operate(one, 'delete');
    await cloud.env.runUntil(() => guest()?.power === 'off', 'the guest to be off');
    await cloud.env.advance(100);
    release();
    await cloud.env.advance(100);
    expect(guest()?.power).toBe('running');
    goOn();
    await cloud.rest();
    expect({ existence: cloud.server(one)?.existence, power: guest()?.power }).toEqual({
      existence: 'gone',
      power: 'off',
    });
  });

  it('makes a suspended server active, and its memory is gone', async () => {
    const release = await lateStart();
    await cloud.operate(one, 'suspend');
    await cloud.rest();
    expect(cloud.server(one)?.vmState).toBe('suspended');
    release();
    await cloud.quiet();
    expect(cloud.server(one)?.vmState).toBe('active');
    expect(cloud.host(1).files.find(one, 'memory.save')).toBeUndefined();
    expect(await cloud.violations()).toEqual([]);
  });
});

it('quota that was reserved before the clock was set back is given back all the same', async () => {
  const used = () =>
    cloud.running?.assembly.entities.view(projectDefinition).get(projectId)?.used.instances;
  await cloud.reserve('aaaa0002-0000-4000-8000-000000000000');
  cloud.env.stepWallClock(-3_600_000);
  await cloud.quiet();
  expect(used()).toBe(1);
});
