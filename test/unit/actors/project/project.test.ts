import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketEntries, bucketKeys } from '#actors/domain/bucket-map.ts';
import { defaultQuotaLimits, limitsInForce } from '#actors/project/core.ts';
import { projectInvariants } from '#actors/project/evolve.ts';
import { makeProjectDefinition } from '#actors/project/entity.ts';
import type { ProjectCommand, QuotaLimits } from '#actors/project/protocol.ts';
import { runEntity } from '../run-entity.ts';

const small: QuotaLimits = { ...defaultQuotaLimits, instances: 3, cores: 4, ram: 1000 };
const run = (defaults: QuotaLimits = small) => runEntity(makeProjectDefinition(defaults), 'p1');
const reserve = (...ids: string[]): ProjectCommand => ({
  type: 'project.reserve',
  servers: ids.map((serverId) => ({ serverId, usage: { cores: 1, ramMiB: 100 } })),
});
const definition = makeProjectDefinition(small);

describe('reserving', () => {
  test('counts each server once, however often it is asked for', () => {
    const project = run();
    expect(project.send(reserve('a', 'b', 'a'))).toEqual({});
    expect(project.send(reserve('a', 'b'))).toEqual({});
    expect(project.state.used).toEqual({ instances: 2, cores: 2, ram: 200 });
    expect(project.events).toHaveLength(1);
  });

  test('takes all or none, and names every limit that is too low with its figures', () => {
    const project = run();
    project.send(reserve('a'));
    const refused = project.refusal({
      type: 'project.reserve',
      servers: ['b', 'c', 'd'].map((serverId) => ({ serverId, usage: { cores: 2, ramMiB: 10 } })),
    });
    const cores = { resource: 'cores', requested: 6, used: 1, limit: 4 };
    const instances = { resource: 'instances', requested: 3, used: 1, limit: 3 };
    expect(refused).toEqual({
      refused: 'quota-exceeded',
      detail: { ...cores, over: [cores, instances] },
    });
    expect([...bucketKeys(project.state.servers)]).toEqual(['a']);
  });

  test('memory above its limit is refused', () => {
    const refused = run().refusal({
      type: 'project.reserve',
      servers: [{ serverId: 'a', usage: { cores: 1, ramMiB: 1001 } }],
    });
    expect(refused.detail).toMatchObject({
      resource: 'ram',
      requested: 1001,
      used: 0,
      limit: 1000,
    });
  });

  test('up to the limit exactly is fine, and −1 is unlimited', () => {
    const project = run();
    expect(project.send(reserve('a', 'b', 'c'))).toEqual({});
    project.send({
      type: 'project.set-limits',
      limits: { instances: -1, cores: -1 },
      force: false,
    });
    expect(project.send(reserve('d', 'e', 'f', 'g'))).toEqual({});
  });

  test('the project’s own limit comes before its class’s, and that before the default', () => {
    const project = run();
    const classLimits = { instances: 1, cores: 2 };
    expect(project.refusal({ ...reserve('a', 'b'), classLimits } as never).refused).toBe(
      'quota-exceeded',
    );
    project.send({ type: 'project.set-limits', limits: { instances: 2 }, force: false });
    expect(project.send({ ...reserve('a', 'b'), classLimits } as never)).toEqual({});
    expect(limitsInForce(small, classLimits, { instances: 2 })).toEqual({
      ...small,
      instances: 2,
      cores: 2,
    });
  });
});

describe('releasing', () => {
  test('gives back exactly what was taken, once', () => {
    const project = run();
    project.send(reserve('a', 'b'));
    project.send({ type: 'project.release', serverId: 'a' });
    project.send({ type: 'project.release', serverId: 'a' });
    project.send({ type: 'project.release', serverId: 'never-held' });
    expect(project.state.used).toEqual({ instances: 1, cores: 1, ram: 100 });
    expect(project.events.map((event) => event.type)).toEqual([
      'project.reserved',
      'project.released',
    ]);
  });
});

describe('settling', () => {
  test('keeps what exists, gives back what never came, and asks again only while something waits', () => {
    const project = run();
    expect(definition.todo(project.state)).toEqual([]);
    project.nowMs = 5_000;
    project.send(reserve('a', 'b', 'c'));
    expect(new Map(bucketEntries(project.state.pending))).toEqual(
      new Map(['a', 'b', 'c'].map((id) => [id, 5_000])),
    );
    expect(definition.todo(project.state)).toEqual([
      { id: 'settle/0', kind: 'settle', afterMs: 30_000 },
    ]);
    project.send({ type: 'project.settle', existing: ['a'], missing: ['b'] });
    expect([...bucketKeys(project.state.servers)].sort()).toEqual(['a', 'c']);
    expect(definition.todo(project.state)).toMatchObject([{ id: 'settle/1' }]);
    project.send({ type: 'project.settle', existing: ['c'], missing: [] });
    expect(definition.todo(project.state)).toEqual([]);
    expect(project.state.used).toEqual({ instances: 2, cores: 2, ram: 200 });
  });

  test('a look that learns nothing still names the next look', () => {
    const project = run();
    project.send(reserve('a'));
    project.send({ type: 'project.settle', existing: [], missing: [] });
    expect(definition.todo(project.state)).toMatchObject([{ id: 'settle/1' }]);
  });

  test('only what waits can be reported missing, and existing wins', () => {
    const project = run();
    project.send(reserve('a', 'b'));
    project.send({ type: 'project.settle', existing: ['a'], missing: [] });
    project.send({ type: 'project.settle', existing: ['b'], missing: ['a', 'b', 'x'] });
    expect([...bucketKeys(project.state.servers)].sort()).toEqual(['a', 'b']);
    const before = project.events.length;
    project.send({ type: 'project.settle', existing: [], missing: ['a'] });
    expect(project.events).toHaveLength(before);
  });

  test('a late repeat of a reservation after the release is given back by the next look', () => {
    const project = run();
    project.send(reserve('a'));
    project.send({ type: 'project.release', serverId: 'a' });
    project.send(reserve('a'));
    project.send({ type: 'project.settle', existing: [], missing: ['a'] });
    expect(project.state.used).toEqual({ instances: 0, cores: 0, ram: 0 });
  });
});

describe('limits', () => {
  test('below what is in use need force', () => {
    const project = run();
    project.send(reserve('a', 'b'));
    const lower = { type: 'project.set-limits', limits: { instances: 1 }, force: false } as const;
    expect(project.refusal(lower)).toEqual({
      refused: 'quota-below-usage',
      detail: { resource: 'instances', limit: 1, used: 2 },
    });
    expect(project.send({ ...lower, force: true })).toEqual({});
    expect(project.state.limits).toEqual({ instances: 1 });
  });

  test('merge, ignore unknown names, and go back to the defaults', () => {
    const project = run();
    project.send({ type: 'project.set-limits', limits: { cores: 7, nonsense: 3 }, force: false });
    project.send({ type: 'project.set-limits', limits: { ram: -1 }, force: false });
    project.send({ type: 'project.set-limits', limits: { ram: -1 }, force: false });
    expect(project.state.limits).toEqual({ cores: 7, ram: -1 });
    expect(project.events).toHaveLength(2);
    project.send({ type: 'project.reset-limits' });
    project.send({ type: 'project.reset-limits' });
    expect(project.state.limits).toEqual({});
    expect(project.events).toHaveLength(3);
  });
});

describe('users with limits of their own', () => {
  const setUser = (limits: Record<string, number>, force = false): ProjectCommand => ({
    type: 'project.set-limits',
    limits,
    force,
    userId: 'u',
  });
  const reserveAs = (userId: string, ...ids: string[]) =>
    ({ ...reserve(...ids), userId }) as ProjectCommand;

  test('are held to them; others are not', () => {
    const project = run();
    project.send(setUser({ instances: 1 }));
    project.send(reserveAs('u', 'a'));
    expect(project.refusal(reserveAs('u', 'b')).detail).toMatchObject({
      resource: 'instances',
      used: 1,
      limit: 1,
    });
    expect(project.send(reserveAs('v', 'b'))).toEqual({});
    project.send({ type: 'project.release', serverId: 'a' });
    expect(project.send(reserveAs('u', 'c'))).toEqual({});
  });

  test('get none above the project’s or below their use, unless forced', () => {
    const project = run();
    project.send(reserveAs('u', 'a', 'b'));
    expect(project.refusal(setUser({ instances: 4 }))).toEqual({
      refused: 'quota-above-project',
      detail: { resource: 'instances', limit: 4, maximum: 3 },
    });
    expect(project.refusal(setUser({ cores: -1 })).refused).toBe('quota-above-project');
    expect(project.refusal(setUser({ instances: 1 })).detail).toEqual({
      resource: 'instances',
      limit: 1,
      used: 2,
    });
    expect(project.send(setUser({ instances: 4 }, true))).toEqual({});
  });

  test('are forgotten when neither servers nor limits are left', () => {
    const project = run();
    project.send(setUser({ instances: 1 }));
    project.send(reserveAs('u', 'a'));
    expect(project.state.users).toEqual({
      u: { limits: { instances: 1 }, used: { instances: 1, cores: 1, ram: 100 } },
    });
    project.send({ type: 'project.release', serverId: 'a' });
    project.send({ type: 'project.reset-limits', userId: 'u' });
    expect(project.state.users).toEqual({});
  });
});

test('whatever is asked, use is the sum over the servers held and stays within the limits', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const command = fc.oneof(
    fc.record({
      type: fc.constant('project.reserve' as const),
      servers: fc.array(
        fc.record({
          serverId: ids,
          usage: fc.record({ cores: fc.nat(3), ramMiB: fc.nat(600) }),
        }),
        { maxLength: 4 },
      ),
      userId: fc.constantFrom('u', 'v'),
    }),
    fc.record({ type: fc.constant('project.release' as const), serverId: ids }),
    fc.record({
      type: fc.constant('project.settle' as const),
      existing: fc.array(ids),
      missing: fc.array(ids),
    }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const project = run();
      for (const each of commands) {
        project.send(each);
        const { used } = project.state;
        expect(used.instances <= 3 && used.cores <= 4 && used.ram <= 1000).toBe(true);
      }
    }),
  );
});

test('a state whose figures do not add up is reported', () => {
  const project = run();
  project.send(reserve('a'));
  expect(
    projectInvariants({ ...project.state, used: { instances: 2, cores: -1, ram: 100 } }),
  ).toEqual([
    '2 instances in use but 1 servers held',
    'negative use: {"instances":2,"cores":-1,"ram":100}',
    'use {"instances":2,"cores":-1,"ram":100} is not the sum over the servers {"instances":1,"cores":1,"ram":100}',
  ]);
});
