// A process with counters in it, over a simulated disk, for tests of the shell and of the host of entities.
import { EntityHost } from '#runtime/directory/host.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { EffectRunner } from '#runtime/entity/effects.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { type ActorSystem, createActorSystem } from '#runtime/system/system.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';
import { counterDefinition, counters } from './counter.ts';

export interface CounterMember {
  readonly host: EntityHost;
  readonly journal: MemoryJournal;
  readonly system: ActorSystem;
  /** Ids of the effects that were run, in order. */
  readonly lights: string[];
}

export const one = counters.ref('one');
export const asked = { requestId: 'req-1' };
export const add = (by: number) => ({ type: 'counter.add', by }) as const;
export const breakIt = { type: 'counter.break' } as const;

export async function counterMember(
  env: VirtualEnv,
  options: {
    readonly disk?: MemoryJournal['disk'];
    readonly epoch?: number;
    readonly run?: EffectRunner;
    readonly definition?: AnyEntityDefinition;
  } = {},
): Promise<CounterMember> {
  const { disk, epoch = 1, definition = counterDefinition } = options;
  const journal = openMemoryJournal({ env, ...(disk === undefined ? {} : { disk }) });
  const lights: string[] = [];
  const light: EffectRunner = async (effect: { id: string }) => {
    lights.push(effect.id);
    return lit(effect);
  };
  const system = createActorSystem({ env, name: `member-${epoch}` });
  const authority = soleAuthority({ epoch }, () => undefined);
  const host = new EntityHost({ env, system, journal, authority });
  host.register({ definition, run: options.run ?? light });
  await env.complete(host.recover(), 'recovery');
  host.resume();
  return { host, journal, system, lights };
}

/** What a light reports when it is on. */
export function lit(effect: { readonly id: string }): { readonly type: string } {
  return { type: 'counter.lit', round: Number(effect.id.split('/')[1]) } as { type: string };
}
