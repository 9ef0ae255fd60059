// The first content of a cloud: put there by whoever leads, until it is complete.
import { expect, it } from 'vitest';
import type { Cluster } from '#runtime/directory/cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';
import { LeadersSeeds } from '../../../src/controller-seeds.ts';

function world(outcomes: readonly ('good' | 'bad')[]) {
  const env = createVirtualEnv({ seed: 1 });
  const seen = { tries: 0, isWaiting: true };
  let tell: (leads: boolean) => void = () => undefined;
  const seeds = new LeadersSeeds(env, async () => {
    const outcome = outcomes[seen.tries] ?? 'good';
    seen.tries += 1;
    if (outcome === 'bad') throw new Error('the store is away');
  });
  const follow = (leads: boolean): void => {
    const onLead = (listener: (leads: boolean) => void): void => {
      tell = listener;
      listener(leads);
    };
    void seeds.follow({ onLead } as unknown as Cluster).finally(() => {
      seen.isWaiting = false;
    });
  };
  return { env, seen, seeds, follow, lead: (leads: boolean) => tell(leads) };
}

it('who leads seeds at its start, tries again what failed, and is done once and for all', async () => {
  const { env, seen, follow, lead } = world(['bad', 'bad', 'good']);
  follow(true);
  await env.advance(3_000);
  expect(seen).toEqual({ tries: 2, isWaiting: true });
  await env.advance(2_000);
  expect(seen).toEqual({ tries: 3, isWaiting: false });
  lead(false);
  lead(true);
  await env.advance(10_000);
  expect(seen.tries).toBe(3);
});

it('who does not lead waits for nothing, and seeds when the leader is gone', async () => {
  const { env, seen, follow, lead } = world([]);
  follow(false);
  await env.advance(0);
  expect(seen).toEqual({ tries: 0, isWaiting: false });
  lead(true);
  await env.advance(0);
  expect(seen.tries).toBe(1);
});

it('who leads no longer leaves it to the next, and goes on when it leads again', async () => {
  const { env, seen, follow, lead } = world(['bad', 'bad']);
  follow(true);
  await env.advance(0);
  lead(false);
  await env.advance(60_000);
  expect(seen).toEqual({ tries: 1, isWaiting: false });
  lead(true);
  await env.advance(10_000);
  expect(seen.tries).toBe(3);
});

it('a start does not wait for ever, and an end ends the trying', async () => {
  const { env, seen, follow, seeds } = world(Array<'bad'>(1_000).fill('bad'));
  follow(true);
  await env.advance(20_000);
  expect(seen.isWaiting).toBe(false);
  seeds.stop();
  const { tries } = seen;
  await env.advance(60_000);
  expect(seen.tries).toBeLessThanOrEqual(tries + 1);
});
