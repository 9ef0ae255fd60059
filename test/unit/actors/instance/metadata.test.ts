import { expect, it } from 'vitest';
import { metadataOf } from '#actors/instance/metadata.ts';
import { testImage } from '#test/support/test-image.ts';
import { InstanceDriver, instanceIn, serverId } from './instance-driver.ts';

const parts = { networks: [], randomSeed: new Uint8Array(4) };
const text = (words: string): string => Buffer.from(words).toString('base64');

it('a server’s metadata is what its request says', () => {
  const driver = new InstanceDriver().create({
    metadata: { role: 'web' },
    key: { name: 'k', type: 'ssh', publicKey: 'ssh-rsa A', fingerprint: 'aa' },
    userData: `${text('#!/bin/sh\n').slice(0, 4)}\n ${text('#!/bin/sh\n').slice(4)}`,
    personality: [{ path: '/etc/motd', contents: text('hello') }],
    availabilityZone: 'zone-9',
    adminPass: 'secret',
  });
  expect(metadataOf(driver.state, parts)).toEqual({
    uuid: serverId,
    name: 'vm1',
    hostname: 'vm1',
    projectId: 'project-1',
    availabilityZone: 'zone-9',
    launchIndex: 0,
    reservationId: 'r-12345678',
    instanceNumber: 0x22222222,
    imageNumber: Number.parseInt(testImage.id.slice(0, 8), 16),
    flavorName: 'm1.tiny',
    meta: { role: 'web' },
    key: { name: 'k', type: 'ssh', data: 'ssh-rsa A' },
    userData: new Uint8Array(Buffer.from('#!/bin/sh\n')),
    files: [{ path: '/etc/motd', content: new Uint8Array(Buffer.from('hello')) }],
    networks: [],
    securityGroups: ['default'],
    devices: [],
    blockDevices: { ami: 'vda', root: '/dev/vda' },
    dedicatedCpus: [],
    adminPass: 'secret',
    randomSeed: parts.randomSeed,
    vendorData: {},
    password: '',
  });
});

it('the zone is that of the host once there is one, and null when nothing says it', () => {
  const asked = new InstanceDriver().create({ availabilityZone: 'wish' }).succeed();
  expect(metadataOf(asked.state, parts)?.availabilityZone).toBe('nova');
  expect(metadataOf(new InstanceDriver().create().state, parts)?.availabilityZone).toBeNull();
});

it('without key, image and user data there are none', () => {
  const { state } = new InstanceDriver().create();
  const { image: _image, ...request } = state.request!;
  expect(metadataOf({ ...state, request }, parts)).toMatchObject({
    key: undefined,
    userData: undefined,
    imageNumber: undefined,
    files: [],
  });
});

it('a server that is gone, or never was, has none', () => {
  expect(metadataOf(instanceIn('deleted').state, parts)).toBeUndefined();
  expect(metadataOf(new InstanceDriver().state, parts)).toBeUndefined();
});
