// The persistent map behaves like a Map, and never changes an older version of itself.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyTable,
  entriesOf,
  lookUp,
  put,
  remove,
  type Table,
  valuesOf,
} from '#actors/services/identity/table.ts';

const step = fc.record({
  key: fc.oneof(fc.integer({ min: 0, max: 40 }).map(String), fc.constant('__proto__'), fc.string()),
  value: fc.option(fc.nat(), { nil: undefined }),
});

describe('a table', () => {
  it('answers like a Map after any puts and removes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Map<string, number>();
        let table: Table<number> = emptyTable();
        for (const { key, value } of steps) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
          table = value === undefined ? remove(table, key) : put(table, key, value);
        }
        expect(table.size).toBe(model.size);
        expect(new Map(entriesOf(table))).toEqual(model);
        expect(valuesOf(table)).toEqual(entriesOf(table).map(([, value]) => value));
        for (const key of model.keys()) expect(lookUp(table, key)).toBe(model.get(key));
      }),
    );
  });

  it('leaves older versions as they were', () => {
    let table: Table<number> = emptyTable();
    const versions: Table<number>[] = [];
    for (let n = 0; n < 1000; n += 1) {
      versions.push(table);
      table = put(table, `key-${n}`, n);
    }
    for (const [at, version] of versions.entries()) {
      expect(version.size).toBe(at);
      expect(lookUp(version, `key-${at}`)).toBeUndefined();
    }
    const emptied = Array.from({ length: 1000 }, (_, n) => n).reduce(
      (rest, n) => remove(rest, `key-${n}`),
      table,
    );
    expect([emptied.size, valuesOf(emptied), table.size]).toEqual([0, [], 1000]);
  });

  it('survives JSON, as a snapshot stores it', () => {
    const table = Array.from({ length: 100 }, (_, n) => n).reduce<Table<number>>(
      (all, n) => put(all, `k${n}`, n),
      emptyTable(),
    );
    expect(JSON.parse(JSON.stringify(table))).toEqual(table);
  });
});
