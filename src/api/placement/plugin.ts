// The Placement API as a Fastify plugin, registered under `/placement`: negotiation, policy, envelope and headers.
// What each call tells and changes stands in the table of routes, over the providers that the scheduler claims from.
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#runtime/message/refusal.ts';
import { authenticate } from '../authenticate.ts';
import type { ApiContext } from '../context.ts';
import { defaultPolicy, type Enforcer } from '../policy/enforcer.ts';
import { passingTrouble } from '../passing-trouble.ts';
import { baseUrl, messageOf, statusOf } from '../server.ts';
import { type PlacementSources, ProviderCatalogue } from './catalogue.ts';
import { badRequest, faultOf, jsonBytes, PlacementFault, sendFault } from './envelope.ts';
import { negotiate, versionText } from './microversion.ts';
import { Query } from './query.ts';
import { mayCall, type PlacementCall, type PlacementRoute } from './route.ts';
import { placementRoutes } from './routes.ts';
import { PlacementWriter, type WriterSources } from './writer.ts';

const PREFIX = '/placement';
const VERSION_HEADER = 'OpenStack-API-Version';
const JSON_TYPE = 'application/json';
/** Replies say when they were made, and not to keep them, from this minor version on. */
const FRESHNESS_SINCE = 15;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

declare module 'fastify' {
  interface FastifyRequest {
    /** 39 for 1.39; undefined until a version is agreed. */
    placementMinor: number | undefined;
    placementRoute: PlacementRoute | undefined;
  }
}

export function placementPlugin(
  context: ApiContext,
  sources: PlacementSources & Pick<WriterSources, 'writes'> & { readonly policy?: Enforcer },
): FastifyPluginCallback {
  return (app, _options, done) => {
    const { writes, policy = defaultPolicy } = sources;
    const catalogue = new ProviderCatalogue(sources);
    app.decorateRequest('placementMinor', undefined);
    app.decorateRequest('placementRoute', undefined);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, bytes, parsed) =>
      parsed(null, bytes),
    );
    app.addHook('onClose', (_app, closed) => {
      catalogue.close();
      closed();
    });
    app.addHook('onRequest', authenticate(context, { publicPaths: [PREFIX] }));
    app.addHook('onRequest', (request, reply, next) => {
      agreeOnVersion(request, reply);
      requireContentType(request);
      next();
    });
    app.setErrorHandler((error, request, reply) => answerError(context, error, request, reply));
    app.setNotFoundHandler((request, reply) =>
      sendFault(request, reply, new PlacementFault(404, '')),
    );
    for (const [path, rows] of Map.groupBy(placementRoutes, (row) => row.path))
      addPath(app, path, { rows, context, catalogue, writes, policy });
    done();
  };
}

interface PathOptions {
  readonly rows: readonly PlacementRoute[];
  readonly context: ApiContext;
  readonly catalogue: ProviderCatalogue;
  readonly writes: WriterSources['writes'];
  readonly policy: Enforcer;
}

function addPath(app: FastifyInstance, path: string, options: PathOptions): void {
  const { rows, context, catalogue, writes, policy } = options;
  app.route({
    method: METHODS,
    url: path,
    exposeHeadRoute: false,
    // What can be refused without its body is refused before that is read.
    onRequest: (request, _reply, next) => {
      request.placementRoute = chooseRoute(rows, request, policy);
      next();
    },
    handler: async (request, reply) => {
      const { placementRoute: row, placementMinor: minor } = request;
      if (row === undefined || minor === undefined) throw new Error(`no route chosen for ${path}`);
      await context.views.barrier();
      const call: PlacementCall = {
        catalogue,
        writer: new PlacementWriter({ ...context, writes }, request.requestId),
        minor,
        query: new Query(request.url),
        params: request.params as Readonly<Record<string, string>>,
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        prefix: PREFIX,
      };
      const { status, body, headers = {} } = await row.handle(call);
      if (minor >= (row.isFreshSince ?? (row.method === 'GET' ? FRESHNESS_SINCE : Infinity)))
        reply
          .header('cache-control', 'no-cache')
          .header('last-modified', new Date(context.env.clock.now()).toUTCString());
      reply.code(status).headers(headers);
      const { location } = headers;
      // Whole, since clients go there without asking what it is relative to.
      if (location !== undefined)
        reply.header('location', `${baseUrl(request.headers.host, context.publicUrl)}${location}`);
      if (body === undefined) return reply.send();
      return reply.type(JSON_TYPE).send(Buffer.isBuffer(body) ? body : jsonBytes(body));
    },
  });
}

function chooseRoute(
  rows: readonly PlacementRoute[],
  request: FastifyRequest,
  policy: Enforcer,
): FastifyRequest['placementRoute'] {
  const row = rows.find(({ method }) => method === request.method);
  if (row === undefined)
    throw new PlacementFault(405, 'The method specified is not allowed for this resource.', {
      headers: { allow: rows.map(({ method }) => method).join(', ') },
    });
  const minor = request.placementMinor ?? 0;
  if (minor < row.since) throw new PlacementFault(row.statusBefore ?? 404, '');
  if (row.takesBody !== undefined && minor <= row.takesBody.upTo) requireJson(request);
  if (row.givesBody === true) requireAccepted(request);
  if (!mayCall(request.caller, row, { policy, query: new Query(request.url) }))
    throw faultOf(refuse('placement-forbidden', { rule: row.rule }));
  return row;
}

function requireJson({ headers }: FastifyRequest): void {
  const [type = ''] = (headers['content-type'] ?? '').split(';').map((part) => part.trim());
  if (type.toLowerCase() !== JSON_TYPE)
    throw new PlacementFault(
      415,
      `The media type ${type === '' ? 'None' : type} is not supported, use ${JSON_TYPE}`,
    );
}

function agreeOnVersion(request: FastifyRequest, reply: FastifyReply): void {
  const negotiation = negotiate(request.headers);
  switch (negotiation.outcome) {
    case 'agreed':
      request.placementMinor = negotiation.minor;
      reply.header(VERSION_HEADER, `placement ${versionText(negotiation.minor)}`);
      reply.header('Vary', VERSION_HEADER.toLowerCase());
      return;
    case 'unsupported':
      throw new PlacementFault(406, negotiation.message, { tellsVersions: true });
    case 'malformed':
      throw badRequest(negotiation.message);
    default:
      negotiation satisfies never;
  }
}

function requireContentType({ headers }: FastifyRequest): void {
  const { 'content-length': length, 'content-type': type } = headers;
  if (length !== undefined && Number(length) > 0 && (type === undefined || type === ''))
    throw badRequest('content-type header required when content-length > 0');
}

function requireAccepted({ headers: { accept } }: FastifyRequest): void {
  const isAccepted =
    accept === undefined ||
    accept.split(',').some((part) => {
      const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      const isRefused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
      return !isRefused && ['', '*/*', 'application/*', JSON_TYPE].includes(range);
    });
  if (!isAccepted) throw new PlacementFault(406, `Only ${JSON_TYPE} is provided`);
}

function answerError(
  context: ApiContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof PlacementFault) {
    sendFault(request, reply, error);
    return;
  }
  const passing = passingTrouble(error, request, context.env);
  if (passing !== undefined) {
    sendFault(request, reply, new PlacementFault(503, passing.message, passing));
    return;
  }
  const status = statusOf(error);
  if (status < 500) {
    sendFault(request, reply, new PlacementFault(status, messageOf(error)));
    return;
  }
  const { requestId, url } = request;
  context.env.log.error({ err: error, requestId, url }, 'placement request failed');
  const words = `The request failed inside; the log has the details under ${requestId}.`;
  sendFault(request, reply, new PlacementFault(500, words));
}
