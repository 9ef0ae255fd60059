// A server's addresses, by network name, in the order of its ports. Pure.
import type { InstanceState } from '#actors/instance/state.ts';

export interface AddressView {
  readonly version: 4 | 6;
  readonly addr: string;
  readonly 'OS-EXT-IPS:type'?: 'fixed' | 'floating';
  readonly 'OS-EXT-IPS-MAC:mac_addr'?: string;
}

/** Empty while the server is being built. */
export function addressesOf(
  state: InstanceState,
  extended: boolean,
): Readonly<Record<string, readonly AddressView[]>> {
  if (state.vmState === 'building') return {};
  const byNetwork = new Map<string, AddressView[]>();
  for (const port of state.ports) {
    const addresses = byNetwork.get(port.networkName) ?? [];
    byNetwork.set(port.networkName, addresses);
    for (const { address, version } of port.fixedIps) {
      const plain = { version, addr: address };
      const more = {
        'OS-EXT-IPS:type': 'fixed',
        'OS-EXT-IPS-MAC:mac_addr': port.mac.toLowerCase(),
      } as const;
      addresses.push(extended ? { ...plain, ...more } : plain);
    }
  }
  return Object.fromEntries(byNetwork);
}
