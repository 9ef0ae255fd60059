// Identity v3 under its prefix: routes, the error envelope, and the headers that all replies carry.
import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import type { ApiContext } from '../context.ts';
import { applicationCredentialRoutes } from './delegation/application-credentials.ts';
import { endpointGroupRoutes } from './catalogue/endpoint-groups.ts';
import { endpointRoutes } from './catalogue/endpoints.ts';
import { policyRoutes } from './catalogue/policies.ts';
import { regionRoutes } from './catalogue/regions.ts';
import { serviceRoutes } from './catalogue/services.ts';
import { credentialRoutes } from './credentials/credentials.ts';
import { ec2CredentialRoutes } from './credentials/ec2-credentials.ts';
import { ec2TokenRoutes } from './credentials/ec2-tokens.ts';
import { accessTokenRoutes } from './delegation/access-tokens.ts';
import { consumerRoutes } from './delegation/consumers.ts';
import { oauthTokenRoutes } from './delegation/oauth-tokens.ts';
import { trustRoutes } from './delegation/trusts.ts';
import { domainConfigRoutes } from './domain-config.ts';
import { federationRoutes } from './federation.ts';
import { limitRoutes } from './limits/limits.ts';
import { registeredLimitRoutes } from './limits/registered-limits.ts';
import { domainRoutes } from './domains.ts';
import { grantRoutes } from './grants.ts';
import { groupRoutes } from './groups.ts';
import { membershipRoutes } from './memberships.ts';
import { ownPasswordRoutes } from './own-password.ts';
import { missing, Problem, sendProblem } from './problem.ts';
import { projectTagRoutes } from './project-tags.ts';
import { projectRoutes } from './projects.ts';
import { roleAssignmentRoutes } from './role-assignments.ts';
import { roleRoutes } from './roles.ts';
import type { IdentityApi, IdentityDependencies } from './service.ts';
import { tokenRoutes } from './tokens.ts';
import { userRoutes } from './users.ts';
import { versionRoutes } from './versions.ts';

export type { IdentityDependencies };

export function identityPlugin(
  context: ApiContext,
  dependencies: IdentityDependencies,
): FastifyPluginCallback {
  const api: IdentityApi = { ...dependencies, context };
  return (app, _options, done) => {
    app.setErrorHandler((error, request, reply) => sendProblem(context, error, request, reply));
    const allowed = collectMethods(app);
    app.setNotFoundHandler((request) => {
      const methods = allowed(request.url);
      if (methods.length > 0)
        throw new Problem(405, 'The method is not allowed for the requested URL.', {
          headers: { allow: methods.join(', ') },
        });
      throw new Problem(404, 'The resource could not be found.');
    });
    refuseOtherTypes(app);
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('vary', 'X-Auth-Token');
      await context.views.barrier();
    });
    versionRoutes(app, api);
    app.register(
      (v3, _v3Options, v3Done) => {
        for (const routes of allRoutes) routes(v3, api);
        v3Done();
      },
      { prefix: '/v3' },
    );
    done();
  };
}

const allRoutes = [
  tokenRoutes,
  domainRoutes,
  projectRoutes,
  projectTagRoutes,
  userRoutes,
  ownPasswordRoutes,
  groupRoutes,
  membershipRoutes,
  roleRoutes,
  grantRoutes,
  roleAssignmentRoutes,
  regionRoutes,
  serviceRoutes,
  endpointRoutes,
  applicationCredentialRoutes,
  policyRoutes,
  endpointGroupRoutes,
  credentialRoutes,
  ec2CredentialRoutes,
  ec2TokenRoutes,
  trustRoutes,
  consumerRoutes,
  oauthTokenRoutes,
  accessTokenRoutes,
  registeredLimitRoutes,
  limitRoutes,
  domainConfigRoutes,
  federationRoutes,
];

/** A body that calls itself anything but JSON is 400 here, not 415; a type without a body is nobody's business. */
function refuseOtherTypes(app: FastifyInstance): void {
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => {
    if (body === '') parsed(null, undefined);
    else parsed(missing('application/json', 'Content-Type header'), undefined);
  });
}

/** Methods that a path is served with, so that a wrong one is told from a wrong path. */
function collectMethods(app: FastifyInstance): (url: string) => readonly string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}/?$`);
    routes.push({ pattern, methods: [method].flat() });
  });
  return (url) => {
    const path = url.split('?', 1)[0] ?? '';
    const found = routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ methods }) => methods))];
  };
}
