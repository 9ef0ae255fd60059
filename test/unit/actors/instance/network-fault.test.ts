// Why ports could not be made is told in words: every refusal that the Networks port documents has its own.
import { describe, expect, it } from 'vitest';
import { networkFaultMessage } from '#actors/instance/network-fault.ts';
import { refuse } from '#runtime/message/refusal.ts';

const detail = {
  networkId: 'net-1',
  subnetId: 'subnet-1',
  portId: 'port-1',
  deviceId: 'server-2',
  groupId: 'web',
  address: '10.0.0.9',
  cidr: '10.0.0.0/24',
  quota: 5,
  used: 5,
};

describe('the fault of a server whose ports could not be made', () => {
  it.each([
    ['network-not-found', 'network net-1 is gone.'],
    [
      'network-overlap',
      'the addresses 10.0.0.0/24 of network net-1 overlap with those of another network that is in use.',
    ],
    ['port-not-found', 'port port-1 is gone.'],
    ['port-in-use', 'port port-1 is in use by device server-2.'],
    ['port-quota', "the project's quota of 5 ports is used up: it has 5."],
    ['no-addresses', 'network net-1 has no free address left.'],
    ['no-subnets', 'network net-1 has no subnet.'],
    ['address-in-use', 'address 10.0.0.9 of subnet subnet-1 is in use.'],
    ['address-not-in-subnet', 'address 10.0.0.9 is not one of subnet subnet-1.'],
    ['address-not-on-network', "address 10.0.0.9 is in none of the network's subnets."],
    [
      'address-automatic',
      "address 10.0.0.9 can't be chosen: ports make their own in subnet subnet-1.",
    ],
    ['no-mac', 'no unused MAC address was found for network net-1.'],
    ['group-not-found', 'security group web is gone.'],
    ['group-ambiguous', 'several security groups are called web.'],
  ])('for %s says why', (code, reason) => {
    expect(networkFaultMessage(refuse(code, detail))).toBe(
      `The server's network ports could not be made: ${reason}`,
    );
  });

  it('for a refusal without words shows its code and figures, cut to what a fault may hold', () => {
    expect(networkFaultMessage(refuse('odd', { a: 1 }))).toBe(
      'The server\'s network ports could not be made: odd {"a":1}',
    );
    expect(networkFaultMessage(refuse('odd', { a: 'x'.repeat(2000) }))).toHaveLength(1000);
  });
});
