// /images until 2.35, and /images/{id}/metadata until 2.38: what Nova shows and changes of the image service's images.
import type { ImageRecord } from '#actors/ports/images.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { badRequest, forbidden, notFound, refusalFault } from '../../envelope.ts';
import { metadataParam } from '../../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { linksField, pageOf } from '../paging.ts';
import { pagedQuery } from '../query-schemas.ts';
import { limitsOf } from '../quotas/quota-limits.ts';
import { filterOf } from './image-filters.ts';
import { renderBasic, renderImage } from './image-view.ts';

const proxied = { until: 35 } as const;
const metadataProxied = { until: 38 } as const;
const NOT_FOUND = 'Image not found.';

type Metadata = Readonly<Record<string, string>>;

async function find(call: ComputeCall): Promise<ImageRecord> {
  const id = call.params['image_id'] ?? '';
  const image = await call.context.images.find(id.toLowerCase(), call.caller);
  if (image === undefined) throw notFound(NOT_FOUND);
  return image;
}

async function list(
  call: ComputeCall,
  path: string,
  render: (call: ComputeCall, image: ImageRecord) => object,
): Promise<object> {
  const fits = filterOf(call);
  const all = await call.context.images.list(call.caller);
  const items = all
    .filter(fits)
    .toSorted((one, other) => other.createdAtMs - one.createdAtMs || (one.id < other.id ? 1 : -1));
  const page = pageOf(call, { items, idOf: ({ id }) => id, path });
  return {
    images: page.items.map((image) => render(call, image)),
    ...linksField('images', page.links),
  };
}

function by({ caller, requestId }: ComputeCall) {
  return { caller, requestId };
}

async function remove(call: ComputeCall): Promise<void> {
  const image = await find(call);
  const refused = await call.context.images.remove(image.id, by(call));
  if (refused === undefined) return;
  if (refused.refused === 'image-not-found') throw notFound(NOT_FOUND);
  if (refused.refused === 'image-forbidden' || refused.refused === 'image-protected')
    throw forbidden('You are not allowed to delete the image.');
  throw refusalFault(refused);
}

async function setAll(call: ComputeCall, image: ImageRecord, metadata: Metadata): Promise<void> {
  const { metadata_items: most } = limitsOf(call.context, call.caller.projectId ?? '');
  if (most >= 0 && Object.keys(metadata).length > most)
    throw forbidden('Image metadata limit exceeded');
  const refused = await call.context.images.setProperties(image.id, metadata, by(call));
  if (refused !== undefined) throw changeFault(refused, image.id);
}

function changeFault(refused: Refusal, imageId: string): Error {
  if (refused.refused === 'image-not-found') return notFound(NOT_FOUND);
  if (refused.refused === 'image-forbidden')
    return forbidden(`Not authorized for image ${imageId}.`);
  return refusalFault(refused);
}

async function addMetadata(call: ComputeCall): Promise<object> {
  const { metadata } = call.body as { readonly metadata: Metadata };
  const image = await find(call);
  const all = { ...image.properties, ...metadata };
  await setAll(call, image, all);
  return { metadata: all };
}

async function replaceMetadata(call: ComputeCall): Promise<object> {
  const { metadata } = call.body as { readonly metadata: Metadata };
  await setAll(call, await find(call), metadata);
  return { metadata };
}

function keyOf(call: ComputeCall): string {
  return call.params['key'] ?? '';
}

async function showItem(call: ComputeCall): Promise<object> {
  const { properties } = await find(call);
  const key = keyOf(call);
  if (!Object.hasOwn(properties, key)) throw notFound();
  return { meta: { [key]: properties[key] } };
}

async function setItem(call: ComputeCall): Promise<object> {
  const { meta } = call.body as { readonly meta: Metadata };
  const key = keyOf(call);
  const value = meta[key];
  if (!Object.hasOwn(meta, key) || value === undefined)
    throw badRequest('Request body and URI mismatch');
  const image = await find(call);
  await setAll(call, image, { ...image.properties, [key]: value });
  return { meta };
}

async function removeItem(call: ComputeCall): Promise<void> {
  const image = await find(call);
  const { [keyOf(call)]: removed, ...rest } = image.properties;
  if (removed === undefined) throw notFound('Invalid metadata key');
  await setAll(call, image, rest);
}

function wrapped(name: string, inner: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: { [name]: inner },
    required: [name],
    additionalProperties: false,
  };
}

const allBody = [{ schema: wrapped('metadata', metadataParam) }];
const itemBody = [
  { schema: wrapped('meta', { ...metadataParam, minProperties: 1, maxProperties: 1 }) },
];
const query = [{ schema: pagedQuery }];
const all = { ...metadataProxied, path: '/images/:image_id/metadata' } as const;
const one = { ...metadataProxied, path: '/images/:image_id/metadata/:key' } as const;

export const imageRoutes: readonly ComputeRoute[] = [
  {
    ...proxied,
    method: 'GET',
    path: '/images',
    query,
    handler: (call) => list(call, '/images', renderBasic),
  },
  {
    ...proxied,
    method: 'GET',
    path: '/images/detail',
    query,
    handler: (call) => list(call, '/images/detail', renderImage),
  },
  {
    ...proxied,
    method: 'GET',
    path: '/images/:image_id',
    handler: async (call) => ({ image: renderImage(call, await find(call)) }),
  },
  { ...proxied, method: 'DELETE', path: '/images/:image_id', success: 204, handler: remove },
  {
    ...all,
    method: 'GET',
    handler: async (call) => ({ metadata: (await find(call)).properties }),
  },
  { ...all, method: 'POST', body: allBody, handler: addMetadata },
  { ...all, method: 'PUT', body: allBody, handler: replaceMetadata },
  { ...one, method: 'GET', handler: showItem },
  { ...one, method: 'PUT', body: itemBody, handler: setItem },
  { ...one, method: 'DELETE', success: 204, handler: removeItem },
];
