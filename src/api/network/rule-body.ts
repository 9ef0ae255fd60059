// From a security group rule's request to the rule. Pure but for what it throws; words: Neutron's.
import { formatAddress, parseAddress, parsePrefix } from '#actors/services/network/addresses.ts';
import {
  canonicalRule,
  findRuleFault,
  protocolNames,
  protocolNumber,
} from '#actors/services/network/security-rules.ts';
import type { RuleRecord } from '#actors/services/network/tenancy-protocol.ts';
import type { Attributes } from './attributes.ts';
import { errorOf, NetworkHttpError } from './neutron-error.ts';
import { show } from './values.ts';

export function newRule(values: Attributes, id: string): RuleRecord {
  const protocol = protocolIn(values['protocol']);
  const portMin = portIn(values['port_range_min']);
  const portMax = portIn(values['port_range_max']);
  const remotePrefix = prefixIn(values['remote_ip_prefix']);
  const remoteGroupId = values['remote_group_id'] ?? undefined;
  const rule = canonicalRule({
    id,
    groupId: values['security_group_id'] as string,
    direction: values['direction'] as 'ingress' | 'egress',
    ethertype: ethertypeIn(values['ethertype']),
    description: values['description'] as string,
    ...(protocol === undefined ? {} : { protocol }),
    ...(portMin === undefined ? {} : { portMin }),
    ...(portMax === undefined ? {} : { portMax }),
    ...(remotePrefix === undefined ? {} : { remotePrefix }),
    ...(typeof remoteGroupId === 'string' ? { remoteGroupId } : {}),
  });
  const fault = findRuleFault(rule);
  if (fault !== undefined) throw errorOf(fault);
  return rule;
}

function protocolIn(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  const text = show(value).toLowerCase();
  const number = protocolNumber(text);
  if (number !== undefined && number <= 255) return text;
  throw new NetworkHttpError(
    400,
    'SecurityGroupRuleInvalidProtocol',
    `Security group rule protocol ${show(value)} not supported. Only protocol values ` +
      `[None, ${protocolNames.map((name) => `'${name}'`).join(', ')}] and integer representations ` +
      '[0 to 255] are supported.',
  );
}

function ethertypeIn(value: unknown): 'IPv4' | 'IPv6' {
  const text = show(value).toLowerCase();
  if (text === 'ipv4') return 'IPv4';
  if (text === 'ipv6') return 'IPv6';
  throw new NetworkHttpError(
    400,
    'SecurityGroupRuleInvalidEtherType',
    `Security group rule for ethertype '${show(value)}' not supported. ` +
      "Allowed values are ['IPv4', 'IPv6'].",
  );
}

function portIn(value: unknown): number | undefined {
  if (value === null || value === undefined) return undefined;
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new NetworkHttpError(
    400,
    'SecurityGroupInvalidPortValue',
    `Invalid value for port ${show(value)}`,
  );
}

/** A single address is a prefix as long as addresses are. Host bits stay as the user wrote them. */
function prefixIn(value: unknown): string | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const text = typeof value === 'string' ? value : '';
  const address = parseAddress(text);
  if (address !== undefined) return `${formatAddress(address)}/${address.version === 4 ? 32 : 128}`;
  if (parsePrefix(text) !== undefined) return text;
  throw new NetworkHttpError(400, 'InvalidCIDR', `Invalid CIDR ${show(value)} given as IP prefix.`);
}
