// Builds the HTTP front door: one port, a prefix per service. What all services share is here: request ids, JSON
// parsing with limits, and a last resort for errors. Each service is an encapsulated plugin with its own envelope.
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify';
import type { ApiContext } from './context.ts';

/** Bytes; image uploads are streamed and not bound by it. */
const BODY_LIMIT_BYTES = 1_048_576;

export interface ServicePlugin {
  /** `/identity`; also what the catalogue tells. */
  readonly prefix: string;
  readonly plugin: FastifyPluginCallback;
}

export function buildServer(
  context: ApiContext,
  services: readonly ServicePlugin[],
): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 512 },
  });
  app.decorateRequest('requestId', '');
  app.decorateRequest('caller');
  app.addHook('onRequest', (request, reply, done) => {
    request.requestId = `req-${context.env.random.uuid()}`;
    reply.header('x-openstack-request-id', request.requestId);
    done();
  });
  acceptJson(app);
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status >= 500)
      context.env.log.error(
        { err: error, requestId: request.requestId, url: request.url },
        'request failed',
      );
    const message =
      status >= 500
        ? `The request failed inside; the log has the details under ${request.requestId}.`
        : messageOf(error);
    reply.code(status).send({ error: { code: status, message } });
  });
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send({ error: { code: 404, message: `There is nothing at ${request.url}.` } });
  });
  app.get('/', (request, reply) => {
    const base = baseUrl(request.headers.host, context.publicUrl);
    reply.send({
      services: services.map((service) => ({
        name: service.prefix.slice(1),
        href: `${base}${service.prefix}`,
      })),
    });
  });
  for (const service of services) app.register(service.plugin, { prefix: service.prefix });
  return app;
}

/** Where the client thinks it is talking to: links must lead back through the same host and port. */
export function baseUrl(host: string | undefined, publicUrl: string): string {
  if (host === undefined || !/^[A-Za-z0-9.:[\]_-]{1,255}$/.test(host)) return publicUrl;
  return `${publicUrl.slice(0, publicUrl.indexOf('//') + 2)}${host}`;
}

export function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** JSON is parsed whatever the client calls it, as OpenStack's services do; anything else is left to the plugin. */
function acceptJson(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(
    ['application/json', 'text/plain'],
    { parseAs: 'string' },
    (_request, body, done) => {
      if (body === '') return done(null, undefined);
      try {
        done(null, JSON.parse(body as string));
      } catch {
        done(
          Object.assign(new Error('The body is not valid JSON.'), {
            statusCode: 400,
            code: 'malformed-json',
          }),
          undefined,
        );
      }
    },
  );
}
