// IPv4 addresses and networks as numbers. Pure.

export interface Ipv4Network {
  readonly address: number;
  readonly prefix: number;
}

/** Undefined for anything but four plain decimal numbers. */
export function parseIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** `10.0.0.0/24`. Undefined when it is none, or when bits are set beside the prefix. */
export function parseIpv4Network(text: string): Ipv4Network | undefined {
  const [, addressText = '', prefixText = ''] = /^([^/]+)\/(\d{1,2})$/.exec(text) ?? [];
  const address = parseIpv4(addressText);
  const prefix = Number(prefixText);
  if (address === undefined || prefix > 32 || address % blockSize(prefix) !== 0) return undefined;
  return { address, prefix };
}

function blockSize(prefix: number): number {
  return 2 ** (32 - prefix);
}

export function containsIpv4(network: Ipv4Network, address: number): boolean {
  return address >= network.address && address < network.address + blockSize(network.prefix);
}

export function overlapsIpv4(left: Ipv4Network, right: Ipv4Network): boolean {
  return containsIpv4(left, right.address) || containsIpv4(right, left.address);
}

/** 24 is `255.255.255.0`. */
export function netmaskOf(prefix: number): string {
  return formatIpv4(2 ** 32 - blockSize(prefix));
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
