// The EC2 tree of the metadata service: what it holds in each version, and how it is printed. Pure.
// Names, versions and forms are EC2's as Nova serves them.
import type { InstanceMetadata } from './instance-metadata.ts';

export const ec2Versions = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const;

export type Ec2Value = string | number | null | readonly string[] | Uint8Array | Ec2Tree;
export interface Ec2Tree {
  readonly [name: string]: Ec2Value;
}

/** The tree below a version, or undefined for an unknown one. */
export function ec2Tree(metadata: InstanceMetadata, version: string): Ec2Tree | undefined {
  const known: readonly string[] = ec2Versions;
  const level = version === 'latest' ? known.length - 1 : known.indexOf(version);
  if (level < 0) return undefined;
  const since = (first: (typeof ec2Versions)[number], entries: Ec2Tree): Ec2Tree =>
    level >= known.indexOf(first) ? entries : {};
  const { hostname } = metadata;
  const address = firstAddress(metadata);
  const tree: Ec2Tree = {
    'ami-id': idOf('ami', metadata.imageNumber),
    'ami-launch-index': metadata.launchIndex,
    // Nova's own literal answer, which clients get from it to this day; not a mark of ours.
    'ami-manifest-path': 'FIXME',
    'instance-id': idOf('i', metadata.instanceNumber),
    hostname,
    'local-ipv4': address,
    'reservation-id': metadata.reservationId,
    'security-groups': metadata.securityGroups,
    ...publicKeys(metadata),
    ...since('2007-01-19', {
      'local-hostname': hostname,
      'public-hostname': hostname,
      'public-ipv4': '',
    }),
    ...since('2007-08-29', { 'instance-type': metadata.flavorName }),
    ...since('2007-12-15', { 'block-device-mapping': metadata.blockDevices }),
    ...since('2008-02-01', {
      placement: { 'availability-zone': metadata.availabilityZone },
    }),
    ...since('2008-09-01', { 'instance-action': 'none' }),
  };
  const { userData } = metadata;
  return { 'meta-data': tree, ...(userData === undefined ? {} : { 'user-data': userData }) };
}

/** `i-0000002a` */
function idOf(kind: string, number: number | undefined): string | null {
  return number === undefined ? null : `${kind}-${number.toString(16).padStart(8, '0')}`;
}

function firstAddress(metadata: InstanceMetadata): string {
  const all = metadata.networks.flatMap((network) => network.addresses);
  return all.find((address) => address.version === 4)?.address ?? '';
}

function publicKeys({ key }: InstanceMetadata): Ec2Tree {
  if (key === undefined) return {};
  return { 'public-keys': { '0': { _name: `0=${key.name}`, 'openssh-key': key.data } } };
}

export function isTree(value: Ec2Value): value is Ec2Tree {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

/** What stands at a path below a version's root, or undefined. */
export function findInTree(tree: Ec2Tree, path: readonly string[]): Ec2Value | undefined {
  let value: Ec2Value | undefined = tree;
  for (const name of path) {
    if (value === undefined || !isTree(value) || name === '_name') return undefined;
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

/** A branch is printed as its names, those of branches with a slash; a key's branch by its own name. */
export function printEc2(value: Ec2Value): string | Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value === null) return 'None';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (!isTree(value)) return value.join('\n');
  const names = Object.keys(value).filter((name) => name !== '_name');
  return names
    .sort()
    .map((name) => nameOf(name, value[name] ?? null))
    .join('\n');
}

function nameOf(name: string, value: Ec2Value): string {
  if (!isTree(value)) return name;
  const own = value['_name'];
  return typeof own === 'string' ? own : `${name}/`;
}
