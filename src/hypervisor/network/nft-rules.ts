// The packet rules of one cloud on this host, as one text that nft applies as a whole. Pure. Syntax: nft(8).
// Two tables of our own name: `inet` translates addresses and keeps networks apart; `bridge` holds each guest to its own
// MAC and addresses, keeps it from playing DHCP server or router, and thereby makes metadata answers safe to give.

import type { HostNetworkSpec } from '../network-port.ts';
import type { KnownPort } from './dnsmasq-config.ts';
import { metadataAddress } from './dnsmasq-config.ts';
import { tapName } from './tap-name.ts';

export interface RuledNetwork {
  readonly spec: HostNetworkSpec;
  /** By port id. */
  readonly ports: ReadonlyMap<string, KnownPort>;
}

/** Replaces, in one transaction, all that this table holds; empty tables go away. */
export function renderInetRules(table: string, networks: readonly RuledNetwork[]): string {
  const specs = networks.map((network) => network.spec);
  const body = `table inet ${table} {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${lines(specs.flatMap((spec) => metadataRules(spec)))}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${lines(specs.flatMap((spec) => masqueradeRules(spec)))}
  }
  chain forwarding {
    type filter hook forward priority filter; policy accept;
${lines(specs.flatMap((spec) => forwardingRules(spec)))}
  }
}`;
  return replaceTable(`inet ${table}`, specs.length === 0 ? '' : body);
}

function metadataRules(spec: HostNetworkSpec): readonly string[] {
  if (spec.metadataPort === undefined) return [];
  const wanted = `iifname "${spec.bridge}" ip daddr ${metadataAddress} tcp dport 80`;
  return [`${wanted} redirect to :${spec.metadataPort}`];
}

function masqueradeRules(spec: HostNetworkSpec): readonly string[] {
  if (!spec.masquerade) return [];
  return spec.subnets.map(
    ({ cidr }) =>
      `ip saddr ${cidr} ip daddr != { ${cidr}, 224.0.0.0/4 } oifname != "${spec.bridge}" masquerade`,
  );
}

/** A masqueraded network cannot be entered from outside; what belongs to its own connections comes back. */
function forwardingRules(spec: HostNetworkSpec): readonly string[] {
  if (!spec.masquerade) return [];
  const inwards = `iifname != "${spec.bridge}" oifname "${spec.bridge}"`;
  return [`${inwards} ct state established,related accept`, `${inwards} drop`];
}

export function renderBridgeRules(table: string, networks: readonly RuledNetwork[]): string {
  const ports = networks.flatMap((network) => [...network.ports]);
  const sets = joinElements(ports.map(([id, port]) => elementsOf(id, port)));
  const body = `table bridge ${table} {
  set taps { type ifname; ${startElements(sets.taps)}}
  set macs { type ifname . ether_addr; ${startElements(sets.macs)}}
  set addresses { type ifname . ipv4_addr; ${startElements(sets.addresses)}}
${guestChains}
}`;
  return replaceTable(`bridge ${table}`, networks.length === 0 ? '' : body);
}

/** The commands that let a port in, or take it out again, without touching others. */
export function renderPortChange(
  verb: 'add' | 'delete',
  table: string,
  port: KnownPort & { readonly id: string },
): string {
  const sets = Object.entries(elementsOf(port.id, port));
  return sets
    .filter(([, list]) => list.length > 0)
    .map(([set, list]) => `${verb} element bridge ${table} ${set} { ${list.join(', ')} }\n`)
    .join('');
}

type Elements = Readonly<Record<'taps' | 'macs' | 'addresses', readonly string[]>>;

function elementsOf(portId: string, port: KnownPort): Elements {
  const tap = `"${tapName(portId)}"`;
  const addresses = port.addresses.map((address) => `${tap} . ${address}`);
  return { taps: [tap], macs: [`${tap} . ${port.mac}`], addresses };
}

function joinElements(list: readonly Elements[]): Elements {
  return {
    taps: list.flatMap((one) => one.taps),
    macs: list.flatMap((one) => one.macs),
    addresses: list.flatMap((one) => one.addresses),
  };
}

/** Unknown frame types, VLAN tags among them, would pass by the checks of addresses, so they are dropped. */
const guestChains = `  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
    iifname @taps jump from_guest
  }
  chain from_guest {
    iifname . ether saddr != @macs drop
    ether type arp jump arp_from_guest
    ether type ip jump ip_from_guest
    ether type ip6 jump ip6_from_guest
    drop
  }
  chain arp_from_guest {
    iifname . arp saddr ether != @macs drop
    arp saddr ip 0.0.0.0 accept
    iifname . arp saddr ip @addresses accept
    drop
  }
  chain ip_from_guest {
    ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
    udp sport 67 drop
    iifname . ip saddr @addresses accept
    drop
  }
  chain ip6_from_guest {
    icmpv6 type { nd-router-advert, nd-redirect } drop
    udp sport 547 drop
    ip6 saddr { ::, fe80::/10 } accept
    drop
  }`;

/** `add` makes sure that there is something to delete, whatever was there before. */
function replaceTable(name: string, body: string): string {
  return `add table ${name}\ndelete table ${name}\n${body}\n`;
}

function startElements(list: readonly string[]): string {
  return list.length === 0 ? '' : `elements = { ${list.join(', ')} } `;
}

function lines(rules: readonly string[]): string {
  return rules.map((rule) => `    ${rule}`).join('\n');
}
