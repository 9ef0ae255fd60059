// Why a server's network ports could not be made, in words for the fault that its owner reads. Pure. What the API answers
// to a request for such a port itself stands in api/errors/network.ts.
import type { Refusal } from '#runtime/message/refusal.ts';

type Detail = Readonly<Record<string, unknown>>;

/** As long as a fault's message may be. */
const MAX_LENGTH = 1000;

const reasons: Readonly<Record<string, (detail: Detail) => string>> = {
  'network-not-found': ({ networkId }) => `network ${text(networkId)} is gone.`,
  'network-overlap': ({ networkId, cidr }) =>
    `the addresses ${text(cidr)} of network ${text(networkId)} overlap with those of another ` +
    'network that is in use.',
  'port-not-found': ({ portId }) => `port ${text(portId)} is gone.`,
  'port-in-use': ({ portId, deviceId }) =>
    `port ${text(portId)} is in use by device ${text(deviceId)}.`,
  'port-quota': ({ quota, used }) =>
    `the project's quota of ${text(quota)} ports is used up: it has ${text(used)}.`,
  'no-addresses': ({ networkId }) => `network ${text(networkId)} has no free address left.`,
  'no-subnets': ({ networkId }) => `network ${text(networkId)} has no subnet.`,
  'address-in-use': ({ address, subnetId }) =>
    `address ${text(address)} of subnet ${text(subnetId)} is in use.`,
  'address-not-in-subnet': ({ address, subnetId }) =>
    `address ${text(address)} is not one of subnet ${text(subnetId)}.`,
  'address-not-on-network': ({ address }) =>
    `address ${text(address)} is in none of the network's subnets.`,
  'address-automatic': ({ address, subnetId }) =>
    `address ${text(address)} can't be chosen: ports make their own in subnet ${text(subnetId)}.`,
  'no-mac': ({ networkId }) => `no unused MAC address was found for network ${text(networkId)}.`,
  'group-not-found': ({ groupId }) => `security group ${text(groupId)} is gone.`,
  'group-ambiguous': ({ groupId }) => `several security groups are called ${text(groupId)}.`,
};

export function networkFaultMessage({ refused, detail }: Refusal): string {
  const reason = reasons[refused]?.(detail) ?? `${refused} ${JSON.stringify(detail)}`;
  return `The server's network ports could not be made: ${reason}`.slice(0, MAX_LENGTH);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
