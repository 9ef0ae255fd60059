import { expect, it } from 'vitest';
import { membersIn } from '#actors/node/members.ts';
import type { MemberRecord } from '#runtime/membership/store.ts';

const member = (id: string, changes: Partial<MemberRecord> = {}): MemberRecord => ({
  id,
  role: 'compute',
  name: 'host-1',
  addresses: [],
  apiUrl: undefined,
  admittedAtMs: 1,
  isRevoked: false,
  ...changes,
});

it('a host is run by the member of its name', () => {
  const records = [member('a'), member('b', { name: 'host-2' })];
  const members = membersIn(() => records);
  expect(['host-1', 'host-2', 'host-3'].map((host) => members.ofHost(host))).toEqual([
    'a',
    'b',
    undefined,
  ]);
  expect(records.map((record) => members.hostOf(record))).toEqual(['host-1', 'host-2']);
});

it('of two members with one host the one admitted last counts, and of equals always the same', () => {
  const old = member('z', { admittedAtMs: 1 });
  const young = member('a', { admittedAtMs: 2 });
  for (const records of [
    [old, young],
    [young, old],
  ]) {
    const members = membersIn(() => records);
    expect(members.ofHost('host-1')).toBe('a');
    expect([members.hostOf(old), members.hostOf(young)]).toEqual([undefined, 'host-1']);
  }
  const equals = [member('a'), member('b')];
  expect(membersIn(() => equals).ofHost('host-1')).toBe('b');
  expect(membersIn(() => equals.toReversed()).ofHost('host-1')).toBe('b');
});

it('controllers and revoked members run no host', () => {
  const records = [member('a', { role: 'controller' }), member('b', { isRevoked: true })];
  const members = membersIn(() => records);
  expect(members.ofHost('host-1')).toBeUndefined();
  expect(records.map((record) => members.hostOf(record))).toEqual([undefined, undefined]);
});

it('another list of records is looked at anew', () => {
  let records: readonly MemberRecord[] = [];
  const members = membersIn(() => records);
  expect(members.ofHost('host-1')).toBeUndefined();
  records = [member('a')];
  expect(members.ofHost('host-1')).toBe('a');
});
