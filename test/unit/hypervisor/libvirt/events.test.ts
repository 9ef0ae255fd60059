import { describe, expect, test } from 'vitest';
import { guestEventOf, guestPowerOf } from '#hypervisor/libvirt/events.ts';
import { eventMessages } from '#hypervisor/libvirt/rpc/procedures.ts';
import { decodeXdr } from '#hypervisor/libvirt/rpc/xdr.ts';

const ID = '11111111-2222-4333-8444-555555555501';

/** As libvirt 9.0 sent it: callback 0, domain `a`, id 3, started (2), booted (0). */
const STARTED = Buffer.from(
  '00000000000000016100000011111111222243338444555555555501000000030000000200000000',
  'hex',
);

const read = (event: number, detail: number): unknown =>
  guestEventOf({
    ...decodeXdr(eventMessages.domainLifecycle.body, new Uint8Array(STARTED)),
    event,
    detail,
  });

describe('lifecycle events', () => {
  test('a message from the wire is understood', () => {
    const message = decodeXdr(eventMessages.domainLifecycle.body, new Uint8Array(STARTED));
    expect([message.dom.name, message.dom.id]).toEqual(['a', 3]);
    expect(guestEventOf(message)).toEqual({ type: 'guest.started', id: ID, detail: 'booted' });
  });

  test.each([
    [2, 2, { type: 'guest.started', id: ID, detail: 'restored' }],
    [3, 0, { type: 'guest.paused', id: ID, detail: 'paused' }],
    [3, 2, { type: 'guest.paused', id: ID, detail: 'io-error' }],
    [4, 0, { type: 'guest.resumed', id: ID, detail: 'unpaused' }],
    [4, 2, { type: 'guest.resumed', id: ID, detail: 'from-snapshot' }],
    [5, 0, { type: 'guest.stopped', id: ID, detail: 'shutdown' }],
    [5, 1, { type: 'guest.stopped', id: ID, detail: 'destroyed' }],
    [5, 2, { type: 'guest.stopped', id: ID, detail: 'crashed' }],
    [5, 3, { type: 'guest.stopped', id: ID, detail: 'migrated' }],
    [5, 4, { type: 'guest.stopped', id: ID, detail: 'saved' }],
    [5, 5, { type: 'guest.stopped', id: ID, detail: 'failed' }],
    [5, 6, { type: 'guest.stopped', id: ID, detail: 'other' }],
    [7, 1, { type: 'guest.paused', id: ID, detail: 'pm-disk' }],
    [2, 99, { type: 'guest.started', id: ID, detail: 'other' }],
  ])('event %i with detail %i', (event, detail, wanted) => {
    expect(read(event, detail)).toEqual(wanted);
  });

  test.each([0, 1, 6, 8, 99])('event %i is not told', (event) => {
    expect(read(event, 0)).toBeUndefined();
  });
});

test('every domain state has its power state', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map(guestPowerOf)).toEqual([
    'nostate',
    'running',
    'running',
    'paused',
    'shutdown',
    'shutdown',
    'crashed',
    'paused',
    'nostate',
  ]);
});
