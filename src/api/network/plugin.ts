// The network API (Neutron v2.0) as a Fastify plugin, registered under `/network`. Routes stand in the files beside it,
// errors have Neutron's form (neutron-error.ts).
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '#api/authenticate.ts';
import type { ApiContext } from '#api/context.ts';
import { isMalformedJson, takeJson } from '#api/json-body.ts';
import { passingTrouble } from '#api/passing-trouble.ts';
import { messageOf, statusOf } from '#api/server.ts';
import { informationRoutes } from './information-routes.ts';
import { NetworkAccess, type NetworkService } from './network-access.ts';
import { networkRoutes } from './network-routes.ts';
import { badRequest, NetworkHttpError, sendError } from './neutron-error.ts';
import { floatingIpRoutes } from './floating-ip-routes.ts';
import { portRoutes } from './port-routes.ts';
import { quotaRoutes } from './quota-routes.ts';
import { routerInterfaceRoutes } from './router-interfaces.ts';
import { routerRoutes } from './router-routes.ts';
import { securityRoutes } from './security-routes.ts';
import { subnetRoutes } from './subnet-routes.ts';
import { tagRoutes } from './tag-routes.ts';

const PREFIX = '/network';

export function networkPlugin(context: ApiContext, service: NetworkService): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook('onRequest', authenticate(context, { publicPaths: [PREFIX] }));
    parsers(app);
    app.setErrorHandler((error, request, reply) => answerError(context, error, request, reply));
    app.setNotFoundHandler((_request, reply) => {
      const message = 'The resource could not be found.';
      sendError(reply, { status: 404, type: 'HTTPNotFound', message });
    });
    const access = new NetworkAccess(context, service);
    informationRoutes(app, access, PREFIX);
    networkRoutes(app, access);
    subnetRoutes(app, access);
    portRoutes(app, access);
    securityRoutes(app, access);
    routerRoutes(app, access);
    routerInterfaceRoutes(app, access);
    floatingIpRoutes(app, access);
    quotaRoutes(app, access);
    tagRoutes(app, access);
    done();
  };
}

/** Whatever a client calls its body, it is taken for JSON. */
function parsers(app: FastifyInstance): void {
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    takeJson(body, done),
  );
}

function malformed(): NetworkHttpError {
  return badRequest('Malformed request body: it is not valid JSON');
}

function answerError(
  context: ApiContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof NetworkHttpError) {
    const { status, type, message, headers } = error;
    sendError(reply, { status, type, message, headers });
    return;
  }
  const passing = passingTrouble(error, request, context.env);
  if (passing !== undefined) {
    sendError(reply, { type: 'ServiceUnavailable', ...passing });
    return;
  }
  const status = statusOf(error);
  if (status < 500) {
    const { message } = isMalformedJson(error) ? malformed() : { message: messageOf(error) };
    sendError(reply, { status, type: 'HTTPBadRequest', message });
    return;
  }
  const { requestId } = request;
  context.env.log.error({ err: error, requestId, url: request.url }, 'network request failed');
  sendError(reply, {
    status: 500,
    type: 'HTTPInternalServerError',
    message: `The request failed inside; the log has the details under ${requestId}.`,
  });
}
