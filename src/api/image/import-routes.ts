// Import in Glance's two steps: bytes are staged or named, then a task makes them the image's. Answers come before the
// work is done; images and tasks tell how it goes.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type CopyTask, importMethods, type ImportTask } from '#actors/services/image/protocol.ts';
import type { ImageState } from '#actors/services/image/state.ts';
import { announcedMiB, refuseOtherMedia, takeBody } from './file-routes.ts';
import type { ImageAccess } from './image-access.ts';
import { isRecord, python } from './json-schema.ts';
import { STORE_ID, unknownStore } from './stores.ts';
import { ImageHttpError } from './webob-error.ts';

export function importRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.put(
    '/v2/images/:imageId/stage',
    { onRequest: (request, _reply, done) => done(refuseOtherMedia(request)) },
    (request, reply) => stage(access, request, reply),
  );
  app.post('/v2/images/:imageId/import', (request, reply) => startImport(access, request, reply));
}

async function stage(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { uploads } = access.service;
  const image = await access.findOwn(request, 'modify_image');
  const wanted = { image_stage_total: announcedMiB(access, request), image_count_uploading: 1 };
  access.withinQuota(image.attributes.ownerId, wanted);
  await takeBody(request, (source) => uploads.stage(image.id, source, request.requestId));
  return reply.code(204).send();
}

interface ImportRequest {
  readonly method: (typeof importMethods)[number];
  readonly uri: unknown;
  readonly allStores: boolean;
  readonly stores: readonly string[] | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Throws ImageHttpError 400 in Glance's words. */
function parseImport(body: unknown): ImportRequest {
  if (!isRecord(body)) throw new ImageHttpError(400, 'Body expected in request.');
  const { method } = body;
  if (method === undefined)
    throw new ImageHttpError(400, "Import request requires a 'method' field.");
  if (!isRecord(method) || method['name'] === undefined)
    throw new ImageHttpError(400, "Import request requires a 'name' field.");
  const name = importMethods.find((known) => known === method['name']);
  if (name === undefined)
    throw new ImageHttpError(400, `Unknown import method name '${textOf(method['name'])}'.`);
  for (const flag of ['all_stores_must_succeed', 'all_stores'])
    if (body[flag] !== undefined && typeof body[flag] !== 'boolean')
      throw new ImageHttpError(400, `'${flag}' must be boolean value only`);
  const { stores } = body;
  if (stores !== undefined && !isTextList(stores))
    throw new ImageHttpError(400, "'stores' must be a list of store names");
  const allStores = body['all_stores'] === true;
  if (allStores && stores !== undefined)
    throw new ImageHttpError(
      400,
      "All_stores parameter can't be used with x-image-meta-store header or stores parameter",
    );
  return { method: name, uri: method['uri'], allStores, stores, body };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : python(value);
}

async function startImport(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const wanted = parseImport(request.body);
  const { method } = wanted;
  const found = await access.find(request);
  if (method === 'copy-image') {
    checkCopy(found, request, wanted);
    const { id } = found;
    await access.ask(request, id, {
      type: 'image.note-copy',
      task: taskOf(access, request, id, wanted),
    });
    return reply.code(202).send();
  }
  const image = await access.findOwn(request, 'import_image');
  checkStores(wanted);
  const uri = method === 'web-download' ? checkUri(access, wanted.uri) : undefined;
  access.withinQuota(image.attributes.ownerId, {
    image_size_total: 0,
    ...(method === 'web-download' ? { image_count_uploading: 1 } : {}),
  });
  const task: ImportTask = {
    ...taskOf(access, request, image.id, wanted),
    type: 'api_image_import',
    method,
    ...(uri === undefined ? {} : { uri }),
  };
  await access.ask(request, image.id, { type: 'image.start-import', task });
  return reply.code(202).send();
}

function taskOf(
  access: ImageAccess,
  { caller, requestId }: FastifyRequest,
  imageId: string,
  wanted: ImportRequest,
): CopyTask {
  return {
    id: access.newId(),
    input: { image_id: imageId, import_req: wanted.body, backend: [STORE_ID] },
    ownerId: caller.projectId ?? '',
    userId: caller.userId,
    requestId,
  };
}

/** With one store an image that has bytes is in all of them. */
function checkCopy(image: ImageState, request: FastifyRequest, wanted: ImportRequest): void {
  if (image.status !== 'active')
    throw new ImageHttpError(409, 'Only images with status active can be targeted for copying');
  if (!request.caller.isAdmin)
    throw new ImageHttpError(403, 'You are not authorized to complete copy_image action.');
  checkStores(wanted);
  if (!wanted.allStores)
    throw new ImageHttpError(400, `Image is already present at store '${STORE_ID}'`);
}

function checkStores({ stores = [] }: ImportRequest): void {
  const unknown = stores.find((storeId) => storeId !== STORE_ID);
  if (unknown !== undefined) throw new ImageHttpError(409, unknownStore(unknown));
}

export function checkUri(access: ImageAccess, uri: unknown): string {
  const refused =
    typeof uri === 'string' ? access.service.downloads.refusedBy(uri) : 'it is no URI';
  if (typeof uri === 'string' && refused === undefined) return uri;
  throw new ImageHttpError(
    400,
    `URI for web-download does not pass filtering: ${textOf(uri)} (${refused})`,
  );
}
