// The version documents: what clients read first, without a token. Other unversioned paths get the choices.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { baseUrl } from '../server.ts';
import { notFound } from './envelope.ts';
import { MAX_MINOR, MIN_MINOR, versionText } from './microversion.ts';
import type { ComputeRoute } from './route.ts';

interface Version {
  readonly id: string;
  readonly path: string;
  readonly status: string;
  readonly version: string;
  readonly min_version: string;
  readonly updated: string;
  readonly mediaType: string;
}

const versions: readonly Version[] = [
  {
    id: 'v2.0',
    path: 'v2',
    status: 'SUPPORTED',
    version: '',
    min_version: '',
    updated: '2011-01-21T11:33:21Z',
    mediaType: 'application/vnd.openstack.compute+json;version=2',
  },
  {
    id: 'v2.1',
    path: 'v2.1',
    status: 'CURRENT',
    version: versionText(MAX_MINOR),
    min_version: versionText(MIN_MINOR),
    updated: '2013-07-23T11:33:21Z',
    mediaType: 'application/vnd.openstack.compute+json;version=2.1',
  },
];

/** Registers the documents; `publicUrl` is used when a request has no Host header. */
export function versionRoutes(app: FastifyInstance, publicUrl: string): void {
  const rootOf = (request: FastifyRequest): string =>
    `${baseUrl(request.headers.host, publicUrl)}${app.prefix}`;
  const get = (
    url: string,
    handler: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
  ): void => {
    app.route({ method: 'GET', url, exposeHeadRoute: false, handler });
  };
  get('/', (request, reply) => sendJson(reply, { versions: versionList(rootOf(request)) }));
  for (const version of versions)
    get(`/${version.path}`, (request, reply) =>
      sendJson(reply, { version: versionDocument(version, rootOf(request)) }),
    );
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split('?', 1)[0] ?? '').slice(app.prefix.length);
    return sendJson(reply.code(300), { choices: choices(rootOf(request), path) });
  });
}

/** The same for those who ask below a version. */
export const versionRows: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/versions/:id',
    handler: (call) => {
      const version = versions.find(({ id }) => id === call.params['id']);
      if (version === undefined) throw notFound();
      return { version: versionDocument(version, call.rootUrl) };
    },
  },
];

function versionList(root: string): readonly unknown[] {
  return versions.map(({ id, path, status, version, min_version, updated }) => ({
    id,
    status,
    version,
    min_version,
    updated,
    links: [{ rel: 'self', href: `${root}/${path}/` }],
  }));
}

function versionDocument(version: Version, root: string): unknown {
  const { id, path, status, min_version, updated, mediaType } = version;
  return {
    id,
    status,
    version: version.version,
    min_version,
    updated,
    links: [
      { rel: 'self', href: `${root}/${path}/` },
      { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' },
    ],
    'media-types': [{ base: 'application/json', type: mediaType }],
  };
}

function choices(root: string, path: string): readonly unknown[] {
  return versions.map((version) => ({
    id: version.id,
    status: version.status,
    links: [{ rel: 'self', href: `${root}/${version.path}${path}` }],
    'media-types': [{ base: 'application/json', type: version.mediaType }],
  }));
}

function sendJson(reply: FastifyReply, body: unknown): FastifyReply {
  return reply.type('application/json').send(JSON.stringify(body));
}
