// Builders of what tests of instances need: whole, valid values, of which a test changes what it is about.
import type { Flavor, ServerRequest } from '#actors/domain/server.ts';
import { testImage } from './test-image.ts';

export const testFlavor: Flavor = {
  id: 'tiny',
  name: 'm1.tiny',
  vcpus: 1,
  ramMiB: 96,
  diskGiB: 1,
  ephemeralGiB: 0,
  swapMiB: 0,
  rxtxFactor: 1,
  isPublic: true,
  disabled: false,
  extraSpecs: {},
};

export function serverRequest(changes: Partial<ServerRequest> = {}): ServerRequest {
  return {
    projectId: 'project-1',
    userId: 'user-1',
    name: 'vm1',
    hostname: 'vm1',
    image: testImage,
    flavor: testFlavor,
    configDrive: false,
    metadata: {},
    tags: [],
    securityGroups: ['default'],
    hints: {},
    networks: [],
    diskConfig: 'MANUAL',
    accessIPv4: '',
    accessIPv6: '',
    personality: [],
    reservationId: 'r-12345678',
    launchIndex: 0,
    ...changes,
  };
}
