import { describe, expect, it } from 'vitest';
import {
  isClosed,
  isOver,
  isStaleOwner,
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

describe('an owner', () => {
  const owned = (ownerEpoch: number, runEpoch = 1) => ({ ...admit(runEpoch), ownerEpoch });
  const heed = (ownerEpoch: number) =>
    ({ type: 'ledger.heed', serverId: 's', ownerEpoch }) as const;
  const stale = (ledger: Ledger, epochs: readonly (number | undefined)[]) =>
    epochs.map((epoch) => isStaleOwner(ledger.state, 's', epoch));

  it('is remembered with the grant, and earlier ones are refused from then on', () => {
    const ledger = newLedger();
    ledger.send(owned(4));
    ledger.send(owned(4));
    expect(ledger.events).toHaveLength(1);
    ledger.send(owned(5));
    expect(ledger.events).toHaveLength(2);
    expect(ledger.refusal(owned(4))).toEqual({
      refused: 'stale-owner',
      detail: { serverId: 's', ownerEpoch: 4, known: 5 },
    });
    expect(stale(ledger, [4, 5, 6, undefined])).toEqual([true, false, false, false]);
  });

  it('of before is refused under a newer grant, too', () => {
    const ledger = newLedger();
    ledger.send(owned(5));
    expect(ledger.refusal(owned(4, 2)).refused).toBe('stale-owner');
    expect(grant(ledger)).toEqual({ open: 1, closed: false, newest: 1 });
  });

  it('outlasts the end of a grant, and a grant without an owner', () => {
    const ledger = newLedger();
    ledger.send(owned(5));
    ledger.send(close(1));
    expect(ledger.refusal(owned(4, 2)).refused).toBe('stale-owner');
    ledger.send(admit(2));
    expect(stale(ledger, [4, 5])).toEqual([true, false]);
  });

  it('that is heeded is remembered where the server is known, and the grant stays as it is', () => {
    const ledger = newLedger();
    expect(ledger.send(heed(7))).toEqual({});
    expect(ledger.events).toEqual([]);
    ledger.send(admit(1));
    ledger.send(heed(7));
    ledger.send(heed(7));
    expect(ledger.events).toHaveLength(2);
    expect(ledger.refusal(heed(6)).refused).toBe('stale-owner');
    expect(grant(ledger)).toEqual({ open: 1, closed: false, newest: 1 });
  });

  it('of another server is another matter', () => {
    const ledger = newLedger();
    ledger.send({ ...admit(1, 'other'), ownerEpoch: 9 });
    expect(stale(ledger, [1])).toEqual([false]);
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
