// Security group rules: protocols by name and number, what may go with what, and the rules every group starts with. Pure.
// Numbers: IANA protocol numbers. What is refused: Neutron's rules.
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { parsePrefix } from './addresses.ts';
import type { RuleRecord } from './tenancy-protocol.ts';

const protocolNumbers: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ip: 0,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  icmpv6: 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};

export const protocolNames: readonly string[] = Object.keys(protocolNumbers);
const ICMP = 1;
const ICMP_V6 = 58;
const withPorts = new Set([6, 17, 33, 132, 136]);
const onlyV6 = new Set([41, 43, 44, 58, 59, 60]);

/** Undefined for a name that nobody knows. */
export function protocolNumber(protocol: string): number | undefined {
  if (/^\d{1,3}$/.test(protocol)) return Number(protocol);
  return protocolNumbers[protocol];
}

/** A rule as it is kept: IPv6 speaks of ICMPv6, and the whole range of ports is no range. */
export function canonicalRule(rule: RuleRecord): RuleRecord {
  const { protocol, portMin, portMax, ...rest } = rule;
  const isWhole = portMin === 1 && portMax === 65_535;
  const kept = protocol === undefined ? undefined : canonicalProtocol(protocol, rule.ethertype);
  return {
    ...rest,
    ...(kept === undefined ? {} : { protocol: kept }),
    ...(isWhole || portMin === undefined ? {} : { portMin }),
    ...(isWhole || portMax === undefined ? {} : { portMax }),
  };
}

function canonicalProtocol(protocol: string, ethertype: string): string {
  if (ethertype !== 'IPv6') return protocol;
  if (protocol === 'icmp' || protocol === 'icmpv6') return 'ipv6-icmp';
  return protocol === '1' ? '58' : protocol;
}

/** What is wrong with a canonical rule, or undefined. */
export function findRuleFault(rule: RuleRecord): Refusal | undefined {
  return portFault(rule) ?? prefixFault(rule) ?? protocolFault(rule) ?? remoteFault(rule);
}

function portFault(rule: RuleRecord): Refusal | undefined {
  const { protocol, portMin, portMax } = rule;
  if (portMin === undefined && portMax === undefined) return undefined;
  if (protocol === undefined) return refuse('rule-protocol-missing');
  const number = protocolNumber(protocol) ?? -1;
  if (number === ICMP || number === ICMP_V6) return icmpFault(portMin, portMax);
  if (!withPorts.has(number)) return refuse('rule-no-ports', { protocol: number });
  if (portMin === 0 || portMax === 0) return refuse('rule-port-invalid', { port: 0 });
  if (portMin === undefined || portMax === undefined || portMin > portMax)
    return refuse('rule-port-range');
  return undefined;
}

function icmpFault(type: number | undefined, code: number | undefined): Refusal | undefined {
  if (type !== undefined && type > 255)
    return refuse('rule-icmp-value', { field: 'type', attribute: 'port_range_min', value: type });
  if (code !== undefined && code > 255)
    return refuse('rule-icmp-value', { field: 'code', attribute: 'port_range_max', value: code });
  if (type === undefined) return refuse('rule-icmp-type-missing', { value: code });
  return undefined;
}

function prefixFault({ remotePrefix, ethertype }: RuleRecord): Refusal | undefined {
  if (remotePrefix === undefined) return undefined;
  const version = parsePrefix(remotePrefix)?.version;
  if (`IPv${version}` === ethertype) return undefined;
  return refuse('rule-prefix-conflict', { ethertype, cidr: remotePrefix });
}

function protocolFault({ protocol, ethertype }: RuleRecord): Refusal | undefined {
  if (protocol === undefined || ethertype === 'IPv6') return undefined;
  return onlyV6.has(protocolNumber(protocol) ?? -1)
    ? refuse('rule-ethertype-conflict', { ethertype, protocol })
    : undefined;
}

function remoteFault({ remoteGroupId, remotePrefix }: RuleRecord): Refusal | undefined {
  const both = remoteGroupId !== undefined && remotePrefix !== undefined;
  return both ? refuse('rule-remote-twice') : undefined;
}

/** Equal for rules that let the same through. */
export function ruleKey(rule: RuleRecord): string {
  const { protocol, remotePrefix } = rule;
  const everywhere = remotePrefix === '0.0.0.0/0' || remotePrefix === '::/0';
  return JSON.stringify([
    rule.groupId,
    rule.direction,
    rule.ethertype,
    protocol === undefined ? null : (protocolNumber(protocol) ?? protocol),
    rule.portMin ?? null,
    rule.portMax ?? null,
    rule.remoteGroupId ?? null,
    everywhere ? null : (remotePrefix ?? null),
  ]);
}

/** Everything out; the default group also lets its own members in. `ids`: four, or two for other groups. */
export function startingRules(
  groupId: string,
  isDefault: boolean,
  ids: readonly string[],
): readonly RuleRecord[] {
  const rules: RuleRecord[] = [];
  for (const ethertype of ['IPv4', 'IPv6'] as const) {
    const id = ids[rules.length] ?? '';
    rules.push({ id, groupId, direction: 'egress', ethertype, description: '' });
    if (!isDefault) continue;
    rules.push({
      id: ids[rules.length] ?? '',
      groupId,
      direction: 'ingress',
      ethertype,
      remoteGroupId: groupId,
      description: '',
    });
  }
  return rules;
}
