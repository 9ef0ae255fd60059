// A server's addresses, by network name, in the order of its ports. Pure.
import type { FloatingOfServer } from '#actors/services/network/floating-ips.ts';
import type { InstanceState } from '#actors/instance/state.ts';

export interface AddressView {
  readonly version: 4 | 6;
  readonly addr: string;
  readonly 'OS-EXT-IPS:type'?: 'fixed' | 'floating';
  readonly 'OS-EXT-IPS-MAC:mac_addr'?: string;
}

function floatingFor(floating: readonly FloatingOfServer[], fixedAddress: string) {
  return floating
    .filter((each) => each.fixedAddress === fixedAddress)
    .map(({ address }) => ({ addr: address }));
}

/** Empty while the server is being built. */
export function addressesOf(
  state: InstanceState,
  extended: boolean,
  floating: readonly FloatingOfServer[] = [],
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
      for (const { addr } of floatingFor(floating, address))
        addresses.push({
          version: 4,
          addr,
          ...(extended ? { ...more, 'OS-EXT-IPS:type': 'floating' } : {}),
        });
    }
  }
  return Object.fromEntries(byNetwork);
}
