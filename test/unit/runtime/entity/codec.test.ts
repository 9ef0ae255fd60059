import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, recoverEntity } from '#runtime/entity/codec.ts';
import { accept, type AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { JournalEntry, Snapshot, StoredEvent } from '#runtime/journal/port.ts';
import { event } from '#runtime/message/protocol.ts';

const catalog = {
  'lamp.lit': event(3, Type.Object({ watt: Type.Number(), colour: Type.String() }), {
    1: (data) => ({ watt: Number((data as { power: string }).power) }),
    2: (data) => ({ ...(data as object), colour: 'white' }),
  }),
  'lamp.moved': event(2, Type.Object({ to: Type.String() })),
};

const lamp: AnyEntityDefinition = {
  kind: 'lamp',
  commands: {},
  events: catalog,
  schema: 2,
  initial: (id) => ({ id, seen: [] }),
  decide: () => accept([], {}),
  evolve: (state: { seen: unknown[] }, happened: unknown) => ({
    ...state,
    seen: [...state.seen, happened],
  }),
  todo: () => [],
  invariants: () => [],
};

const stored = (watt: number): StoredEvent => ({
  type: 'lamp.lit',
  version: 3,
  data: { watt, colour: 'red' },
});

function entry(firstVersion: number, ...events: StoredEvent[]): JournalEntry {
  const version = firstVersion + events.length;
  return {
    position: version,
    key: 'lamp/a',
    firstVersion,
    version,
    epoch: 1,
    requestId: undefined,
    events,
    atMs: 100 * version,
  };
}

const snapshot = (version: number, schema = 2): Snapshot => ({
  key: 'lamp/a',
  version,
  schema,
  state: { id: 'a', seen: ['from the snapshot'] },
  position: version,
});

const lit = (watt: number) => ({ type: 'lamp.lit', watt, colour: 'red' });

describe('an event', () => {
  it('is stored under its version and comes back as it was', () => {
    const happened = { type: 'lamp.lit', watt: 5, colour: 'red' };
    const encoded = encodeEvent(catalog, happened);
    expect(encoded).toEqual({ type: 'lamp.lit', version: 3, data: { watt: 5, colour: 'red' } });
    expect(decodeEvent(catalog, encoded)).toEqual(happened);
  });

  it('of an old version passes every upcaster after its own', () => {
    const old = { type: 'lamp.lit', version: 1, data: { power: '7' } };
    expect(decodeEvent(catalog, old)).toEqual({ type: 'lamp.lit', watt: 7, colour: 'white' });
    const newer = { type: 'lamp.lit', version: 2, data: { watt: 8 } };
    expect(decodeEvent(catalog, newer)).toEqual({ type: 'lamp.lit', watt: 8, colour: 'white' });
  });

  it.each([
    [{ type: 'lamp.broken', version: 1, data: {} }, 'unknown type lamp.broken'],
    [{ type: 'lamp.lit', version: 4, data: {} }, 'version 4; this release reads up to 3'],
    [{ type: 'lamp.moved', version: 1, data: {} }, 'no upcaster from version 1'],
  ])('that this release can not read stops recovery: %j', (unreadable, words) => {
    expect(() => decodeEvent(catalog, unreadable)).toThrow(words);
  });

  it('that is in no catalogue is not stored', () => {
    expect(() => encodeEvent(catalog, { type: 'lamp.sold' })).toThrow('lamp.sold');
  });
});

describe('a state', () => {
  const read = (entries: readonly JournalEntry[]) => ({ read: async () => entries });
  const nothing = read([]);

  it('without a snapshot is all of its events', async () => {
    const entries = [entry(0, stored(1), stored(2)), entry(2, stored(3))];
    expect(
      await recoverEntity(nothing, lamp, { key: 'lamp/a', snapshot: undefined, entries }),
    ).toEqual({ state: { id: 'a', seen: [lit(1), lit(2), lit(3)] }, version: 3, atMs: 300 });
  });

  it('with a snapshot is that and what came after, and nothing twice', async () => {
    const entries = [entry(0, stored(1), stored(2)), entry(2, stored(3))];
    expect(
      await recoverEntity(nothing, lamp, { key: 'lamp/a', snapshot: snapshot(2), entries }),
    ).toEqual({ state: { id: 'a', seen: ['from the snapshot', lit(3)] }, version: 3, atMs: 300 });
  });

  it('with nothing but a snapshot is that', async () => {
    const found = { key: 'lamp/a', snapshot: snapshot(2), entries: [] } as const;
    expect(await recoverEntity(nothing, lamp, found)).toEqual({
      state: { id: 'a', seen: ['from the snapshot'] },
      version: 2,
      atMs: 0,
    });
  });

  it('with a snapshot of another shape is made anew from all events', async () => {
    const all = [entry(0, stored(1)), entry(1, stored(2))];
    const found = { key: 'lamp/a', snapshot: snapshot(1, 1), entries: [all[1]!] } as const;
    expect(await recoverEntity(read(all), lamp, found)).toEqual({
      state: { id: 'a', seen: [lit(1), lit(2)] },
      version: 2,
      atMs: 200,
    });
  });

  it('with a snapshot of another shape, whose events were dropped, is not guessed', async () => {
    const rest = [entry(2, stored(3))];
    const found = { key: 'lamp/a', snapshot: snapshot(2, 1), entries: rest } as const;
    await expect(recoverEntity(read(rest), lamp, found)).rejects.toThrow(
      'lamp/a: events 1 to 2 are missing',
    );
  });

  it('with a hole in its events is not guessed', async () => {
    const entries = [entry(0, stored(1)), entry(2, stored(3))];
    const found = { key: 'lamp/a', snapshot: undefined, entries } as const;
    await expect(recoverEntity(nothing, lamp, found)).rejects.toThrow('events 2 to 2 are missing');
  });
});
