// Waiting on real time, for adapters over sockets: a condition is looked at often, and a bound names what was waited for.
import { realEnv } from '#runtime/env/real.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Transport } from '#runtime/transport/port.ts';

import {
  recordingLog,
  watch,
  type LogLine,
  type StartedMember,
  type StartOptions,
  type TransportSubject,
} from './transport-harness.ts';

const withinMs = 15_000;
const lookEveryMs = 2;

export abstract class RealSubject implements TransportSubject {
  readonly #started: Transport[] = [];

  abstract idOf(name: string): string;
  protected abstract open(name: string, env: Env, options: StartOptions): Promise<Transport>;

  async start(name: string, options: StartOptions = {}): Promise<StartedMember> {
    const lines: LogLine[] = [];
    const transport = await this.open(name, realEnv(recordingLog(lines)), options);
    this.#started.push(transport);
    return watch(transport, lines, options.handler);
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return until(condition, what);
  }

  complete<T>(promise: Promise<T>, what: string): Promise<T> {
    return complete(promise, what);
  }

  /** Closes all that was started since the last time. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((transport) => transport.close()));
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > withinMs)
      throw new Error(`waited ${withinMs} ms in vain for: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, lookEveryMs);
    });
  }
}

export async function complete<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${withinMs} ms in vain for: ${what}`)),
      withinMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
