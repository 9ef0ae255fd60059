import { expect, it } from 'vitest';
import { emptyBuckets, bucketSet } from '#actors/domain/bucket-map.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import type { StateChange, StateView } from '#runtime/events/projection.ts';

function index() {
  let tell: (change: StateChange<ProviderState>) => void = () => undefined;
  const view = {
    subscribe: (listener: typeof tell) => {
      tell = listener;
      return () => undefined;
    },
  } as unknown as StateView<ProviderState>;
  const consumers = new ConsumerIndex(view);
  const change = (
    id: string,
    held: readonly string[],
    ...events: readonly { readonly type: string; readonly consumer?: string }[]
  ): void => {
    const allocations = held.reduce(
      (map, consumer) => bucketSet(map, consumer, {} as never),
      emptyBuckets<never>(),
    );
    const after = { id, allocations } as unknown as ProviderState;
    const about = { version: 1, before: undefined, requestId: undefined, atMs: 0 };
    tell({ id, after, events, ...about });
  };
  const holders = (consumer: string): readonly string[] => [...consumers.holders(consumer)];
  return { consumers, change, holders };
}

it('a recovered provider is known with all it holds', () => {
  const { change, holders, consumers } = index();
  change('p1', ['a', 'b']);
  change('p2', ['a']);
  expect([holders('a'), holders('b'), holders('c')]).toEqual([['p1', 'p2'], ['p1'], []]);
  expect([...consumers.consumers()]).toEqual(['a', 'b']);
});

it('claims come and releases go', () => {
  const { change, holders, consumers } = index();
  change('p1', ['a'], { type: 'provider.claimed', consumer: 'a' });
  change('p2', ['a'], { type: 'provider.claimed', consumer: 'a' });
  change('p1', [], { type: 'provider.released', consumer: 'a' });
  expect(holders('a')).toEqual(['p2']);
  change('p2', [], { type: 'provider.released', consumer: 'a' });
  expect([holders('a'), [...consumers.consumers()]]).toEqual([[], []]);
});

it('a release of another claim leaves the one that stands', () => {
  const { change, holders } = index();
  change('p1', ['a'], { type: 'provider.claimed', consumer: 'a' });
  change('p1', ['a'], { type: 'provider.released', consumer: 'a' });
  expect(holders('a')).toEqual(['p1']);
});

it('other events, and releases of what was never held, change nothing', () => {
  const { change, holders } = index();
  change('p1', [], { type: 'provider.described' });
  change('p1', [], { type: 'provider.released', consumer: 'a' });
  expect(holders('a')).toEqual([]);
});
