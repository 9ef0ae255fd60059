// IP addresses and prefixes as numbers and text. Pure.
// States keep an address as its key: fixed-width hex (8 digits for IPv4, 32 for IPv6), so that text order is number order.

export type IpVersion = 4 | 6;

export interface IpAddress {
  readonly version: IpVersion;
  readonly value: bigint;
}

export interface Prefix {
  readonly version: IpVersion;
  /** The network's own address. */
  readonly first: bigint;
  readonly last: bigint;
  readonly length: number;
}

const bitsOf: Readonly<Record<IpVersion, number>> = { 4: 32, 6: 128 };

/** Undefined for anything that is no address in its usual form. */
export function parseAddress(text: string): IpAddress | undefined {
  const value = text.includes(':') ? parseV6(text) : parseV4(text);
  return value === undefined ? undefined : { version: text.includes(':') ? 6 : 4, value };
}

function parseV4(text: string): bigint | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (found === null) return undefined;
  let value = 0n;
  for (const part of found.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256n + BigInt(part);
  }
  return value;
}

function parseV6(text: string): bigint | undefined {
  const whole = unfoldV4Tail(text);
  if (whole === undefined || !/^[0-9a-fA-F:]+$/.test(whole)) return undefined;
  const halves = whole.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '');
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '') : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (groups.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}

function groupsOf(half: string): readonly string[] {
  return half === '' ? [] : half.split(':');
}

/** `::ffff:10.0.0.1` → `::ffff:0a00:0001` */
function unfoldV4Tail(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const cut = text.lastIndexOf(':') + 1;
  const tail = parseV4(text.slice(cut));
  if (tail === undefined) return undefined;
  const hex = tail.toString(16).padStart(8, '0');
  return `${text.slice(0, cut)}${hex.slice(0, 4)}:${hex.slice(4)}`;
}

/** The canonical form: dotted, or RFC 5952; what holds an IPv4 address shows it, as `inet_ntop` does. */
export function formatAddress({ version, value }: IpAddress): string {
  if (version === 4) {
    const parts = [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n);
    return parts.join('.');
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt((7 - index) * 16)) & 0xffffn).toString(16),
  );
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  const isMapped = run.start === 0 && run.length === 5 && groups[5] === 'ffff';
  const tail4 = formatAddress({ version: 4, value: value & 0xffff_ffffn });
  if (isMapped) return `::ffff:${tail4}`;
  if (run.start === 0 && run.length === 6) return `::${tail4}`;
  const head = groups.slice(0, run.start).join(':');
  const tail = groups.slice(run.start + run.length).join(':');
  return `${head}::${tail}`;
}

/** An address in its canonical form; any other text as it is. */
export function canonicalAddress(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index += 1) {
    if (groups[index] === '0') continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}

/** `10.0.0.5/24` is the prefix 10.0.0.0/24. Undefined without a valid length. */
export function parsePrefix(text: string): Prefix | undefined {
  const [base = '', length = '', ...more] = text.split('/');
  const address = parseAddress(base);
  if (address === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = bitsOf[address.version];
  if (Number(length) > bits) return undefined;
  const size = 1n << BigInt(bits - Number(length));
  const first = address.value - (address.value % size);
  return { version: address.version, first, last: first + size - 1n, length: Number(length) };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress({ version: prefix.version, value: prefix.first })}/${prefix.length}`;
}

export function contains(prefix: Prefix, address: IpAddress): boolean {
  return (
    prefix.version === address.version &&
    address.value >= prefix.first &&
    address.value <= prefix.last
  );
}

export function overlaps(left: Prefix, right: Prefix): boolean {
  return left.version === right.version && left.first <= right.last && right.first <= left.last;
}

export function keyOf({ version, value }: IpAddress): string {
  return value.toString(16).padStart(bitsOf[version] / 4, '0');
}

export function addressOf(key: string): IpAddress {
  return { version: key.length === 8 ? 4 : 6, value: BigInt(`0x${key}`) };
}

/** Text of an address to its key; undefined for no address. */
export function keyOfText(text: string): string | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : keyOf(address);
}

export function textOfKey(key: string): string {
  return formatAddress(addressOf(key));
}

/** The key before or after this one. The caller sees to it that there is one. */
export function neighbour(key: string, step: 1n | -1n): string {
  return (BigInt(`0x${key}`) + step).toString(16).padStart(key.length, '0');
}

/** The address that a host gives itself in a /64 or longer-lived prefix from its MAC (RFC 4291, modified EUI-64). */
export function eui64(prefix: Prefix, mac: string): IpAddress {
  const bytes = mac.split(':').map((part) => Number.parseInt(part, 16));
  const [first = 0, ...rest] = bytes;
  const identifier = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const low = identifier.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
  return { version: 6, value: prefix.first + low };
}
