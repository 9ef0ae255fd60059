import { describe, expect, test } from 'vitest';
import { aggregatesInvariants } from '#actors/topology/aggregates-core.ts';
import { aggregatesOfHost, zoneOfHost } from '#actors/topology/aggregates-lookup.ts';
import type { AggregateCommand } from '#actors/topology/aggregates-protocol.ts';
import { aggregatesDefinition } from '#actors/topology/entity.ts';
import { runEntity } from '../run-entity.ts';

const create = (name: string, zone?: string): AggregateCommand => ({
  type: 'aggregate.create',
  uuid: `uuid-${name}`,
  name,
  metadata: zone === undefined ? {} : { availability_zone: zone },
});
const add = (number: number, host: string): AggregateCommand => ({
  type: 'aggregate.add-host',
  number,
  host,
});
const remove = (number: number, host: string): AggregateCommand => ({
  type: 'aggregate.remove-host',
  number,
  host,
});

function started(...commands: readonly AggregateCommand[]) {
  const run = runEntity(aggregatesDefinition, 'all');
  for (const command of commands) run.send(command);
  return run;
}

describe('aggregates', () => {
  test('have numbers in order that are not used again', () => {
    const run = started(create('a'), create('b'), { type: 'aggregate.delete', number: 2 });
    expect(run.send(create('c'))).toEqual({ number: 3 });
    expect(run.state.aggregates.map(({ number, name }) => [number, name])).toEqual([
      [1, 'a'],
      [3, 'c'],
    ]);
  });

  test('have unique names; a repeated create is answered as before', () => {
    const run = started(create('a'), create('b'));
    expect(run.send(create('a'))).toEqual({ number: 1 });
    expect(run.refusal({ ...create('a'), uuid: 'another' } as AggregateCommand)).toEqual({
      refused: 'aggregate-exists',
      detail: { name: 'a' },
    });
    expect(run.refusal({ type: 'aggregate.rename', number: 2, name: 'a' }).refused).toBe(
      'aggregate-exists',
    );
    run.send({ type: 'aggregate.rename', number: 2, name: 'b' });
    expect(run.state.aggregates[1]?.name).toBe('b');
  });

  test('take a host once; a repeated command is no second one', () => {
    const run = started(create('a'));
    run.requestId = 'req-same';
    run.send(add(1, 'h1'));
    expect(run.send(add(1, 'h1'))).toEqual({});
    run.requestId = '';
    expect(run.refusal(add(1, 'h1')).refused).toBe('aggregate-host-exists');
    expect(run.refusal(add(7, 'h1')).refused).toBe('aggregate-not-found');
    run.send(remove(1, 'h1'));
    expect(run.refusal(remove(1, 'h1')).refused).toBe('aggregate-host-not-found');
    expect(run.state.aggregates[0]).toEqual({
      number: 1,
      uuid: 'uuid-a',
      name: 'a',
      hosts: [],
      metadata: {},
      createdAtMs: 1_000,
      updatedAtMs: 1_000,
    });
  });

  test('put a host into one zone at most', () => {
    const run = started(create('a', 'east'), create('b', 'west'), create('c'), add(1, 'h1'));
    const reason = "One or more hosts already in availability zone(s) ['east']";
    expect(run.refusal(add(2, 'h1'))).toEqual({
      refused: 'aggregate-refused',
      detail: { action: 'add', aggregateId: 2, reason },
    });
    run.send(add(3, 'h1'));
    const metadata = { availability_zone: 'west' };
    const set = { type: 'aggregate.set-metadata', number: 3, metadata } as const;
    expect(run.refusal({ ...set, action: 'update' }).detail).toEqual({
      action: 'update',
      aggregateId: 3,
      reason,
    });
    run.send({ ...set, metadata: { availability_zone: 'east', ssd: 'yes' }, action: 'update' });
    expect(aggregatesOfHost(run.state, 'h1').map(({ name }) => name)).toEqual(['a', 'c']);
    expect(zoneOfHost(run.state, { id: 'h1', availabilityZone: 'nova' })).toBe('east');
    expect(zoneOfHost(run.state, { id: 'h2', availabilityZone: 'nova' })).toBe('nova');
  });

  test('lose metadata that is set to null, but not their zone', () => {
    const run = started(create('a', 'east'));
    const set = { type: 'aggregate.set-metadata', number: 1, action: 'update-metadata' } as const;
    run.send({ ...set, metadata: { x: '1', y: '2' } });
    run.send({ ...set, metadata: { x: null } });
    expect(run.state.aggregates[0]?.metadata).toEqual({ availability_zone: 'east', y: '2' });
    expect(run.refusal({ ...set, metadata: { availability_zone: null } }).detail).toEqual({
      action: 'update-metadata',
      aggregateId: 1,
      reason: 'Aggregate a does not support empty named availability zone',
    });
  });

  test('go only when they are empty', () => {
    const run = started(create('a'), add(1, 'h1'));
    expect(run.refusal({ type: 'aggregate.delete', number: 1 }).detail).toEqual({
      action: 'delete',
      aggregateId: 1,
      reason: 'Host aggregate is not empty',
    });
    run.send(remove(1, 'h1'));
    run.send({ type: 'aggregate.delete', number: 1 });
    expect(run.state.aggregates).toEqual([]);
  });

  test('know when their state is broken', () => {
    const { state } = started(create('a', 'east'), create('b', 'west'), add(1, 'h1'));
    const [first, second] = state.aggregates;
    if (first === undefined || second === undefined) throw new Error('two aggregates were made');
    const broken = { ...state, aggregates: [first, { ...second, hosts: ['h1'], name: 'a' }] };
    expect(aggregatesInvariants(broken)).toEqual([
      'two aggregates are named a',
      'host h1 is in zones east and west',
    ]);
    expect(aggregatesInvariants({ ...state, lastNumber: 1 })).toEqual(['aggregate 2 of 1']);
  });
});
