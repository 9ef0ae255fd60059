// What hosts fetch from a controller over HTTP, and send to it: images' bytes, by links that a controller has signed for one image and one
// host (actors/node/image-urls.ts). No token is looked at: who has the link may fetch. Not part of the catalogue.
import { Readable } from 'node:stream';
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { refusedUpload } from '#actors/node/image-sink.ts';
import type { ImageUrls } from '#actors/node/image-urls.ts';
import type { ImageWriter } from '#actors/ports/image-writer.ts';
import { type ImageStore, ImageStoreFault } from '#actors/services/image/store.ts';
import type { Log } from '#runtime/env/env.ts';

export interface InternalContext {
  readonly log: Log;
  readonly urls: Pick<ImageUrls, 'check'>;
  /** How many bytes an image has; undefined for one that is not there, or has none yet. */
  readonly imageBytes: (imageId: string) => number | undefined;
  readonly store: Pick<ImageStore, 'read'>;
  readonly writer: Pick<ImageWriter, 'upload'>;
}

interface ImageRequest {
  readonly Params: { readonly imageId: string };
  readonly Querystring: {
    readonly host: string;
    readonly expires: string;
    readonly signature: string;
  };
}

const one = { type: 'string', maxLength: 1_024 } as const;
const schema = {
  querystring: {
    type: 'object',
    properties: { host: one, expires: one, signature: one },
    required: ['host', 'expires', 'signature'],
  },
} as const;

export function internalPlugin(context: InternalContext): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addContentTypeParser('application/octet-stream', (_request, payload, parsed) =>
      parsed(null, payload),
    );
    app.get<ImageRequest>('/images/:imageId', { schema }, (request, reply) =>
      sendImage(context, request, reply),
    );
    app.put<ImageRequest>('/images/:imageId', { schema }, (request, reply) =>
      takeImage(context, request, reply),
    );
    done();
  };
}

async function sendImage(
  context: InternalContext,
  request: FastifyRequest<ImageRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { imageId } = request.params;
  const check = context.urls.check({ imageId, ...request.query });
  if (!check.ok) return refuse(reply, 403, linkWords[check.reason]);
  const sizeBytes = context.imageBytes(imageId);
  if (sizeBytes === undefined) return refuse(reply, 404, `There is no image ${imageId} here.`);
  const first = firstOf(request.headers.range);
  if (first === undefined || first >= Math.max(1, sizeBytes))
    return refuse(reply, 416, `A range is taken as bytes=N-, with N below ${sizeBytes}.`);
  const bytes = await open(context, imageId, { first, last: sizeBytes - 1 });
  if (bytes === undefined) return refuse(reply, 404, `Image ${imageId} has no bytes here.`);
  reply
    .code(request.headers.range === undefined ? 200 : 206)
    .header('content-type', 'application/octet-stream')
    .header('content-length', sizeBytes - first);
  if (request.headers.range !== undefined)
    reply.header('content-range', `bytes ${first}-${sizeBytes - 1}/${sizeBytes}`);
  return reply.send(bytes);
}

/** Said of an upload that another one is in the way of: 409, and the host comes again. */
async function takeImage(
  { urls, writer }: InternalContext,
  request: FastifyRequest<ImageRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { imageId } = request.params;
  const check = urls.check({ purpose: 'send', imageId, ...request.query });
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  try {
    if (!check.ok) return refuse(reply, 403, linkWords[check.reason]);
    const chunks = body.iterator({ destroyOnReturn: false });
    const refused = await writer.upload(imageId, chunks, `upload-${imageId}`);
    if (refused === undefined) return reply.code(204).send();
    const { code, retryable, message } = refusedUpload(imageId, refused);
    return refuse(reply, retryable ? 409 : 400, `${code}: ${message}`);
  } finally {
    // What nobody wants any more is thrown away: a host reads its answer after it has sent all.
    body.resume();
  }
}

const linkWords = {
  expired: 'This link has expired; ask a controller for a new one.',
  forged: 'This link was not made by a controller of this cloud.',
} as const;

/** Waits for the first bytes, so that an image whose bytes are elsewhere is a 404 and not a torn reply. */
async function open(
  { store, log }: InternalContext,
  imageId: string,
  range: { readonly first: number; readonly last: number },
): Promise<Readable | undefined> {
  const iterator = store.read(imageId, range)[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array, unknown>;
  try {
    first = await iterator.next();
  } catch (error) {
    if (!(error instanceof ImageStoreFault) || error.code !== 'missing') throw error;
    log.warn({ err: error, image: imageId }, 'a host wants an image whose bytes are not here');
    return undefined;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return Readable.from(all(), { objectMode: false });
}

/** Where a fetch that broke off goes on; undefined for a range of another kind. */
function firstOf(header: string | undefined): number | undefined {
  if (header === undefined) return 0;
  const found = /^bytes=(\d{1,15})-$/.exec(header.trim());
  return found === null ? undefined : Number(found[1]);
}

function refuse(reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).send({ error: { code, message } });
}
