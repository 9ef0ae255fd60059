// The contract suite on a real bridge, dnsmasq and nftables, in a network namespace of its own.

import { LinuxHostNetwork } from '#hypervisor/network/linux-host-network.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { hostNetworkContract } from '#test/contract/host-network/host-network-contract.ts';
import { NetworkLab } from './network-lab.ts';

hostNetworkContract('a Linux host', async () => {
  const lab = await NetworkLab.open();
  const options = {
    directory: lab.directory,
    cloudId: 'test',
    env: realEnv(silentLog),
    namespace: lab.host,
  };
  const network = await LinuxHostNetwork.open(options);
  return {
    network,
    reopen: () => LinuxHostNetwork.open(options),
    bridge: lab.bridge,
    close: async () => {
      await network.close();
      await lab.close();
    },
  };
});
