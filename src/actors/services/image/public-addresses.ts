// Which addresses a download may go to: those of the public Internet. What a request from inside could reach and one from
// outside could not (this machine, its networks, other clouds' metadata services) is not among them. Pure.
// Ranges: the IANA registries of special-purpose addresses, for IPv4 and IPv6.
import { BlockList, isIP } from 'node:net';

const special4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Also those that stand for IPv4 addresses in one way or another: they lead to where those lead. */
const special6 = [
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

// Kept apart: a list compares an IPv4 address with IPv6 ranges as if it were mapped, and all are in ::ffff:0:0/96 then.
const special = { ipv4: blockList(special4), ipv6: blockList(special6) } as const;

/** From addresses and `address/bits`. Throws in words when one is neither. */
export function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    if (isIP(address) === 0)
      throw new Error(`${JSON.stringify(range)} is neither an IP address nor address/bits`);
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Whether `address` (an IP address, without brackets) is reached by everyone alike, or stands in `allowed`. */
export function isReachable(address: string, allowed: BlockList): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  return allowed.check(address, family) || !special[family].check(address, family);
}
