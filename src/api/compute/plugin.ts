// The compute service as a Fastify plugin: version documents, then the route table under /v2.1 and /v2, each with an
// optional project in the path. Headers, negotiation and the error envelope are here; what calls do is in the tables.
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { unreachable } from '#runtime/assert.ts';
import { authenticate } from '../authenticate.ts';
import { takeJson } from '../json-body.ts';
import { passingTrouble } from '../passing-trouble.ts';
import { messageOf, statusOf } from '../server.ts';
import type { ComputeContext } from './context.ts';
import { badRequest, ComputeFault, plainWords, sendFault } from './envelope.ts';
import { LEGACY_MINOR, negotiate, versionText } from './microversion.ts';
import { PathTable } from './path-table.ts';
import { type ComputeService, perform } from './perform.ts';
import type { ComputeRoute } from './route.ts';
import { computeRoutes } from './routes.ts';
import { countBuilding } from './servers/building.ts';
import { createServerReads } from './servers/reads.ts';
import { versionRoutes } from './versions.ts';

/** As in nova's api-paste; user data of 64 KiB fits. */
const BODY_LIMIT_BYTES = 114_688;
const VERSION_HEADERS = 'OpenStack-API-Version, X-OpenStack-Nova-API-Version';

export function computePlugin(
  context: ComputeContext,
  routes: readonly ComputeRoute[] = computeRoutes,
): FastifyPluginCallback {
  return (app, _options, done) => {
    const service: ComputeService = {
      context,
      reads: createServerReads(context),
      prefix: app.prefix,
    };
    if (!app.hasRequestDecorator('microversion')) app.decorateRequest('microversion', 0);
    if (!app.hasRequestDecorator('computeRows')) app.decorateRequest('computeRows');
    const paths = new PathTable(routes);
    const building = countBuilding(context.servers);
    app.admission.watchBuilding(() => building.value);
    app.addHook('onClose', (_app, closed) => {
      building.close();
      service.reads.close();
      closed();
    });
    app.addHook('onRequest', (request, reply, next) => {
      reply.header('x-compute-request-id', request.requestId);
      next();
    });
    acceptComputeJson(app);
    handleErrors(app, context);
    versionRoutes(app, context.publicUrl);
    app.register(versionedApi(service, paths, negotiateVersion), { prefix: '/v2.1' });
    app.register(versionedApi(service, paths, legacyVersion), { prefix: '/v2' });
    done();
  };
}

/** Without the query, and with single slashes, as the framework's router reads it. */
function plainPath(url: string): string {
  return (url.split('?', 1)[0] ?? '').replaceAll(/\/{2,}/g, '/');
}

type ChooseVersion = (request: FastifyRequest, reply: FastifyReply) => ComputeFault | undefined;

function versionedApi(
  service: ComputeService,
  paths: PathTable,
  chooseVersion: ChooseVersion,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook('onRequest', authenticate(service.context));
    app.setNotFoundHandler(unknownPath);
    app.route({
      method: ['GET', 'POST', 'PUT', 'DELETE'],
      url: '/*',
      exposeHeadRoute: false,
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: (request, reply, next) => {
        const path = plainPath(request.url).slice(app.prefix.length);
        request.computeRows = paths.find(request.method, path);
        const fault = request.computeRows && chooseVersion(request, reply);
        if (request.computeRows === undefined) unknownPath(request, reply);
        else if (fault === undefined) next();
        else sendFault(reply, fault);
      },
      handler: (request, reply) => perform(service, request, reply),
    });
    done();
  };
}

const legacyVersion: ChooseVersion = (request) => {
  request.microversion = LEGACY_MINOR;
  return undefined;
};

const negotiateVersion: ChooseVersion = (request, reply) => {
  const negotiation = negotiate(request.headers);
  switch (negotiation.outcome) {
    case 'agreed':
      request.microversion = negotiation.minor;
      setVersionHeaders(reply, versionText(negotiation.minor));
      return undefined;
    case 'unsupported':
      setVersionHeaders(reply, negotiation.asked);
      return new ComputeFault(406, negotiation.message);
    case 'malformed':
      return badRequest(negotiation.message);
    default:
      return unreachable(negotiation);
  }
};

function setVersionHeaders(reply: FastifyReply, version: string): void {
  reply.header('OpenStack-API-Version', `compute ${version}`);
  reply.header('X-OpenStack-Nova-API-Version', version);
  reply.header('Vary', VERSION_HEADERS);
}

/** Outside the table: the words and form of the WSGI library, which knows neither versions nor envelopes. */
function unknownPath(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.code(404);
  const [code, title, words] = ['404 Not Found', 'Not Found', `${plainWords.notFound}<br /><br />`];
  const accepted = request.headers.accept ?? '*/*';
  if (/application\/json/.test(accepted) && !/text\/html/.test(accepted))
    return reply
      .type('application/json')
      .send(JSON.stringify({ message: `${words}\n\n\n`, code, title }));
  return reply
    .type('text/html')
    .send(
      `<html>\n <head>\n  <title>${code}</title>\n </head>\n <body>\n  <h1>${code}</h1>\n  ${words}\n\n\n\n </body>\n</html>`,
    );
}

/** The media type of Nova's own, and bodies without one: JSON. All else is refused. */
function acceptComputeJson(app: FastifyInstance): void {
  app.addContentTypeParser(
    ['application/vnd.openstack.compute+json', '*'],
    { parseAs: 'buffer' },
    (request, body, done) => {
      const type = request.headers['content-type'] ?? '';
      if (type !== '' && !type.startsWith('application/vnd.openstack.compute+json'))
        return done(new ComputeFault(415, plainWords.mediaType), undefined);
      return takeJson(body, done);
    },
  );
}

function handleErrors(app: FastifyInstance, context: ComputeContext): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ComputeFault) return sendFault(reply, error);
    const passing = passingTrouble(error, request, context.env);
    if (passing !== undefined) {
      // Refused before this service's own hooks ran.
      reply.header('x-compute-request-id', request.requestId);
      return sendFault(reply, passing);
    }
    const status = statusOf(error);
    if (status >= 500)
      context.env.log.error(
        { err: error, requestId: request.requestId, url: request.url },
        'compute request failed',
      );
    return sendFault(reply, new ComputeFault(status, faultWords(status, error, request)));
  });
}

function faultWords(status: number, error: unknown, request: FastifyRequest): string {
  switch (status) {
    case 400:
      return plainWords.malformed;
    case 408:
      return messageOf(error);
    case 413:
      return plainWords.tooLarge;
    case 415:
      return plainWords.mediaType;
    default:
      return `Unexpected API Error. The log of the service has the details under ${request.requestId}.`;
  }
}
