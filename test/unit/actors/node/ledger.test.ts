import { describe, expect, it } from 'vitest';
import {
  isClosed,
  isOver,
  ledgerDefinition,
  newestEpoch,
  openGrant,
  TOMBSTONE_MS,
} from '#actors/node/ledger.ts';
import { type EntityRun, runEntity } from '../run-entity.ts';

type Ledger = EntityRun<
  ReturnType<typeof ledgerDefinition.initial>,
  typeof ledgerDefinition.commands,
  typeof ledgerDefinition.events
>;
const newLedger = (): Ledger => runEntity(ledgerDefinition, 'host-1');
const admit = (runEpoch: number, serverId = 's') =>
  ({ type: 'ledger.admit', serverId, runEpoch }) as const;
const close = (runEpoch: number, serverId = 's') =>
  ({ type: 'ledger.close', serverId, runEpoch }) as const;

function grant(ledger: Ledger) {
  return {
    open: openGrant(ledger.state, 's'),
    closed: isClosed(ledger.state, 's'),
    newest: newestEpoch(ledger.state, 's'),
  };
}

describe('a grant', () => {
  it('that nobody gave is neither open nor over', () => {
    const ledger = newLedger();
    expect(grant(ledger)).toEqual({ open: undefined, closed: false, newest: 0 });
    expect(isOver(ledger.state, 's', 1)).toBe(false);
    expect(openGrant(undefined, 's')).toBeUndefined();
  });

  it('is admitted once, and a repeat is answered without an event', () => {
    const ledger = newLedger();
    expect(ledger.send(admit(1))).toEqual({});
    expect(ledger.send(admit(1))).toEqual({});
    expect(ledger.events).toHaveLength(1);
    expect(grant(ledger)).toEqual({ open: 1, closed: false, newest: 1 });
  });

  it('is superseded by a newer one, and then refused for ever', () => {
    const ledger = newLedger();
    ledger.send(admit(1));
    ledger.send(admit(3));
    expect(ledger.send(admit(2))).toEqual({
      refused: 'stale-grant',
      detail: { serverId: 's', runEpoch: 2, known: 3 },
    });
    expect([1, 2, 3, 4].map((runEpoch) => isOver(ledger.state, 's', runEpoch))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('that is over is refused, while a newer one is admitted', () => {
    const ledger = newLedger();
    ledger.send(admit(1));
    ledger.send(close(1));
    expect(grant(ledger)).toEqual({ open: undefined, closed: true, newest: 1 });
    expect(ledger.refusal(admit(1)).refused).toBe('stale-grant');
    ledger.send(admit(2));
    expect(grant(ledger)).toEqual({ open: 2, closed: false, newest: 2 });
  });

  it('can be over before it was ever heard of', () => {
    const ledger = newLedger();
    ledger.send(close(4));
    expect(ledger.refusal(admit(4)).refused).toBe('stale-grant');
    expect(ledger.refusal(admit(3)).refused).toBe('stale-grant');
  });

  it('is closed once, and an older close does not touch a newer grant', () => {
    const ledger = newLedger();
    ledger.send(admit(2));
    ledger.send(close(1));
    expect(grant(ledger).open).toBe(2);
    ledger.send(close(2));
    const events = ledger.events.length;
    ledger.send(close(2));
    ledger.send(close(1));
    expect(ledger.events).toHaveLength(events);
  });
});

describe('a tombstone', () => {
  it('is forgotten after its age, open grants never', () => {
    const ledger = newLedger();
    ledger.send(admit(1, 'open'));
    ledger.send(close(1, 'old'));
    ledger.nowMs += 1;
    ledger.send(close(1, 'younger'));
    ledger.nowMs += TOMBSTONE_MS;
    expect(ledger.send({ type: 'ledger.prune' })).toEqual({ pruned: 1 });
    expect(isClosed(ledger.state, 'old')).toBe(false);
    expect(isClosed(ledger.state, 'younger')).toBe(true);
    expect(openGrant(ledger.state, 'open')).toBe(1);
  });

  it('that is not there makes no event', () => {
    const ledger = newLedger();
    expect(ledger.send({ type: 'ledger.prune' })).toEqual({ pruned: 0 });
    expect(ledger.events).toEqual([]);
  });
});
