// Images themselves: create, list, show, change, delete, tags, deactivate and reactivate.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { importMethods } from '#actors/services/image/protocol.ts';
import { STORE_ID } from './stores.ts';
import type { ImageState } from '#actors/services/image/state.ts';
import { isInList } from '#actors/services/image/visibility.ts';
import { baseUrl } from '#api/server.ts';
import { type ImageAccess, requireWriter } from './image-access.ts';
import { parseNewImage, schemaError } from './image-body.ts';
import { changesOf, checkVisibility, parsePatch, patchForms } from './image-patch.ts';
import { compareBy, type ImageQuery, parseImageQuery, queryOf } from './image-query.ts';
import { imageSchema } from './image-schema.ts';
import { renderImage } from './image-view.ts';
import { findFault } from './json-schema.ts';
import { ImageHttpError } from './webob-error.ts';

export function imageRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.post('/v2/images', (request, reply) => createImage(access, request, reply));
  app.get('/v2/images', (request) => listImages(access, request));
  app.get('/v2/images/:imageId', (request) => showImage(access, request));
  app.patch('/v2/images/:imageId', (request) => changeImage(access, request));
  app.delete('/v2/images/:imageId', (request, reply) => deleteImage(access, request, reply));
  app.put('/v2/images/:imageId/tags/:tag', (request, reply) => changeTag(access, request, reply));
  app.delete('/v2/images/:imageId/tags/:tag', (request, reply) =>
    changeTag(access, request, reply),
  );
  app.post('/v2/images/:imageId/actions/deactivate', (request, reply) =>
    act(access, request, reply, 'image.deactivate'),
  );
  app.post('/v2/images/:imageId/actions/reactivate', (request, reply) =>
    act(access, request, reply, 'image.reactivate'),
  );
}

async function showImage(access: ImageAccess, request: FastifyRequest): Promise<object> {
  return renderImage(await access.find(request));
}

async function createImage(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  const wanted = parseNewImage(request.body);
  requireWriter(caller, 'add_image');
  const ownerId = wanted.ownerId ?? caller.projectId ?? '';
  if (!caller.isAdmin && ownerId !== caller.projectId)
    throw new ImageHttpError(403, `You are not permitted to create images owned by '${ownerId}'`);
  checkVisibility(wanted.attributes.visibility, caller);
  access.withinQuota(ownerId, { image_count_total: 1 });
  const imageId = wanted.id ?? access.newId();
  await access.ask(request, imageId, {
    type: 'image.create',
    attributes: { ...wanted.attributes, ownerId },
    tags: [...wanted.tags],
    properties: { ...wanted.properties },
    changeId: access.newId(),
  });
  const base = baseUrl(request.headers.host, access.context.publicUrl);
  return reply
    .code(201)
    .header('location', `${base}/image/v2/images/${imageId}`)
    .header('openstack-image-import-methods', importMethods.join(','))
    .header('openstack-image-store-ids', STORE_ID)
    .send(renderImage(access.current(imageId)));
}

async function listImages(access: ImageAccess, request: FastifyRequest): Promise<object> {
  // With a slash at the end it is the path of an image whose id is empty, and such there is none.
  if (/\/(?:\?|$)/.test(request.url)) throw new ImageHttpError(404, '');
  const params = queryOf(request);
  const query = parseImageQuery(params);
  await access.context.views.barrier();
  const { caller } = request;
  const found = [...access.service.view.values()].filter(
    (image) => isInList(image, caller, query.scope) && query.filters.every((fits) => fits(image)),
  );
  const page = cutPage(access, found, query);
  params.delete('marker');
  const first = params.size === 0 ? '/v2/images' : `/v2/images?${params.toString()}`;
  const last = page.at(-1);
  if (last !== undefined) params.set('marker', last.id);
  return {
    images: page.map(renderImage),
    first,
    schema: '/v2/schemas/images',
    ...(last !== undefined && page.length === query.limit
      ? { next: `/v2/images?${params.toString()}` }
      : {}),
  };
}

function cutPage(
  access: ImageAccess,
  found: readonly ImageState[],
  query: ImageQuery,
): readonly ImageState[] {
  const compare = compareBy(query.sort);
  const sorted = [...found].sort(compare);
  if (query.marker === undefined) return sorted.slice(0, query.limit);
  const marker = access.service.view.get(query.marker.toLowerCase());
  if (marker === undefined || marker.status === 'deleted')
    throw new ImageHttpError(400, `No image found with ID ${query.marker}`);
  return sorted.filter((image) => compare(image, marker) > 0).slice(0, query.limit);
}

async function changeImage(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const form = patchForms[mediaType(request)];
  if (form === undefined)
    throw new ImageHttpError(415, '', { 'accept-patch': Object.keys(patchForms).join(', ') });
  const steps = parsePatch(request.body, form);
  const image = await access.find(request);
  if (steps.length === 0) return renderImage(image);
  await access.findOwn(request, 'modify_image');
  const changes = changesOf(steps, request.caller);
  await access.ask(request, image.id, {
    type: 'image.change',
    changes: [...changes],
    changeId: access.newId(),
  });
  return renderImage(access.current(image.id));
}

function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type']?.split(';')[0] ?? '').trim().toLowerCase();
}

async function deleteImage(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const image = await access.findOwn(request, 'delete_image');
  await access.ask(request, image.id, { type: 'image.delete', changeId: access.newId() });
  return reply.code(204).send();
}

async function act(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
  type: 'image.deactivate' | 'image.reactivate',
): Promise<FastifyReply> {
  const image = await access.findOwn(request, type.slice('image.'.length));
  await access.ask(request, image.id, { type });
  return reply.code(204).send();
}

async function changeTag(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { tag } = request.params as { tag: string };
  const fault = findFault(imageSchema, { tags: [tag] });
  if (fault !== undefined) throw schemaError(fault);
  const image = await access.findOwn(request, 'modify_image');
  const type = request.method === 'PUT' ? 'image.add-tag' : 'image.remove-tag';
  await access.ask(request, image.id, { type, tag, changeId: access.newId() });
  return reply.code(204).send();
}
