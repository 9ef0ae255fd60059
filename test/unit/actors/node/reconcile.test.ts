import { expect, it } from 'vitest';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import { reconcile } from '#actors/node/reconcile.ts';
import type { GuestState } from '#hypervisor/port.ts';
import { runEntity } from '../run-entity.ts';

const self = { cluster: 'c', host: 'h' };

function ledger(...grants: readonly (readonly [epoch: number, state: 'open' | 'over'])[]) {
  const run = runEntity(ledgerDefinition, 'h');
  for (const [runEpoch, state] of grants) {
    run.send({ type: 'ledger.admit', serverId: 's', runEpoch });
    if (state === 'over') run.send({ type: 'ledger.close', serverId: 's', runEpoch });
  }
  return run.state;
}

const guest = (mark: GuestState['mark'], power: GuestState['power'] = 'running'): GuestState => ({
  id: 's',
  name: 'instance-s',
  power,
  mark,
});
const ours = (runEpoch: number) => ({ cluster: 'c', host: 'h', runEpoch });
const quarantined = (reason: string) => [
  { type: 'quarantined', serverId: 's', name: 'instance-s', reason },
];

it.each(['running', 'paused', 'crashed'] as const)(
  'a guest under its grant is seen %s',
  (power) => {
    expect(reconcile([guest(ours(1), power)], ledger([1, 'open']), self)).toEqual([
      { type: 'observed', serverId: 's', runEpoch: 1, power },
    ]);
  },
);

it('an open grant without a guest is seen shut down', () => {
  expect(reconcile([], ledger([2, 'open']), self)).toEqual([
    { type: 'observed', serverId: 's', runEpoch: 2, power: 'shutdown' },
  ]);
});

it('a guest whose grant is over, or older than the open one, is superseded', () => {
  const superseded = [{ type: 'superseded', serverId: 's', runEpoch: 1 }];
  expect(reconcile([guest(ours(1))], ledger([1, 'over']), self)).toEqual(superseded);
  expect(reconcile([guest(ours(1))], ledger([1, 'open'], [2, 'open']), self)).toEqual(superseded);
  expect(reconcile([guest(ours(1))], ledger([2, 'over']), self)).toEqual(superseded);
});

it('a guest that no record knows is quarantined', () => {
  expect(reconcile([guest(ours(1))], ledger(), self)).toEqual(
    quarantined('this host has no record of a grant for it'),
  );
});

it('a guest under a newer grant than the record knows is quarantined', () => {
  expect(reconcile([guest(ours(3))], ledger([2, 'open']), self)).toEqual(
    quarantined('it runs under run-epoch 3, the newest on record is 2'),
  );
});

it('a guest that is marked for another host is quarantined', () => {
  const mark = { ...ours(1), host: 'other' };
  expect(reconcile([guest(mark)], ledger([1, 'open']), self)).toEqual(
    quarantined('it is marked for host other'),
  );
});

it('guests of others are not looked at, and hide no missing guest', () => {
  const strangers = [guest(undefined), { ...guest({ ...ours(1), cluster: 'other' }), id: 'x' }];
  expect(reconcile(strangers, ledger([1, 'open']), self)).toEqual([
    { type: 'observed', serverId: 's', runEpoch: 1, power: 'shutdown' },
  ]);
});

it('nothing there and nothing granted, or all over, finds nothing', () => {
  expect(reconcile([], ledger(), self)).toEqual([]);
  expect(reconcile([], ledger([1, 'over']), self)).toEqual([]);
});

it('a guest that stands still for a handover is left to its operation; of an open grant it is told', () => {
  const still: GuestState = { ...guest(ours(2), 'paused'), isInMigration: true };
  for (const record of [ledger(), ledger([1, 'open']), ledger([2, 'over']), ledger([3, 'open'])])
    expect(reconcile([still], record, self)).toEqual([]);
  expect(reconcile([still], ledger([2, 'open']), self)).toEqual([
    { type: 'observed', serverId: 's', runEpoch: 2, power: 'paused' },
  ]);
});
