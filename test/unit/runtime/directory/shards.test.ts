import { describe, expect, it } from 'vitest';
import { preferredOwner, shardOf } from '#runtime/directory/shards.ts';

const members = ['a', 'b', 'c', 'd', 'e'];
const shards = Array.from({ length: 1_024 }, (_, shard) => shard);

describe('shards', () => {
  it('spread entities evenly', () => {
    const counts = Array.from({ length: 64 }, () => 0);
    for (let server = 0; server < 64_000; server += 1) {
      const shard = shardOf(`instance/aaaa${server}-0000-4000-8000-000000000000`, 64);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });

  it('are where they always were', () => {
    expect(
      ['instance/1', 'flavors/all', 'cluster/lead'].map((key) =>
        shardOf(key as `${string}/${string}`, 64),
      ),
    ).toEqual([36, 49, 22]);
  });

  it('spread evenly over members', () => {
    const owned = Map.groupBy(shards, (shard) => preferredOwner(shard, members));
    expect(new Set(owned.keys())).toEqual(new Set(members));
    for (const theirs of owned.values()) expect(theirs.length).toBeGreaterThan(150);
  });

  it('move only to a member that comes, and only from one that goes', () => {
    const before = shards.map((shard) => preferredOwner(shard, members));
    const joined = shards.map((shard) => preferredOwner(shard, [...members, 'f']));
    expect(joined.every((owner, shard) => owner === before[shard] || owner === 'f')).toBe(true);
    const left = shards.map((shard) => preferredOwner(shard, ['a', 'b', 'd', 'e']));
    expect(left.every((owner, shard) => owner === before[shard] || before[shard] === 'c')).toBe(
      true,
    );
  });

  it('have no owner when there is nobody, whatever order members are named in', () => {
    expect(preferredOwner(3, [])).toBeUndefined();
    const one = shards.map((shard) => preferredOwner(shard, members));
    const other = shards.map((shard) => preferredOwner(shard, [...members].reverse()));
    expect(one).toEqual(other);
  });
});
