// The simulated network under the contract of transports, and what only it can do: faults on demand, by seed.
import { afterEach, beforeEach, describe } from 'vitest';

import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

import { describeTransport } from './transport-contract.ts';
import {
  recordingLog,
  watch,
  type LogLine,
  type StartOptions,
  type TransportSubject,
} from './transport-harness.ts';

class MemorySubject implements TransportSubject {
  #env: VirtualEnv = createVirtualEnv({ seed: 'contract' });
  #network: MemoryNetwork = createMemoryNetwork({ env: this.#env });

  reset(): void {
    this.#env = createVirtualEnv({ seed: 'contract' });
    this.#network = createMemoryNetwork({ env: this.#env });
  }

  async start(name: string, options: StartOptions = {}) {
    const { incarnation = 1, isListening = true, limits, handler } = options;
    const lines: LogLine[] = [];
    const { env } = this.#env.member(name);
    const transport = this.#network.join(name, { ...env, log: recordingLog(lines) }, incarnation, {
      isListening,
      ...(limits === undefined ? {} : { limits }),
    });
    return watch(transport, lines, handler);
  }

  idOf(name: string): string {
    return name;
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.#env.runUntil(condition, what, 60_000);
  }

  complete<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#env.complete(promise, what, 60_000);
  }
}

describe('memory transport', () => {
  const subject = new MemorySubject();
  beforeEach(() => subject.reset());
  afterEach(() => subject.reset());
  describeTransport(subject);
});
