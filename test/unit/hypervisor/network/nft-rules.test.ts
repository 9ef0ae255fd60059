// The rules as text; what they do to packets is shown in test/integration/host-network.

import { describe, expect, test } from 'vitest';
import {
  renderBridgeRules,
  renderInetRules,
  renderPortChange,
} from '#hypervisor/network/nft-rules.ts';
import type { RuledNetwork } from '#hypervisor/network/nft-rules.ts';

const portId = '01234567-89ab-4cde-8f01-23456789abcd';

const network: RuledNetwork = {
  spec: {
    id: 'n1',
    bridge: 'br-1',
    mtu: 1_500,
    masquerade: true,
    metadataPort: 8_775,
    subnets: [
      {
        id: 's1',
        cidr: '10.0.0.0/24',
        gateway: '10.0.0.1',
        dhcp: true,
        dnsServers: [],
        hostRoutes: [],
      },
    ],
  },
  ports: new Map([[portId, { mac: 'fa:16:3e:00:00:01', addresses: ['10.0.0.5', '10.0.0.6'] }]]),
};

describe('the table of translation', () => {
  test('sends metadata to its port, hides the network, and lets nobody in', () => {
    expect(renderInetRules('t', [network])).toBe(`add table inet t
delete table inet t
table inet t {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "br-1" ip daddr 169.254.169.254 tcp dport 80 redirect to :8775
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.0.0.0/24 ip daddr != { 10.0.0.0/24, 224.0.0.0/4 } oifname != "br-1" masquerade
  }
  chain forwarding {
    type filter hook forward priority filter; policy accept;
    iifname != "br-1" oifname "br-1" ct state established,related accept
    iifname != "br-1" oifname "br-1" drop
  }
}
`);
  });

  test('leaves a network alone that wants neither', () => {
    const spec = { ...network.spec, masquerade: false, metadataPort: undefined };
    const rules = renderInetRules('t', [{ ...network, spec }]);
    expect(rules).not.toContain('br-1');
  });
});

describe('the table of guests', () => {
  test('names each tap with its MAC and its addresses', () => {
    const rules = renderBridgeRules('t', [network]);
    expect(rules).toContain('set taps { type ifname; elements = { "tap01234567-89" } }');
    expect(rules).toContain('elements = { "tap01234567-89" . fa:16:3e:00:00:01 } }');
    expect(rules).toContain(
      'elements = { "tap01234567-89" . 10.0.0.5, "tap01234567-89" . 10.0.0.6 } }',
    );
  });

  test('has empty sets without ports', () => {
    const rules = renderBridgeRules('t', [{ ...network, ports: new Map() }]);
    expect(rules).toContain('set taps { type ifname; }');
    expect(rules).not.toContain('elements');
  });
});

test('without networks both tables go away', () => {
  expect(renderInetRules('t', [])).toBe('add table inet t\ndelete table inet t\n\n');
  expect(renderBridgeRules('t', [])).toBe('add table bridge t\ndelete table bridge t\n\n');
});

test('one port is let in or taken out by itself', () => {
  const mac = 'fa:16:3e:00:00:01';
  expect(renderPortChange('add', 't', { id: portId, mac, addresses: ['10.0.0.5'] })).toBe(
    'add element bridge t taps { "tap01234567-89" }\n' +
      'add element bridge t macs { "tap01234567-89" . fa:16:3e:00:00:01 }\n' +
      'add element bridge t addresses { "tap01234567-89" . 10.0.0.5 }\n',
  );
  expect(renderPortChange('delete', 't', { id: portId, mac, addresses: [] })).toBe(
    'delete element bridge t taps { "tap01234567-89" }\n' +
      'delete element bridge t macs { "tap01234567-89" . fa:16:3e:00:00:01 }\n',
  );
});
