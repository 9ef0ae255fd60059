// The documents of the metadata service and of the config drive, written from one InstanceMetadata. Pure.
// Paths, versions and fields are Nova's: https://docs.openstack.org/nova/latest/user/metadata.html
import { ec2Tree, ec2Versions, findInTree, printEc2 } from './ec2-metadata.ts';
import type { InstanceDevice, InstanceMetadata } from './instance-metadata.ts';
import { networkData } from './network-data.ts';

export const openstackVersions = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
] as const;
type OpenstackVersion = (typeof openstackVersions)[number];

/** EC2 versions that no config drive needs any more. */
const driveEc2Versions = ['2009-04-04', 'latest'];

export interface MetadataDocument {
  readonly type: 'text/plain' | 'application/json';
  readonly content: string | Uint8Array;
}

/** Text, JSON, or the place where the guest's password is read and posted. */
export type MetadataAnswer =
  | ({ readonly kind: 'document' } & MetadataDocument)
  | { readonly kind: 'password' };

/** What is at a path of the metadata service; undefined for nothing. */
export function findMetadata(metadata: InstanceMetadata, path: string): MetadataAnswer | undefined {
  const parts = normalise(path);
  const [root] = parts;
  if (root === 'openstack') return findOpenstack(metadata, parts.slice(1));
  const rest = root === 'ec2' ? parts.slice(1) : parts;
  const [version, ...below] = rest;
  if (version === undefined) return text([...ec2Versions, 'latest'].join('\n'));
  const tree = ec2Tree(metadata, version);
  const value = tree === undefined ? undefined : findInTree(tree, below);
  return value === undefined ? undefined : text(printEc2(value));
}

/** The parts of a path, with empty ones, `.` and `..` taken out as POSIX has it. */
function normalise(path: string): readonly string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

function text(content: string | Uint8Array): MetadataAnswer {
  return { kind: 'document', type: 'text/plain', content };
}

function findOpenstack(
  metadata: InstanceMetadata,
  parts: readonly string[],
): MetadataAnswer | undefined {
  const [version, name, ...more] = parts;
  if (version === undefined) return text([...openstackVersions, 'latest'].join('\n'));
  if (version === 'content') {
    const file = name === undefined || more.length > 0 ? undefined : contentAt(metadata, name);
    return file === undefined ? undefined : text(file);
  }
  const level = levelOf(version);
  if (level === undefined || more.length > 0) return undefined;
  if (name === undefined) return text(documentNames(metadata, level).join('\n'));
  if (!documentNames(metadata, level).includes(name)) return undefined;
  if (name === 'password') return { kind: 'password' };
  return { kind: 'document', ...writeDocument(metadata, name, { level, onDrive: false }) };
}

function levelOf(version: string): number | undefined {
  const level: number =
    version === 'latest'
      ? openstackVersions.length - 1
      : (openstackVersions as readonly string[]).indexOf(version);
  return level < 0 ? undefined : level;
}

function isSince(level: number, version: OpenstackVersion): boolean {
  return level >= openstackVersions.indexOf(version);
}

function documentNames(metadata: InstanceMetadata, level: number): readonly string[] {
  const since = (version: OpenstackVersion, name: string): readonly string[] =>
    isSince(level, version) ? [name] : [];
  return [
    'meta_data.json',
    ...(metadata.userData === undefined ? [] : ['user_data']),
    ...since('2013-04-04', 'password'),
    ...since('2013-10-17', 'vendor_data.json'),
    ...since('2015-10-15', 'network_data.json'),
    ...since('2016-10-06', 'vendor_data2.json'),
  ];
}

interface DocumentPlace {
  readonly level: number;
  readonly onDrive: boolean;
}

function writeDocument(
  metadata: InstanceMetadata,
  name: string,
  place: DocumentPlace,
): MetadataDocument {
  const json = (value: object): MetadataDocument => ({
    type: 'application/json',
    content: JSON.stringify(value),
  });
  switch (name) {
    case 'user_data':
      return { type: 'text/plain', content: metadata.userData ?? '' };
    case 'vendor_data.json':
      return json(metadata.vendorData);
    case 'vendor_data2.json':
      return json({ static: metadata.vendorData });
    case 'network_data.json':
      return { ...json(networkData(metadata.networks)), type: 'text/plain' };
    default:
      return json(metaData(metadata, place));
  }
}

function metaData(metadata: InstanceMetadata, { level, onDrive }: DocumentPlace): object {
  const { key, adminPass, files } = metadata;
  return {
    uuid: metadata.uuid,
    ...(Object.keys(metadata.meta).length === 0 ? {} : { meta: metadata.meta }),
    ...(files.length === 0 ? {} : { files: files.map(({ path }, index) => fileAt(path, index)) }),
    ...(onDrive && adminPass !== undefined ? { admin_pass: adminPass } : {}),
    ...(key === undefined
      ? {}
      : {
          public_keys: { [key.name]: key.data },
          keys: [{ name: key.name, type: key.type, data: key.data }],
        }),
    hostname: metadata.hostname,
    name: metadata.name,
    launch_index: metadata.launchIndex,
    availability_zone: metadata.availabilityZone,
    ...(isSince(level, '2013-04-04')
      ? { random_seed: Buffer.from(metadata.randomSeed).toString('base64') }
      : {}),
    ...(isSince(level, '2015-10-15') ? { project_id: metadata.projectId } : {}),
    ...(isSince(level, '2016-06-30')
      ? { devices: metadata.devices.map((device) => deviceOf(device, level)) }
      : {}),
    ...(isSince(level, '2020-10-14') ? { dedicated_cpus: metadata.dedicatedCpus } : {}),
  };
}

function deviceOf(device: InstanceDevice, level: number): object {
  const { type, bus, address, tags } = device;
  if (device.type === 'disk') {
    const { serial, path } = device;
    return {
      type,
      ...(serial === undefined ? {} : { serial }),
      ...(path === undefined ? {} : { path }),
      bus,
      address,
      tags,
    };
  }
  const trusted = isSince(level, '2018-08-27') ? { vf_trusted: false } : {};
  return { ...trusted, type, mac: device.mac, bus, address, tags };
}

function contentName(index: number): string {
  return String(index).padStart(4, '0');
}

function fileAt(path: string, index: number): object {
  return { path, content_path: `/content/${contentName(index)}` };
}

function contentAt(metadata: InstanceMetadata, name: string): Uint8Array | undefined {
  return metadata.files.find((_file, index) => contentName(index) === name)?.content;
}

export interface DriveFile {
  /** Path within the drive: `openstack/latest/meta_data.json`. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** Every file of the config drive. Unlike the service it tells the administrator's password, when there is one. */
export function configDriveFiles(metadata: InstanceMetadata): readonly DriveFile[] {
  const ec2 = driveEc2Versions.flatMap((version) => ec2Files(metadata, version));
  const openstack = [...openstackVersions, 'latest'].flatMap((version) => {
    const level = levelOf(version) ?? 0;
    return documentNames(metadata, level)
      .filter((name) => name !== 'password')
      .map((name) => {
        const { content } = writeDocument(metadata, name, { level, onDrive: true });
        return driveFile(`openstack/${version}/${name}`, content);
      });
  });
  const content = metadata.files.map((file, index) =>
    driveFile(`openstack/content/${contentName(index)}`, file.content),
  );
  return [...ec2, ...openstack, ...content];
}

function ec2Files(metadata: InstanceMetadata, version: string): readonly DriveFile[] {
  const tree = ec2Tree(metadata, version) ?? {};
  const { userData } = metadata;
  const json = JSON.stringify(tree['meta-data'], (name, value: unknown) =>
    name === '_name' ? undefined : value,
  );
  return [
    ...(userData === undefined ? [] : [driveFile(`ec2/${version}/user-data`, userData)]),
    driveFile(`ec2/${version}/meta-data.json`, json),
  ];
}

function driveFile(path: string, content: string | Uint8Array): DriveFile {
  return { path, content: typeof content === 'string' ? Buffer.from(content) : content };
}
