// Builds the HTTP front door: one port, a prefix per service. What all services share is here: request ids, JSON
// parsing with limits, and a last resort for errors. Each service is an encapsulated plugin with its own envelope.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify';
import type { RefusalForm } from './admission/door.ts';
import { admitRequests } from './admission/hooks.ts';
import type { ApiContext } from './context.ts';
import { takeJson } from './json-body.ts';
import { mendPath } from './mended-path.ts';
import { passingTrouble } from './passing-trouble.ts';

/** Bytes; image uploads are streamed and not bound by it. */
const BODY_LIMIT_BYTES = 1_048_576;

/** Node's bound on a request's head. */
const MAX_URL_CHARACTERS = 16_384;

/** RFC 7234, 5.5.1: the store is away, and others may have written since. */
const STALE_WARNING = '110 kilonova "Response is Stale"';

export interface ServicePlugin {
  /** `/identity`; also what the catalogue tells. */
  readonly prefix: string;
  readonly plugin: FastifyPluginCallback;
  /** For a service that has so many writes that refusing them has to be cheap. */
  readonly refusalForm?: RefusalForm;
}

export function buildServer(
  context: ApiContext,
  services: readonly ServicePlugin[],
): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    rewriteUrl: (request) => mendPath(request.url ?? '/'),
    clientErrorHandler: refuseBrokenHttp,
    // No URL is longer than this, so that each id is refused by the service that does not know it.
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: MAX_URL_CHARACTERS,
    },
  });
  app.decorateRequest('requestId', '');
  app.decorateRequest('caller');
  app.addHook('onRequest', (request, reply, done) => {
    request.requestId = `req-${context.env.random.uuid()}`;
    reply.header('x-openstack-request-id', request.requestId);
    done();
  });
  const forms = services.flatMap(({ prefix, refusalForm }) =>
    refusalForm === undefined ? [] : [[prefix, refusalForm] as const],
  );
  admitRequests(app, context.env, new Map(forms));
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (context.views.isStale) reply.header('warning', STALE_WARNING);
    done(null, payload);
  });
  acceptJson(app);
  app.setErrorHandler((error, request, reply) => {
    const passing = passingTrouble(error, request, context.env);
    if (passing !== undefined) {
      const { message, headers } = passing;
      return reply
        .code(503)
        .headers(headers)
        .send({ error: { code: 503, message } });
    }
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
    return reply.code(status).send({ error: { code: status, message } });
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
    { parseAs: 'buffer' },
    (_request, body, done) => takeJson(body, done),
  );
}

const brokenHttp: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, `The request's head is longer than ${MAX_URL_CHARACTERS} bytes.`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request's head did not arrive in time."],
};

/** What is no HTTP reaches no service; its connection can't be used any further. */
function refuseBrokenHttp(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = brokenHttp[error.code ?? ''] ?? [400, 'The request is not valid HTTP.'];
  const body = JSON.stringify({ error: { code: status, message } });
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  socket.destroy(error);
}
