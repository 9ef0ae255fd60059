import { describe, expect, it } from 'vitest';
import { pendingServers, todoServerGroups } from '#actors/group/core.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { countsByHost, findGroup } from '#actors/group/evolve.ts';
import type { GroupPolicy } from '#actors/group/protocol.ts';
import { decodeState, encodeState } from '#runtime/journal/codec.ts';
import { runEntity } from '../run-entity.ts';

const groupId = 'g1';

function groups(policy: GroupPolicy = 'anti-affinity', maxServerPerHost?: number) {
  const run = runEntity(serverGroupsDefinition, 'project-1');
  const create = (id: string, limit = 10) =>
    run.send({
      type: 'server-group.create',
      group: {
        groupId: id,
        name: `name ${id}`,
        policy,
        userId: 'user-1',
        ...(maxServerPerHost === undefined ? {} : { maxServerPerHost }),
      },
      limit,
    });
  create(groupId);
  const join = (serverIds: readonly string[], more: { userId?: string; limit?: number } = {}) =>
    run.send({
      type: 'server-group.join',
      groupId,
      serverIds: [...serverIds],
      userId: 'user-1',
      limit: 10,
      ...more,
    });
  const claim = (serverId: string, host: string, more: { claimId?: string; epoch?: number } = {}) =>
    run.send({
      type: 'server-group.claim',
      groupId,
      serverId,
      claimId: more.claimId ?? `${serverId}/1`,
      host,
      ownerEpoch: more.epoch ?? 1,
    });
  const release = (serverId: string, final: boolean, claimId = `${serverId}/1`, ownerEpoch = 1) =>
    run.send({ type: 'server-group.release', groupId, serverId, claimId, final, ownerEpoch });
  const hosts = () =>
    Object.fromEntries(countsByHost(findGroup(run.state, groupId)?.members ?? []));
  return { run, create, join, claim, release, hosts };
}

describe('an anti-affinity group', () => {
  it('lets one member on a host, and says what is there already', () => {
    const { join, claim, hosts } = groups();
    join(['s1', 's2']);
    expect(claim('s1', 'h1')).toEqual({ holds: true });
    expect(claim('s2', 'h1')).toEqual({
      refused: 'group-policy',
      detail: {
        groupId,
        policy: 'anti-affinity',
        host: 'h1',
        reason: 'it holds 1 of the group’s servers, and may hold 1',
      },
    });
    expect(claim('s2', 'h2')).toEqual({ holds: true });
    expect(hosts()).toEqual({ h1: 1, h2: 1 });
  });

  it('lets as many on a host as its rule says', () => {
    const { join, claim, hosts } = groups('anti-affinity', 2);
    join(['s1', 's2', 's3']);
    claim('s1', 'h1');
    expect(claim('s2', 'h1')).toEqual({ holds: true });
    expect(claim('s3', 'h1')).toMatchObject({ refused: 'group-policy' });
    expect(hosts()).toEqual({ h1: 2 });
  });

  it('counts both hosts of a member that moves, until one is given back', () => {
    const { join, claim, release, hosts } = groups();
    join(['s1', 's2']);
    claim('s1', 'h1');
    claim('s1', 'h2', { claimId: 'move' });
    expect(hosts()).toEqual({ h1: 1, h2: 1 });
    expect(claim('s2', 'h1')).toMatchObject({ refused: 'group-policy' });
    release('s1', true);
    expect(claim('s2', 'h1')).toEqual({ holds: true });
  });
});

describe('an affinity group', () => {
  it('sends its members to the host of the first', () => {
    const { join, claim } = groups('affinity');
    join(['s1', 's2']);
    claim('s1', 'h1');
    expect(claim('s2', 'h2')).toMatchObject({
      refused: 'group-policy',
      detail: { reason: 'the group’s servers are on h1' },
    });
    expect(claim('s2', 'h1')).toEqual({ holds: true });
  });

  it('lets its only member go anywhere', () => {
    const { join, claim, hosts } = groups('affinity');
    join(['s1']);
    claim('s1', 'h1');
    expect(claim('s1', 'h2')).toEqual({ holds: true });
    expect(hosts()).toEqual({ h2: 1 });
  });

  it('takes nobody while a member moves, since it may stay at either end', () => {
    const { join, claim, release } = groups('affinity');
    join(['s1', 's2']);
    claim('s1', 'h1');
    claim('s1', 'h2', { claimId: 's1/move' });
    for (const host of ['h1', 'h2'])
      expect(claim('s2', host)).toMatchObject({ refused: 'group-policy' });
    release('s1', true);
    expect(claim('s2', 'h2')).toEqual({ holds: true });
  });
});

it.each(['soft-affinity', 'soft-anti-affinity'] as const)('%s refuses no host', (policy) => {
  const { join, claim, hosts } = groups(policy);
  join(['s1', 's2', 's3']);
  claim('s1', 'h1');
  claim('s2', 'h1');
  claim('s3', 'h2');
  expect(hosts()).toEqual({ h1: 2, h2: 1 });
});

describe('a claim', () => {
  it('is known when it comes again, and moves when it names another host', () => {
    const { run, join, claim, hosts } = groups();
    join(['s1']);
    claim('s1', 'h1');
    const { length } = run.events;
    expect(claim('s1', 'h1')).toEqual({ holds: true });
    expect(run.events).toHaveLength(length);
    claim('s1', 'h2');
    expect(hosts()).toEqual({ h2: 1 });
  });

  it('that was given back for good never comes back, one given back for now does', () => {
    const { join, claim, release, hosts } = groups();
    join(['s1', 's2']);
    claim('s1', 'h1');
    release('s1', false);
    expect(hosts()).toEqual({});
    expect(claim('s1', 'h1')).toEqual({ holds: true });
    release('s1', true);
    expect(claim('s1', 'h1')).toMatchObject({ refused: 'claim-closed' });
    release('s2', true);
    expect(claim('s2', 'h1')).toMatchObject({ refused: 'claim-closed' });
  });

  it('of an owner that has been replaced changes nothing', () => {
    const { run, join, claim, release, hosts } = groups();
    join(['s1']);
    claim('s1', 'h1', { epoch: 4 });
    expect(claim('s1', 'h2', { epoch: 3 })).toMatchObject({ refused: 'stale-owner' });
    expect(release('s1', true, 's1/1', 3)).toMatchObject({ refused: 'stale-owner' });
    const leave = { type: 'server-group.leave', groupId, serverId: 's1', ownerEpoch: 3 } as const;
    expect(run.send(leave)).toMatchObject({ refused: 'stale-owner' });
    expect(hosts()).toEqual({ h1: 1 });
  });

  it('of one that is no member is refused, also after it left', () => {
    const { run, join, claim, hosts } = groups();
    expect(claim('s1', 'h1')).toMatchObject({ refused: 'group-member-gone' });
    join(['s1']);
    claim('s1', 'h1');
    const leave = { type: 'server-group.leave', groupId, serverId: 's1', ownerEpoch: 1 } as const;
    expect(run.send(leave)).toEqual({});
    expect(run.send(leave)).toEqual({});
    expect(claim('s1', 'h1')).toMatchObject({ refused: 'group-member-gone' });
    expect(hosts()).toEqual({});
  });

  it('in a group that is gone holds nothing and is free', () => {
    const { run, join, claim, release } = groups();
    join(['s1']);
    run.send({ type: 'server-group.delete', groupId });
    expect(claim('s1', 'h1')).toEqual({ holds: false });
    expect(release('s1', true)).toEqual({});
  });
});

describe('quota', () => {
  it('of groups is the project’s, and the user’s own', () => {
    const { run, create } = groups();
    expect(create('g2', 1)).toEqual({ refused: 'group-quota', detail: { limit: 1, used: 1 } });
    expect(create('g2', -1)).toEqual({});
    const group = { groupId: 'g3', name: 'n', policy: 'affinity', userId: 'user-1' } as const;
    expect(run.send({ type: 'server-group.create', group, limit: 10, userLimit: 2 })).toMatchObject(
      { refused: 'group-quota' },
    );
    const other = { ...group, userId: 'user-2' };
    expect(
      run.send({ type: 'server-group.create', group: other, limit: 10, userLimit: 2 }),
    ).toEqual({});
  });

  it('of members counts those of the user, all or none', () => {
    const { run, join } = groups();
    join(['s1'], { limit: 2 });
    expect(join(['s2', 's3'], { limit: 2 })).toEqual({
      refused: 'group-member-quota',
      detail: { groupId, limit: 2, used: 1 },
    });
    expect(join(['s2', 's3'], { limit: 2, userId: 'user-2' })).toEqual({});
    expect(run.state.groups[0]?.members.map(({ serverId }) => serverId)).toEqual([
      's1',
      's2',
      's3',
    ]);
    expect(join(['s4'], { limit: -1 })).toEqual({});
  });
});

it('a create and a delete that come again change nothing; others are told', () => {
  const { run } = groups();
  const { length } = run.events;
  run.requestId = 'req-same';
  const group = { groupId: 'g2', name: 'n', policy: 'affinity', userId: 'u' } as const;
  expect(run.send({ type: 'server-group.create', group, limit: 2 })).toEqual({});
  expect(run.send({ type: 'server-group.create', group, limit: 2 })).toEqual({});
  expect(run.send({ type: 'server-group.delete', groupId: 'g2' })).toEqual({});
  expect(run.send({ type: 'server-group.delete', groupId: 'g2' })).toEqual({});
  expect(run.events).toHaveLength(length + 2);
  run.requestId = '';
  expect(run.send({ type: 'server-group.delete', groupId: 'g2' })).toEqual({
    refused: 'server-group-not-found',
    detail: { groupId: 'g2' },
  });
  expect(
    run.send({ type: 'server-group.join', groupId: 'g2', serverIds: ['s'], userId: 'u', limit: 1 }),
  ).toMatchObject({ refused: 'server-group-not-found' });
});

describe('members whose servers nobody has seen', () => {
  it('are looked for, and leave when their servers never came to be', () => {
    const { run, join, claim } = groups();
    run.nowMs = 5_000;
    join(['s1', 's2', 's3']);
    claim('s3', 'h1');
    expect(pendingServers(run.state)).toEqual([
      { serverId: 's1', sinceMs: 5_000 },
      { serverId: 's2', sinceMs: 5_000 },
    ]);
    expect(todoServerGroups(run.state)).toEqual([
      { id: 'settle/0', kind: 'settle', afterMs: 30_000 },
    ]);
    run.send({ type: 'server-group.settle', existing: [], missing: [] });
    expect(todoServerGroups(run.state)).toMatchObject([{ id: 'settle/1' }]);
    run.send({ type: 'server-group.settle', existing: ['s1'], missing: ['s2', 's3', 's9'] });
    expect(run.state.groups[0]?.members.map(({ serverId }) => serverId)).toEqual(['s1', 's3']);
    expect(todoServerGroups(run.state)).toEqual([]);
    const { length } = run.events;
    run.send({ type: 'server-group.settle', existing: ['s1'], missing: [] });
    expect(run.events).toHaveLength(length);
  });
});

it('a state that went through a snapshot is the state that it was', () => {
  const { run, join, claim } = groups('anti-affinity', 3);
  join(['s1', 's2']);
  claim('s1', 'h1');
  expect(decodeState(encodeState(run.state))).toEqual(run.state);
});
