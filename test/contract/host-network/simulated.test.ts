// The simulated host's networks under the suite that a real host passes, too.

import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { hostNetworkContract } from './host-network-contract.ts';

hostNetworkContract('a simulated host', async () => {
  const host = new SimulatedHost({ env: realEnv(silentLog) });
  return {
    network: new SimulatedHostNetwork(host),
    reopen: async () => new SimulatedHostNetwork(host),
    bridge: 'kntest0',
    close: async () => host.close(),
  };
});
