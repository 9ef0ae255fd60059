// libp2p over real sockets under the contract of transports: with a network key, without, and for members of one process
// that reach each other over the loopback.
import { afterEach, beforeAll, describe } from 'vitest';

import type { Env } from '#runtime/env/env.ts';
import { createIdentityKey, createNetworkKey, memberIdOf } from '#runtime/transport/libp2p/keys.ts';
import { openLibp2pTransport } from '#runtime/transport/libp2p/transport.ts';
import { Loopback } from '#runtime/transport/local/loopback.ts';
import type { Transport } from '#runtime/transport/port.ts';

import { RealSubject } from './real-subject.ts';
import { describeTransport } from './transport-contract.ts';
import type { StartOptions } from './transport-harness.ts';

const names = ['alice', 'bob', 'eve', 'newcomer', 'a', 'b', 'c'];

class Libp2pSubject extends RealSubject {
  readonly #keys = new Map<string, Uint8Array>();
  readonly #networkKey: Uint8Array | undefined;
  readonly #isOneProcess: boolean;
  #loopback: Loopback | undefined;

  constructor(networkKey: Uint8Array | undefined, isOneProcess: boolean) {
    super();
    this.#networkKey = networkKey;
    this.#isOneProcess = isOneProcess;
  }

  async makeKeys(): Promise<void> {
    for (const name of names) this.#keys.set(name, await createIdentityKey());
  }

  idOf(name: string): string {
    return memberIdOf(this.#keyOf(name));
  }

  protected open(name: string, env: Env, options: StartOptions): Promise<Transport> {
    const { incarnation = 1, isListening = true, limits } = options;
    if (this.#isOneProcess) this.#loopback ??= new Loopback(env);
    return openLibp2pTransport({
      env,
      ...(this.#loopback === undefined ? {} : { loopback: this.#loopback }),
      incarnation,
      identityKey: this.#keyOf(name),
      networkKey: this.#networkKey,
      listen: isListening ? ['/ip4/127.0.0.1/tcp/0'] : [],
      ...(limits === undefined ? {} : { limits }),
    });
  }

  #keyOf(name: string): Uint8Array {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`no key of ${name}`);
    return key;
  }
}

describe.each([
  ['with a network key', createNetworkKey(), false],
  ['on an open network', undefined, false],
  ['within one process', createNetworkKey(), true],
])('libp2p transport %s', (_, networkKey, isOneProcess) => {
  const subject = new Libp2pSubject(networkKey, isOneProcess);
  beforeAll(() => subject.makeKeys());
  afterEach(() => subject.closeAll());
  describeTransport(subject);
});
