// What a create request names must exist and fit: flavor, image, key pair, zone, files, metadata. Each check answers
// with what it found, or throws Nova's 400 or 403. Only reads.
import { flavorOf, keypairOf } from '#actors/catalog/lookup.ts';
import { ALL_FLAVORS } from '#actors/catalog/protocol.ts';
import type { Flavor, ServerImage, ServerKey, ServerRequest } from '#actors/domain/server.ts';
import type { ImageRecord } from '#actors/ports/images.ts';
import type { QuotaLimits } from '#actors/project/protocol.ts';
import { badRequest, forbidden } from '../envelope.ts';
import { zoneOf, zoneOfNamed } from '../host-zone.ts';
import { allows, demand } from '../policy.ts';
import type { ComputeCall } from '../route.ts';
import type { BlockDevice, CreateServer, Hints } from './create-body.ts';

const GIB = 1024 ** 3;

/** Accepts an id, or a URL that ends in one. */
export function findFlavor(call: ComputeCall, flavorRef: string | number): Flavor {
  const id = idFromHref(String(flavorRef));
  const record = flavorOf(call.context.flavors.get(ALL_FLAVORS), id);
  const { caller } = call;
  const isOpen =
    record !== undefined &&
    (record.flavor.isPublic ||
      caller.isAdmin ||
      (caller.projectId !== undefined && record.access.includes(caller.projectId)));
  if (record === undefined || !isOpen || record.flavor.disabled)
    throw badRequest(`Flavor ${id} could not be found.`);
  return record.flavor;
}

function idFromHref(href: string): string {
  return (href.split(/[?#]/, 1)[0] ?? '').split('/').at(-1) ?? '';
}

export async function findImage(
  call: ComputeCall,
  imageRef: string,
  flavor: Flavor,
): Promise<ServerImage> {
  const image = await call.context.images.find(imageRef, call.caller);
  if (image === undefined || image.status === 'deleted')
    throw badRequest('Can not find requested image');
  const bootable = bootableImage(image);
  checkFit(call, image, flavor);
  return bootable;
}

/** The image as a server keeps it; 400 for one that no disk can be made from. */
export function bootableImage(image: ImageRecord): ServerImage {
  if (image.status !== 'active' || image.sha512 === undefined || image.sizeBytes === undefined)
    throw badRequest(`Image ${image.id} is not active.`);
  const format = image.diskFormat;
  if (format !== 'qcow2' && format !== 'raw')
    throw badRequest(
      `Image ${image.id} is unacceptable: disk format ${format ?? 'unknown'} can't be booted here; convert it to qcow2 or raw`,
    );
  return {
    id: image.id,
    ...(image.name === undefined ? {} : { name: image.name }),
    format,
    sha512: image.sha512,
    sizeBytes: image.sizeBytes,
    minDiskGiB: image.minDiskGiB,
    minRamMiB: image.minRamMiB,
    properties: image.properties,
  };
}

function checkFit(call: ComputeCall, image: ImageRecord, flavor: Flavor): void {
  const configDrive = image.properties['img_config_drive'] ?? 'optional';
  if (configDrive !== 'optional' && configDrive !== 'mandatory')
    throw badRequest(`Image's config drive option '${configDrive}' is invalid`);
  if (flavor.ramMiB < image.minRamMiB)
    throw badRequest("Flavor's memory is too small for requested image.");
  if (flavor.diskGiB === 0) {
    if (!allows(call, 'servers:create:zero_disk_flavor'))
      throw forbidden('Only volume-backed servers are allowed for flavors with zero disk.');
    return;
  }
  const diskBytes = flavor.diskGiB * GIB;
  const imageBytes = Math.max(image.sizeBytes ?? 0, image.virtualSizeBytes ?? 0);
  if (imageBytes > diskBytes)
    throw badRequest(
      `Flavor's disk is too small for requested image. Flavor disk is ${diskBytes} bytes, image is ${imageBytes} bytes.`,
    );
  if (image.minDiskGiB * GIB > diskBytes)
    throw badRequest(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${diskBytes} bytes, minimum size is ${image.minDiskGiB * GIB} bytes.`,
    );
}

export function findKey(call: ComputeCall, name: string | undefined): ServerKey | undefined {
  if (name === undefined) return undefined;
  const key = keypairOf(call.context.keypairs.get(call.caller.userId), name);
  if (key === undefined) throw badRequest('Invalid key_name provided.');
  const { type, publicKey, fingerprint } = key;
  return { name, type, publicKey, fingerprint };
}

/** Block devices until there are volumes: only what says again that the root disk comes from the image. */
export function checkBlockDevices(server: CreateServer): void {
  const { block_device_mapping: legacy = [], block_device_mapping_v2: devices = [] } = server;
  if (legacy.length > 0 && devices.length > 0)
    throw badRequest(
      'Using different block_device_mapping syntaxes is not allowed in the same request.',
    );
  if (legacy.length > 0)
    throw badRequest('Block Device Mapping is Invalid: this cloud has no volume service.');
  for (const device of devices) checkBlockDevice(device, server.imageRef);
  if (devices.length > 1)
    throw badRequest(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
}

function checkBlockDevice(device: BlockDevice, imageRef: string | undefined): void {
  const invalid = (reason: string) => badRequest(`Block Device Mapping is Invalid: ${reason}`);
  const isBlank = device.source_type === 'blank';
  if (isBlank && device.uuid !== undefined) throw invalid('Invalid device UUID.');
  if (!isBlank && device.uuid === undefined) throw invalid('Missing device UUID.');
  if (device.source_type === 'image' && device.destination_type === 'local') {
    const isRoot = Number(device.boot_index ?? -1) === 0;
    if (imageRef === undefined || imageRef === '' || !isRoot)
      throw invalid('Mapping image to local is not supported.');
    if (device.volume_type !== undefined && device.volume_type !== null)
      throw invalid('Specifying a volume_type with destination_type=local is not supported.');
    if (device.uuid === imageRef) return;
    throw invalid(
      'Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
  }
  if (isBlank && device.destination_type === 'local')
    throw invalid(
      'extra local disks can only be given by the flavor (ephemeral and swap) in this cloud.',
    );
  throw invalid('this cloud has no volume service.');
}

const isOver = (count: number, limit: number): boolean => limit >= 0 && count > limit;

export function checkMetadataCount(count: number, limits: QuotaLimits): void {
  if (isOver(count, limits.metadata_items))
    throw forbidden(`Maximum number of metadata items exceeds ${limits.metadata_items}`);
}

export function checkFiles(
  files: NonNullable<CreateServer['personality']>,
  limits: QuotaLimits,
): ServerRequest['personality'] {
  if (isOver(files.length, limits.injected_files))
    throw forbidden('Personality file limit exceeded');
  const complete = files.map(({ path, contents }) => {
    if (path === undefined || contents === undefined)
      throw badRequest('Bad personality format: missing path or contents');
    return { path, contents };
  });
  const longest = (lengths: readonly number[]): number => Math.max(0, ...lengths);
  if (isOver(longest(complete.map(({ path }) => path.length)), limits.injected_file_path_bytes))
    throw forbidden(`Personality file path exceeds maximum ${limits.injected_file_path_bytes}`);
  const contents = longest(complete.map((file) => file.contents.length));
  if (isOver(contents, limits.injected_file_content_bytes))
    throw forbidden(
      `Personality file content exceeds maximum ${limits.injected_file_content_bytes}`,
    );
  return complete;
}

export interface Destination {
  readonly availabilityZone: string | undefined;
  /** Host or hypervisor. */
  readonly requestedHost: string | undefined;
}

/** `zone`, `zone:host`, `zone:host:node`, `zone::node`; from 2.74 also `host` and `hypervisor_hostname`. */
export function findDestination(call: ComputeCall, server: CreateServer): Destination {
  const { zone, host, node } = parseZone(server.availability_zone ?? '');
  const forced = host ?? node;
  if (forced !== undefined) demand(call, 'servers:create:forced_host');
  const requested = requestedHost(call, server, forced !== undefined);
  if (zone === '' || forced !== undefined) {
    const isIn = forced !== undefined && zoneOfNamed(call.context, forced) === zone;
    return {
      availabilityZone: isIn ? zone : undefined,
      requestedHost: node ?? host ?? requested,
    };
  }
  const isAvailable = [...call.context.hosts.values()].some(
    (state) =>
      state.registered &&
      zoneOf(call.context, state) === zone &&
      state.enabled &&
      !state.forcedDown &&
      call.context.nodes.isUp(state.id),
  );
  if (!isAvailable) throw badRequest('The requested availability zone is not available');
  return { availabilityZone: zone, requestedHost: requested };
}

function parseZone(text: string): { zone: string; host?: string; node?: string } {
  const [zone = '', host = '', node = '', ...rest] = text.split(':');
  if (rest.length > 0)
    throw badRequest('Invalid input received: Unable to parse availability_zone');
  return { zone, ...(host === '' ? {} : { host }), ...(node === '' ? {} : { node }) };
}

function requestedHost(
  call: ComputeCall,
  { host, hypervisor_hostname: node }: CreateServer,
  isForced: boolean,
): string | undefined {
  if (host === undefined && node === undefined) return undefined;
  demand(call, 'compute:servers:create:requested_destination');
  if (isForced)
    throw badRequest(
      'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
    );
  const fits = [...call.context.hosts.values()].some(
    (state) =>
      (host === undefined || state.id === host) &&
      (node === undefined || state.hypervisor?.hostname === node),
  );
  if (!fits) throw badRequest(`Compute host ${node ?? host ?? ''} could not be found.`);
  return node ?? host;
}

/** Every value as a list of words, as filters take them. */
export function plainHints(hints: Hints): ServerRequest['hints'] {
  const word = (value: unknown): string =>
    typeof value === 'string' ? value : JSON.stringify(value);
  const plain = Object.fromEntries(
    Object.entries(hints)
      .filter(([name]) => !name.startsWith('_nova'))
      .map(([name, value]) => [name, Array.isArray(value) ? value.map(word) : [word(value)]]),
  );
  const { group } = plain;
  return group === undefined ? plain : { ...plain, group: group.map((id) => id.toLowerCase()) };
}
