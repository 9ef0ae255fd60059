// What the token filter in front of every service answers.
import Fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import { authenticate } from '#api/authenticate.ts';

const anna: Caller = {
  userId: 'u1',
  userName: 'anna',
  userDomainId: 'default',
  userDomainName: 'Default',
  projectId: 'p1',
  projectName: 'demo',
  projectDomainId: 'default',
  domainId: undefined,
  system: false,
  roles: ['member', 'reader'],
  isAdmin: false,
};
const accessRules = [{ service: 'compute', method: 'GET', path: '/v2.1/flavors' }];
const identity: Identity = {
  verify: async (token) =>
    token === 'good' ? anna : token === 'narrow' ? { ...anna, accessRules } : undefined,
  projectExists: () => true,
};

function service(): FastifyInstance {
  const app = Fastify();
  app.decorateRequest('caller');
  app.addHook(
    'onRequest',
    authenticate({ identity, publicUrl: 'http://cloud:8774' }, { publicPaths: ['/compute'] }),
  );
  app.get('/compute', (request, reply) => reply.send({ user: request.caller?.userId ?? null }));
  app.get('/compute/', (request, reply) => reply.send({ user: request.caller?.userId ?? null }));
  app.get('/compute/v2.1/servers', (request, reply) => reply.send({ user: request.caller.userId }));
  return app;
}

describe('the authenticate hook', () => {
  it('hands the caller of a valid token to the handler', async () => {
    const reply = await service().inject({
      url: '/compute/v2.1/servers',
      headers: { 'x-auth-token': 'good' },
    });
    expect([reply.statusCode, reply.json()]).toEqual([200, { user: 'u1' }]);
  });

  it.each([
    ['no token', {}],
    ['an empty token', { 'x-auth-token': '' }],
    ['a bad token', { 'x-auth-token': 'bad' }],
    ['a token whose access rules name other requests', { 'x-auth-token': 'narrow' }],
  ])('answers %s with 401 and the challenge', async (_name, headers) => {
    const reply = await service().inject({
      url: '/compute/v2.1/servers',
      headers: { ...headers, host: '10.0.0.1:8774' },
    });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Keystone uri="http://10.0.0.1:8774/identity"');
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(reply.json()).toEqual({
      error: {
        code: 401,
        title: 'Unauthorized',
        message: 'The request you have made requires authentication.',
      },
    });
  });

  it.each(['/compute', '/compute/', '/compute?x=1'])(
    'lets anyone see the public %s',
    async (url) => {
      const reply = await service().inject({ url });
      expect([reply.statusCode, reply.json()]).toEqual([200, { user: null }]);
    },
  );
});
