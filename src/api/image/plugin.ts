// The image API (Glance v2) as a Fastify plugin, registered under `/image`. Versions, schemas and information here;
// images, bytes and members in the files beside it. Errors have Glance's form (webob-error.ts).
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '#api/authenticate.ts';
import type { ApiContext } from '#api/context.ts';
import { isMalformedJson, takeJson } from '#api/json-body.ts';
import { ownEntry } from '#api/own-entry.ts';
import { passingTrouble } from '#api/passing-trouble.ts';
import { baseUrl, messageOf, statusOf } from '#api/server.ts';
import { fileRoutes } from './file-routes.ts';
import { ImageAccess, type ImageService } from './image-access.ts';
import { patchForms } from './image-patch.ts';
import { imageRoutes } from './image-routes.ts';
import { schemaDocuments } from './image-schema.ts';
import { importRoutes } from './import-routes.ts';
import { storeRoutes } from './stores.ts';
import { taskRoutes } from './task-routes.ts';
import { memberRoutes } from './member-routes.ts';
import { MetadefAccess } from './metadefs/access.ts';
import { itemRoutes } from './metadefs/item-routes.ts';
import { namespaceRoutes } from './metadefs/namespace-routes.ts';
import { metadefDocuments } from './metadefs/schemas.ts';
import { ImageHttpError, sendError } from './webob-error.ts';

const PREFIX = '/image';
/** 2.14 and 2.16 are about a cache beside the store, which there is none of. */
const versions = [
  '2.15',
  '2.13',
  '2.12',
  '2.11',
  '2.10',
  '2.9',
  '2.8',
  '2.7',
  '2.6',
  '2.5',
  '2.4',
  '2.3',
  '2.2',
  '2.1',
  '2.0',
];

export function imagePlugin(context: ApiContext, service: ImageService): FastifyPluginCallback {
  return (app, _options, done) => {
    const publicPaths = [PREFIX, `${PREFIX}/versions`];
    app.addHook('onRequest', authenticate(context, { publicPaths }));
    parsers(app);
    app.setErrorHandler((error, request, reply) => answerError(context, error, request, reply));
    app.setNotFoundHandler((request, reply) => {
      sendError(request, reply, { status: 404, message: '' });
    });
    informationRoutes(app, context);
    const access = new ImageAccess(context, service);
    imageRoutes(app, access);
    fileRoutes(app, access);
    memberRoutes(app, access);
    importRoutes(app, access);
    taskRoutes(app, access);
    storeRoutes(app, access);
    const metadefs = new MetadefAccess(context, service.metadefs);
    namespaceRoutes(app, metadefs);
    itemRoutes(app, metadefs);
    done();
  };
}

/** Bytes stay a stream, patches have names of their own, and anything else is taken for JSON, as Glance does. */
function parsers(app: FastifyInstance): void {
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
    done(null, payload),
  );
  app.addContentTypeParser(
    [...Object.keys(patchForms), '*'],
    { parseAs: 'buffer' },
    (_request, body, done) => takeJson(body, done),
  );
}

function informationRoutes(app: FastifyInstance, context: ApiContext): void {
  const document = (request: FastifyRequest): object => {
    const href = `${baseUrl(request.headers.host, context.publicUrl)}${PREFIX}/v2/`;
    return {
      versions: versions.map((version, index) => ({
        id: `v${version}`,
        status: index === 0 ? 'CURRENT' : 'SUPPORTED',
        links: [{ rel: 'self', href }],
      })),
    };
  };
  app.get('/', (request, reply) => reply.code(300).send(document(request)));
  app.get('/versions', (request, reply) => reply.send(document(request)));
  schemaRoutes(app);
}

function schemaRoutes(app: FastifyInstance): void {
  for (const [path, documents] of [
    ['/v2/schemas', schemaDocuments],
    ['/v2/schemas/metadefs', metadefDocuments],
  ] as const)
    app.get(`${path}/:name`, (request, reply) => {
      const schema = ownEntry(documents, (request.params as { name: string }).name);
      if (schema === undefined) throw new ImageHttpError(404, '');
      return reply.send(schema);
    });
}

function answerError(
  context: ApiContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof ImageHttpError) {
    const { status, message, headers } = error;
    sendError(request, reply, { status, message, headers });
    return;
  }
  const passing = passingTrouble(error, request, context.env);
  if (passing !== undefined) {
    sendError(request, reply, passing);
    return;
  }
  const status = statusOf(error);
  if (status < 500) {
    const message = isMalformedJson(error) ? 'Malformed JSON in request body.' : messageOf(error);
    sendError(request, reply, { status, message });
    return;
  }
  const { requestId } = request;
  context.env.log.error({ err: error, requestId, url: request.url }, 'image request failed');
  sendError(request, reply, {
    status: 500,
    message: `The request failed inside; the log has the details under ${requestId}.`,
  });
}
