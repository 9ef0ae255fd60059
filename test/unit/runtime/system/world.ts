// An actor system in virtual time: nact runs on the seeded scheduler, faults and logs are collected.
import { onTestFinished } from 'vitest';

import type { Log } from '#runtime/env/env.ts';
import {
  createActorSystem,
  type ActorFault,
  type ActorRef,
  type ActorSystem,
  type ActorSystemOptions,
} from '#runtime/system/system.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

export interface World {
  readonly env: VirtualEnv;
  readonly system: ActorSystem;
  readonly faults: ActorFault[];
  readonly logged: string[];
  /** What handlers and hooks note down, in order. */
  readonly notes: string[];
  readonly note: (line: string) => void;
}

export function createWorld(seed = 1, options: Partial<ActorSystemOptions> = {}): World {
  const logged: string[] = [];
  const env = createVirtualEnv({ seed, log: collectingLog(logged) });
  onTestFinished(env.installGlobals());
  const system = createActorSystem({ env, name: 'test', ...options });
  const faults: ActorFault[] = [];
  system.onFault((fault) => faults.push(fault));
  const notes: string[] = [];
  return { env, system, faults, logged, notes, note: (line) => void notes.push(line) };
}

/** A promise that tests settle by hand, as the work of a handler. */
export function createGate(): { readonly opened: Promise<void>; open: () => void } {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  return { opened, open };
}

export function tellAll<M>(ref: ActorRef<M>, messages: readonly M[]): boolean[] {
  return messages.map((message) => ref.tell(message));
}

function collectingLog(lines: string[]): Log {
  const say = (level: string) => (_fields: object, message: string) =>
    void lines.push(`${level}: ${message}`);
  const log: Log = {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => log,
  };
  return log;
}
