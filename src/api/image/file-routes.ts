// Images' bytes: upload and download. Both stream; neither ever holds an image in memory.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ImageState } from '#actors/services/image/state.ts';
import type { ByteRange } from '#actors/services/image/store.ts';
import type { UploadSource } from '#actors/services/image/upload.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { checkStore } from './stores.ts';
import type { ImageAccess } from './image-access.ts';
import { errorOf, ImageHttpError } from './webob-error.ts';

export function fileRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.put(
    '/v2/images/:imageId/file',
    { onRequest: (request, _reply, done) => done(refuseOtherMedia(request)) },
    (request, reply) => upload(access, request, reply),
  );
  app.get('/v2/images/:imageId/file', (request, reply) => download(access, request, reply));
}

/** Said before the body is looked at: only bytes are streamed, anything else would be parsed. */
export function refuseOtherMedia(request: FastifyRequest): ImageHttpError | undefined {
  const type = request.headers['content-type'];
  if (type?.split(';')[0]?.trim().toLowerCase() === 'application/octet-stream') return undefined;
  return new ImageHttpError(415, `Invalid content type ${type ?? ''}`);
}

async function upload(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { uploads } = access.service;
  const image = await access.findOwn(request, 'upload_image');
  checkStore(request);
  const wanted = { image_size_total: announcedMiB(access, request), image_count_uploading: 1 };
  access.withinQuota(image.attributes.ownerId, wanted);
  await takeBody(request, (source) => uploads.upload(image.id, source, request.requestId));
  return reply.code(204).send();
}

/** As Glance counts: begun ones count whole. 413 if it is more than any image may have. */
export function announcedMiB(access: ImageAccess, request: FastifyRequest): number {
  const { maxBytes } = access.service.uploads;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes)
    throw new ImageHttpError(
      413,
      `The incoming image is too large: ${announced} bytes, and at most ${maxBytes} are taken.`,
    );
  return Math.ceil(announced / MIB);
}

const MIB = 1_048_576;

/** Hands the body to who takes it; what nobody wants of it is thrown away. */
export async function takeBody(
  request: FastifyRequest,
  take: (source: UploadSource) => Promise<Refusal | undefined>,
): Promise<void> {
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  // Left whole when it is given up half-way: a destroyed request is never read on, and its connection hangs.
  const chunks = body.iterator({ destroyOnReturn: false });
  try {
    const refused = await take({ kind: 'stream', chunks });
    if (refused !== undefined) throw errorOf(refused);
  } finally {
    // Many clients send it all before they read why it was refused.
    body.resume();
  }
}

async function download(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const image = await access.find(request);
  if (image.status === 'deactivated' && !request.caller.isAdmin)
    throw new ImageHttpError(
      403,
      'The requested image has been deactivated. Image data download is forbidden.',
    );
  const { file } = image;
  if (file === undefined) return reply.code(204).send();
  const range = parseRange(request.headers.range, file.sizeBytes);
  reply.header('content-type', 'application/octet-stream').header('content-md5', file.md5);
  if (range === undefined) reply.header('content-length', file.sizeBytes);
  else
    reply
      .code(206)
      .header('content-range', `bytes ${range.first}-${range.last}/${file.sizeBytes}`)
      .header('content-length', range.last - range.first + 1);
  if (request.method === 'HEAD') return reply.send();
  return reply.send(await openBytes(access, image, range));
}

/** Waits for the first bytes, so that trouble with the store is an error and not a torn reply. */
async function openBytes(
  access: ImageAccess,
  image: ImageState,
  range: ByteRange | undefined,
): Promise<Readable> {
  const iterator = access.service.store.read(image.id, range)[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<Uint8Array> {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return Readable.from(all(), { objectMode: false });
}

/** One range, as RFC 9110 has it; undefined when none is asked for. */
function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const found = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  const [, from = '', to = ''] = found ?? [];
  if (found === null || (from === '' && to === ''))
    throw new ImageHttpError(416, 'Invalid Range header.');
  const last = sizeBytes - 1;
  const range =
    from === ''
      ? { first: Math.max(0, sizeBytes - Number(to)), last }
      : { first: Number(from), last: to === '' ? last : Math.min(Number(to), last) };
  if (range.first > range.last)
    throw new ImageHttpError(
      416,
      `Invalid start position in Range header. Start position MUST be in the inclusive range [0, ${last}].`,
    );
  return range;
}
