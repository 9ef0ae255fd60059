import { describe, expect, test } from 'vitest';
import { parseLibvirtUri } from '#hypervisor/libvirt/rpc/uri.ts';
import type { Target } from '#hypervisor/libvirt/rpc/uri.ts';
import { HypervisorFault } from '#hypervisor/port.ts';

const systemFiles = {
  ca: '/etc/pki/CA/cacert.pem',
  certificate: '/etc/pki/libvirt/clientcert.pem',
  key: '/etc/pki/libvirt/private/clientkey.pem',
};

const accepted: readonly (readonly [string, Target])[] = [
  [
    'qemu:///system',
    {
      transport: 'unix',
      paths: ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'],
    },
  ],
  ['qemu:///system?socket=/tmp/s', { transport: 'unix', paths: ['/tmp/s'] }],
  ['qemu+unix:///system?socket=/tmp/a%20b', { transport: 'unix', paths: ['/tmp/a b'] }],
  ['qemu+tcp://host/system', { transport: 'tcp', host: 'host', port: 16_509 }],
  ['qemu+tcp://[fd00::1]:99/system', { transport: 'tcp', host: 'fd00::1', port: 99 }],
  ['qemu://host/system', { transport: 'tls', host: 'host', port: 16_514, files: systemFiles }],
  [
    'qemu+tls://host:1/system?pkipath=/pki',
    {
      transport: 'tls',
      host: 'host',
      port: 1,
      files: {
        ca: '/pki/cacert.pem',
        certificate: '/pki/clientcert.pem',
        key: '/pki/clientkey.pem',
      },
    },
  ],
];

const refused: readonly (readonly [string, string])[] = [
  ['', 'it is not a URI'],
  ['/run/libvirt/libvirt-sock', 'it is not a URI'],
  ['xen:///system', 'only the qemu driver is supported, not xen'],
  ['qemu+ssh://host/system', 'transport ssh is not supported; use unix, tcp or tls'],
  ['qemu:///session', 'session daemons are not supported; use qemu:///system'],
  ['qemu:///', 'the path must be /system, not /'],
  ['qemu+unix://host/system', 'transport unix takes no host; use tcp or tls'],
  ['qemu+tcp:///system', 'transport tcp needs a host'],
  ['qemu+tcp://user@host/system', 'a user name is not supported'],
  ['qemu+tls://host/system?no_verify=1', 'option no_verify is not supported'],
  ['qemu+tcp://host/system?socket=/s', 'option socket is not supported'],
  ['qemu:///system?socket=s', 'socket "s" is no absolute path'],
  ['qemu+tls://host/system?pkipath=p', 'pkipath "p" is no absolute path'],
];

describe('libvirt URIs', () => {
  test.each(accepted)('%s is understood', (uri, target) => {
    expect(parseLibvirtUri(uri)).toEqual({ target, driverName: 'qemu:///system' });
  });

  test.each(refused)('%s is refused in words', (uri, why) => {
    expect(() => parseLibvirtUri(uri)).toThrow(
      new HypervisorFault('unsupported', `libvirt URI ${JSON.stringify(uri)}: ${why}`),
    );
  });
});
