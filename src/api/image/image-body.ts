// `POST /v2/images`: from the body to a command. Pure but for the words it throws.
import type { ImageAttributes } from '#actors/services/image/protocol.ts';
import { imageSchema } from './image-schema.ts';
import { codePoints, findFault, isRecord } from './json-schema.ts';
import { ImageHttpError } from './webob-error.ts';

export interface NewImage {
  /** As the user wants it, in lower case. */
  readonly id: string | undefined;
  readonly attributes: Omit<ImageAttributes, 'ownerId'>;
  readonly ownerId: string | undefined;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

const INT_MAX = 2_147_483_647;
/** Never in a request body. */
const outputOnly = ['direct_url', 'self', 'file', 'schema', 'stores'];
/** Told by the service, in bodies and patches refused. */
const told = [
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'size',
  'virtual_size',
];
const reserved = ['location', 'locations', 'deleted', 'deleted_at'];

export function isReadOnly(name: string): boolean {
  return told.includes(name) || outputOnly.includes(name) || name === 'id';
}

export function isReserved(name: string): boolean {
  return (name !== 'locations' && reserved.includes(name)) || name.startsWith('os_glance');
}

/** Throws ImageHttpError 400 or 403 in Glance's words. */
export function parseNewImage(body: unknown): NewImage {
  if (body === undefined) throw new ImageHttpError(400, 'Body expected in request.');
  if (!isRecord(body)) throw schemaError(`${JSON.stringify(body)} is not of type 'object'`);
  forbid(
    outputOnly.find((name) => Object.hasOwn(body, name)),
    'read-only',
  );
  const fault = findFault(imageSchema, body);
  if (fault !== undefined) throw schemaError(fault);
  forbid(
    told.find((name) => Object.hasOwn(body, name)),
    'read-only',
  );
  const own = Object.entries(body).filter(([name]) => !isBase(name));
  for (const [name] of own) checkPropertyName(name);
  return {
    id: (body['id'] as string | undefined)?.toLowerCase(),
    attributes: {
      name: (body['name'] as string | null | undefined) ?? null,
      visibility: (body['visibility'] as ImageAttributes['visibility'] | undefined) ?? 'shared',
      protected: body['protected'] === true,
      hidden: body['os_hidden'] === true,
      diskFormat: (body['disk_format'] as string | null | undefined) ?? null,
      containerFormat: (body['container_format'] as string | null | undefined) ?? null,
      minDiskGiB: checkSize('min_disk', body['min_disk']),
      minRamMiB: checkSize('min_ram', body['min_ram']),
    },
    ownerId: (body['owner'] as string | null | undefined) ?? undefined,
    tags: (body['tags'] as string[] | undefined) ?? [],
    // Not assigned one by one: a property may be named like what every object has.
    properties: Object.fromEntries(own) as Record<string, string>,
  };
}

const base = new Set([
  'id',
  'name',
  'visibility',
  'protected',
  'os_hidden',
  'disk_format',
  'container_format',
  'min_disk',
  'min_ram',
  'owner',
  'tags',
]);

export function isBase(name: string): boolean {
  return base.has(name);
}

export function checkPropertyName(name: string): void {
  if (codePoints(name) > 255)
    throw new ImageHttpError(400, 'Custom property should not be greater than 255 characters.');
  forbid(reserved.includes(name) || name.startsWith('os_glance') ? name : undefined, 'reserved');
}

export function checkSize(name: string, value: unknown): number {
  const size = typeof value === 'number' ? value : 0;
  const words = `Invalid value '${size}' for parameter '${name}'`;
  if (size < 0) throw new ImageHttpError(400, `${words}: Cannot be a negative value`);
  if (size > INT_MAX) throw new ImageHttpError(400, `${words}: It must not exceed ${INT_MAX}`);
  return size;
}

export function schemaError(fault: string): ImageHttpError {
  return new ImageHttpError(400, `Provided object does not match schema 'image': ${fault}`);
}

function forbid(name: string | undefined, how: 'read-only' | 'reserved'): void {
  if (name !== undefined) throw new ImageHttpError(403, `Attribute '${name}' is ${how}.`);
}
