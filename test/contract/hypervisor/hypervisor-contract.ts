// The one suite for src/hypervisor/port.ts: every adapter must pass it. It talks to the driver only through the port;
// what lies outside the port (guest internals, a dead daemon, somebody else's domain) comes from the harness (scene.ts).

import { describe } from 'vitest';
import { connectionContract } from './connection-contract.ts';
import { consoleContract } from './console-contract.ts';
import { eventOrderContract } from './event-order-contract.ts';
import { interfaceContract } from './interface-contract.ts';
import { lifecycleContract } from './lifecycle-contract.ts';
import { memoryContract } from './memory-contract.ts';
import { Scene } from './scene.ts';
import type { HypervisorHarness } from './scene.ts';

export function hypervisorContract(
  name: string,
  makeHarness: () => Promise<HypervisorHarness>,
): void {
  describe(`${name} as a hypervisor`, () => {
    const scene = new Scene(makeHarness);
    lifecycleContract(scene);
    memoryContract(scene);
    interfaceContract(scene);
    consoleContract(scene);
    connectionContract(scene);
    eventOrderContract(scene);
  });
}
