// The flavors that a new cloud starts with: DevStack's names and ids (nano, micro for small guests such as the tiny
// image), and Nova's old defaults from small upwards. Administrators may change or delete them like any other.
import type { Flavor } from '../domain/server.ts';

interface Size {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly ramMiB: number;
  readonly diskGiB: number;
}

const sizes: readonly Size[] = [
  { id: '42', name: 'm1.nano', vcpus: 1, ramMiB: 64, diskGiB: 1 },
  { id: '1', name: 'm1.tiny', vcpus: 1, ramMiB: 96, diskGiB: 1 },
  { id: '84', name: 'm1.micro', vcpus: 1, ramMiB: 192, diskGiB: 1 },
  { id: '2', name: 'm1.small', vcpus: 1, ramMiB: 2048, diskGiB: 20 },
  { id: '3', name: 'm1.medium', vcpus: 2, ramMiB: 4096, diskGiB: 40 },
  { id: '4', name: 'm1.large', vcpus: 4, ramMiB: 8192, diskGiB: 80 },
  { id: '5', name: 'm1.xlarge', vcpus: 8, ramMiB: 16_384, diskGiB: 160 },
];

export const defaultFlavors: readonly Flavor[] = sizes.map((size) => ({
  ...size,
  ephemeralGiB: 0,
  swapMiB: 0,
  rxtxFactor: 1,
  isPublic: true,
  disabled: false,
  extraSpecs: {},
}));
