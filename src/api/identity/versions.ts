// Where identity says which versions it speaks; no token needed. One version, so the choice is of one.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type IdentityApi, link } from './service.ts';

function versionOf(api: IdentityApi, request: FastifyRequest): object {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: link(api, request, '/') }],
    'media-types': [
      { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' },
    ],
  };
}

export function versionRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get('/', (request, reply) =>
    reply
      .code(300)
      .header('location', link(api, request, '/'))
      .send({ versions: { values: [versionOf(api, request)] } }),
  );
  app.get('/v3', (request) => ({ version: versionOf(api, request) }));
}
