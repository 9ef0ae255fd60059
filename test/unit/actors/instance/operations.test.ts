import { describe, expect, it } from 'vitest';
import { operations } from '#actors/instance/operations/all.ts';
import { endOf } from '#actors/instance/operations/table.ts';
import { type OperationName, operationNames } from '#actors/instance/protocol.ts';
import { todo } from '#actors/instance/todo.ts';
import type { VmState } from '#actors/domain/states.ts';
import { otherImage } from '#test/support/test-image.ts';
import { admin, fault, InstanceDriver, instanceIn, user } from './instance-driver.ts';

const restStates = [
  'active',
  'stopped',
  'paused',
  'suspended',
  'resized',
  'rescued',
  'soft-delete',
  'shelved',
  'shelved_offloaded',
  'error',
] as const satisfies readonly VmState[];
const others = operationNames.filter((name) => name !== 'create');

/** Every (operation, rest state) that its table allows, and every one that it does not. */
/** A server in error has no move, unless one left it there. */
const starts = (name: OperationName, from: VmState): boolean => {
  const { vmStates, needsMove } = operations[name];
  if (needsMove === true) return from === 'resized';
  return vmStates === 'any' || vmStates.includes(from);
};
const cells = others.flatMap((name) =>
  restStates.map((from) => ({
    name,
    from,
    allowed: starts(name, from),
  })),
);

describe('every operation table', () => {
  it.each(cells.filter((cell) => cell.allowed))(
    '$name from $from ends where its table says',
    ({ name, from }) => {
      const driver = instanceIn(from);
      expect(driver.operate(name)).toBeUndefined();
      const { steps } = operations[name];
      expect(driver.state.taskState).toBe(steps[0]?.taskState);
      driver.rest();
      expect(driver.state).toMatchObject({
        vmState: endOf(operations[name], from),
        taskState: undefined,
        operation: undefined,
      });
      expect(driver.state.actions.at(-1)).toMatchObject({
        action: operations[name].action,
        message: undefined,
        events: [{ result: 'Success' }],
      });
    },
  );

  it.each(cells.filter((cell) => !cell.allowed))(
    '$name is refused from $from and changes nothing',
    ({ name, from }) => {
      const driver = instanceIn(from);
      const before = driver.state;
      expect(driver.operate(name)).toEqual({
        refused: 'instance-wrong-state',
        detail: {
          id: before.id,
          action: operations[name].action,
          attribute: 'vm_state',
          state: from,
        },
      });
      expect(driver.state).toBe(before);
    },
  );

  it('a live migration whose source can not be cleaned ends well, and leaves that for later', () => {
    const driver = instanceIn('active');
    driver.operate('live-migrate');
    for (let done = 0; done < 5; done += 1) driver.succeed();
    driver.fail().rest();
    expect(driver.state).toMatchObject({
      taskState: undefined,
      vmState: 'active',
      fault: undefined,
      leftBehind: [{ work: 'clean' }],
    });
  });

  const failures = others.flatMap((name) => {
    const from = restStates.find((state) => starts(name, state)) ?? 'active';
    return operations[name].steps
      .map((step, index) => ({ name, from, step: step.name, index }))
      .filter(({ index }) => operations[name].steps[index]?.failure !== 'leave-behind');
  });
  it.each(failures)(
    '$name that fails at $step comes to rest with a reason',
    ({ name, from, index }) => {
      const driver = instanceIn(from);
      driver.operate(name);
      for (let done = 0; done < index; done += 1) driver.succeed();
      driver.fail().rest();
      const failure = operations[name].steps[index]?.failure ?? operations[name].failure;
      expect(driver.state).toMatchObject({
        taskState: undefined,
        vmState: failure === 'restore' ? from : 'error',
      });
      // After a move the message also says where the disk is.
      const said = driver.state.fault?.message ?? '';
      const isMore = operations[name].needsMove === true && said.startsWith('it broke ');
      const message = isMore ? said : fault.message;
      const wanted =
        failure === 'error' ? { ...fault, message, atMs: driver.state.fault?.atMs } : undefined;
      expect(driver.state.fault).toEqual(wanted);
      expect(driver.state.actions.at(-1)).toMatchObject({
        message: 'Error',
        events: [{ result: 'Error', details: 'it broke\nin a test' }],
      });
    },
  );

  it.each(operationNames.flatMap((name) => operations[name].steps.map((step) => ({ name, step }))))(
    '$name has a deadline for its step $step.name',
    ({ step }) => {
      expect(step.deadlineMs).toBeGreaterThan(0);
      expect(step.deadlineMs).toBeLessThanOrEqual(1_800_000);
    },
  );
});

describe('create', () => {
  it('places, grants run-epoch 1, builds and becomes active', () => {
    const driver = new InstanceDriver().create();
    expect(driver.state).toMatchObject({
      vmState: 'building',
      taskState: 'scheduling',
      grant: undefined,
    });
    driver.succeed();
    expect(driver.state).toMatchObject({
      taskState: 'spawning',
      grant: { host: 'host-1', runEpoch: 1 },
      runEpoch: 1,
    });
    driver.succeed();
    expect(driver.state).toMatchObject({
      vmState: 'active',
      powerState: 'running',
      taskState: undefined,
    });
    expect(driver.state.launchedAtMs).toBeGreaterThan(0);
  });

  it('is the same server when it is asked twice, and another one is refused', () => {
    const driver = new InstanceDriver().create();
    const command = {
      type: 'instance.create',
      request: driver.state.request!,
      operationId: 'op-1',
    } as const;
    expect(driver.send(command, driver.state.actions[0]!.requestId)).toEqual({});
    expect(driver.send(command, 'req-other')).toMatchObject({ refused: 'instance-exists' });
  });

  it('goes to another host under a new run-epoch only after the first host gave the old one back', () => {
    const driver = new InstanceDriver().create().succeed('host-1').fail(true);
    expect(driver.effect()).toMatchObject({ kind: 'destroy-guest', undo: true });
    expect(driver.state.grant?.host).toBe('host-1');
    driver.succeed();
    expect(driver.state.grant).toBeUndefined();
    expect(driver.effect()).toMatchObject({ kind: 'release-placement', undo: true });
    driver.succeed();
    expect(driver.effect()).toMatchObject({ kind: 'place', attempt: 2, undo: false });
    expect(driver.state.operation?.excludedHosts).toEqual([{ host: 'host-1', reason: 'it broke' }]);
    driver.succeed('host-2').succeed();
    expect(driver.state).toMatchObject({
      vmState: 'active',
      grant: { host: 'host-2', runEpoch: 2 },
    });
  });

  it('gives up after its tries and says why', () => {
    const driver = new InstanceDriver().create();
    for (let attempt = 1; attempt <= operations.create.attempts; attempt += 1)
      driver.succeed(`host-${attempt}`).fail(true).succeed().succeed();
    expect(driver.state).toMatchObject({
      vmState: 'error',
      grant: undefined,
      fault,
      operation: undefined,
    });
  });

  it('without a host ends in error, with nothing held', () => {
    const driver = new InstanceDriver().create().fail();
    expect(driver.effect()).toMatchObject({ kind: 'release-placement', undo: true });
    driver.succeed();
    expect(driver.state).toMatchObject({ vmState: 'error', grant: undefined, fault });
  });

  it('keeps the grant when the host can not say that the guest is gone, for a delete to try again', () => {
    const driver = new InstanceDriver().create().succeed().fail().fail();
    expect(driver.state).toMatchObject({
      vmState: 'error',
      grant: { host: 'host-1' },
      operation: undefined,
    });
    driver.operate('delete');
    expect(driver.effect()).toMatchObject({ kind: 'destroy-guest' });
    expect(driver.rest().state).toMatchObject({ existence: 'gone', grant: undefined });
  });
});

describe('delete', () => {
  const moments = operationNames.flatMap((name) => {
    const from = restStates.find((state) => starts(name, state));
    return operations[name].steps.map((step, index) => ({ name, from, step: step.name, index }));
  });
  it.each(moments.filter(({ name }) => name !== 'delete'))(
    'interrupts $name at $step and leaves nothing',
    ({ name, from, index }) => {
      const driver =
        name === 'create' ? new InstanceDriver().create() : instanceIn(from ?? 'active');
      if (name !== 'create') driver.operate(name);
      for (let done = 0; done < index; done += 1) driver.succeed();
      const late = driver.effect()!;
      expect(driver.operate('delete')).toBeUndefined();
      const report = { operationId: late.operationId, step: late.step, attempt: late.attempt };
      expect(driver.send({ type: 'instance.step-done', ...report, result: {} })).toMatchObject({
        refused: 'instance-late-report',
      });
      driver.rest();
      expect(driver.state).toMatchObject({
        existence: 'gone',
        vmState: 'deleted',
        grant: undefined,
        ports: [],
      });
      expect(driver.operate('delete')).toMatchObject({ refused: 'instance-not-found' });
    },
  );

  it('asked for twice is one delete', () => {
    const driver = instanceIn('active');
    driver.operate('delete');
    const { operation } = driver.state;
    expect(driver.operate('delete')).toBeUndefined();
    expect(driver.state.operation).toBe(operation);
  });

  it('gives quota, claims and ports back only after the host said that the guest is gone', () => {
    const driver = instanceIn('active');
    driver.operate('delete');
    expect(driver.effect()?.kind).toBe('destroy-guest');
    driver.succeed();
    expect(driver.state.grant).toBeUndefined();
    expect(driver.effect()?.kind).toBe('release-all');
  });
});

describe('a move that is being kept', () => {
  it('can not be taken back once that has begun: the source may have lost its disks', () => {
    const driver = instanceIn('resized');
    driver.operate('confirm-resize');
    driver.fail();
    expect(driver.state).toMatchObject({ vmState: 'resized', move: { isKept: true } });
    expect(driver.operate('revert-resize')).toMatchObject({ refused: 'instance-wrong-state' });
    expect(driver.operate('confirm-resize')).toBeUndefined();
    driver.rest();
    expect(driver.state).toMatchObject({ vmState: 'active', move: undefined });
  });
});

describe('a locked server', () => {
  it('refuses its owner and obeys an administrator', () => {
    const driver = instanceIn('active');
    driver.send({ type: 'instance.lock', actor: user, locked: true, reason: 'mine' });
    expect(driver.operate('stop')).toEqual({
      refused: 'instance-locked',
      detail: { id: driver.state.id },
    });
    expect(driver.operate('stop', admin)).toBeUndefined();
  });

  it('locked by an administrator is not unlocked by its owner', () => {
    const driver = instanceIn('active');
    driver.send({ type: 'instance.lock', actor: admin, locked: true });
    expect(driver.send({ type: 'instance.lock', actor: user, locked: false })).toMatchObject({
      refused: 'instance-locked',
    });
    driver.send({ type: 'instance.lock', actor: admin, locked: false });
    expect(driver.state.locked).toBe(false);
  });
});

describe('what a host observes', () => {
  const seen = (power: 'running' | 'paused' | 'shutdown' | 'crashed', runEpoch = 1) =>
    ({ type: 'instance.observed', host: 'host-1', runEpoch, power, reason: 'test' }) as const;

  it.each([
    { from: 'active', power: 'shutdown', to: 'stopped' },
    { from: 'active', power: 'crashed', to: 'stopped' },
    { from: 'paused', power: 'shutdown', to: 'stopped' },
    { from: 'active', power: 'paused', to: 'paused' },
    { from: 'stopped', power: 'paused', to: 'paused' },
    { from: 'paused', power: 'running', to: 'active' },
    { from: 'stopped', power: 'running', to: 'active' },
    { from: 'suspended', power: 'shutdown', to: 'suspended' },
    { from: 'rescued', power: 'shutdown', to: 'rescued' },
  ] as const)('$power turns $from into $to', ({ from, power, to }) => {
    const driver = instanceIn(from);
    driver.send(seen(power));
    expect(driver.state).toMatchObject({ vmState: to, powerState: power });
  });

  it('under another grant is refused', () => {
    const driver = instanceIn('active');
    expect(driver.send(seen('shutdown', 2))).toMatchObject({ refused: 'instance-late-report' });
    expect(driver.state.vmState).toBe('active');
  });

  it('is of no account while an operation runs', () => {
    const driver = instanceIn('active');
    driver.operate('stop');
    driver.send(seen('shutdown'));
    expect(driver.state).toMatchObject({ vmState: 'active', taskState: 'powering-off' });
  });
});

describe('an id that was given up', () => {
  it('can never become a server', () => {
    const driver = new InstanceDriver();
    expect(driver.send({ type: 'instance.abandon' })).toEqual({ exists: false });
    driver.create();
    expect(driver.state.existence).toBe('gone');
  });
});

describe('rebuild', () => {
  it('is what the server is asked to be from its start on', () => {
    const driver = instanceIn('active');
    driver.operate('rebuild');
    expect(driver.state.request?.image).toEqual(otherImage);
    driver.rest();
    expect(driver.state).toMatchObject({ vmState: 'active', needsRebuild: false });
  });

  it('whose image can not be had leaves the server what it was, in error', () => {
    const driver = instanceIn('active');
    const before = driver.state.request;
    driver.operate('rebuild');
    driver.fail();
    expect(driver.state).toMatchObject({ vmState: 'error', fault, request: before });
    expect(driver.state.needsRebuild).not.toBe(true);
  });

  it.each(['start', 'reboot-hard'] as const)(
    'that fails later is done by the next %s',
    (operation) => {
      const driver = instanceIn('active');
      driver.operate('rebuild');
      driver.succeed().fail();
      expect(driver.state).toMatchObject({
        vmState: 'error',
        needsRebuild: true,
        request: { image: otherImage },
      });
      driver.operate('stop');
      expect(driver.rest().state.needsRebuild).toBe(true);
      driver.operate(operation);
      expect(driver.rest().state).toMatchObject({ vmState: 'active', needsRebuild: false });
    },
  );
});

describe('a snapshot', () => {
  const discard = (driver: InstanceDriver) =>
    todo(driver.state).find(({ kind }) => kind === 'discard-image');

  it('keeps its image once that has its bytes', () => {
    const driver = instanceIn('active');
    driver.operate('snapshot');
    driver.succeed().succeed();
    expect(driver.state.unfinishedImage).toBeDefined();
    driver.succeed();
    expect(driver.state).toMatchObject({
      unfinishedImage: undefined,
      taskState: 'image_uploading',
    });
    driver.fail();
    expect(discard(driver)).toBeUndefined();
  });

  it('that fails, or is interrupted by a delete, has its image removed, also when the server is gone', () => {
    const driver = instanceIn('active');
    driver.operate('snapshot');
    driver.succeed().fail();
    expect(driver.state.vmState).toBe('active');
    expect(discard(driver)).toBeDefined();
    driver.rest();
    expect(driver.state.unfinishedImage).toBeUndefined();
    driver.operate('snapshot');
    expect(discard(driver)).toBeUndefined();
    driver.operate('delete');
    driver.succeed().succeed();
    expect(driver.state.existence).toBe('gone');
    expect(discard(driver)).toBeDefined();
    driver.rest();
    expect(todo(driver.state)).toEqual([]);
  });

  it('that begins while the image of an earlier one is still to be removed forgets neither', () => {
    const driver = instanceIn('active');
    const discarded = () =>
      todo(driver.state).flatMap(({ imageId }) => (imageId === undefined ? [] : [imageId]));
    driver.operate('snapshot');
    const first = driver.state.unfinishedImage;
    driver.fail();
    driver.operate('backup');
    const second = driver.state.unfinishedImage;
    expect(second).not.toBe(first);
    expect(discarded()).toEqual([first]);
    driver.fail();
    expect(discarded()).toEqual([first, second]);
    driver.send({ type: 'instance.image-discarded', imageId: first ?? '' });
    driver.send({ type: 'instance.image-discarded', imageId: first ?? '' });
    expect(discarded()).toEqual([second]);
    driver.send({ type: 'instance.image-discarded', imageId: second ?? '' });
    expect(todo(driver.state)).toEqual([]);
    expect(driver.state.leftImages).toBeUndefined();
  });
});
