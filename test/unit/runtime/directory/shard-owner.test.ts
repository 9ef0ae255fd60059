// When a controller begins to serve what the table gives it.
import { expect, it } from 'vitest';
import { ShardOwner } from '#runtime/directory/shard-owner.ts';
import { createMemoryDisk } from '#runtime/journal/memory-disk.ts';
import { openMemoryJournal } from '#runtime/journal/memory.ts';
import type { Membership } from '#runtime/membership/membership.ts';
import { openMemoryClusterStore } from '#runtime/membership/memory-store.ts';
import type { ClusterTable } from '#runtime/membership/store.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

it('a shard that was given to a controller without a lease is taken up when it has one', async () => {
  const env = createVirtualEnv({ seed: 1 });
  const disk = createMemoryDisk();
  const store = openMemoryClusterStore(disk, env);
  await env.complete(store.initialise(1), 'the table');
  const claim = { shard: 0, expectedEpoch: 0, owner: 'a', incarnation: 1 };
  await env.complete(store.claimShards([claim]), 'the claim');
  let hear: (table: ClusterTable) => void = () => undefined;
  const membership = {
    self: 'a',
    incarnation: 1,
    hasLease: false,
    isLeaving: false,
    stayingControllers: () => ['a'],
    isAlive: () => true,
    onTable: (listener: typeof hear) => void (hear = listener),
    table: await env.complete(store.table(), 'the table'),
  };
  const owner = new ShardOwner({
    env,
    store,
    journal: openMemoryJournal({ env, disk }),
    membership: membership as unknown as Membership,
    shards: 1,
    announce: () => undefined,
  });
  const taken: boolean[] = [];
  owner.serve({
    reached: () => Promise.resolve(true),
    takeUp: (isChosen) => void taken.push(isChosen('counter/one')),
    giveUp: () => Promise.resolve(),
  });
  hear(membership.table);
  await env.advance(100);
  expect({ taken, serving: owner.serving() }).toEqual({ taken: [], serving: [] });
  membership.hasLease = true;
  hear(membership.table);
  await env.advance(100);
  expect({ taken, serving: owner.serving() }).toEqual({ taken: [true], serving: [0] });
});
