// The metadata service: answers guests that ask 169.254.169.254, which the host's network leads here. Not part of the
// front door: it listens for itself, and whom it answers is decided by addresses, never by what the guest says.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import { findMetadata } from '#actors/domain/metadata-documents.ts';
import type { Env } from '#runtime/env/env.ts';
import { messageOf, statusOf } from '#api/server.ts';

/** On a compute member, controllers are asked; what they can't answer now rejects. */
type MaybeLater<T> = T | undefined | Promise<T | undefined>;

export interface MetadataServerOptions {
  readonly env: Env;
  /**
   * The server behind a connection: `local` is the address that the guest reached (its network's gateway on this
   * host), `remote` its own. Undefined if no server has that address on that network.
   */
  readonly guestAt: (local: string, remote: string) => MaybeLater<string>;
  /** Undefined for a server that is gone or not placed yet. */
  readonly metadataFor: (serverId: string) => MaybeLater<InstanceMetadata>;
  /** Keeps what the guest posted, once; without it nothing can be posted. */
  readonly savePassword?: (serverId: string, password: string, requestId: string) => Promise<void>;
}

/** As much as Nova keeps: four values of 255 characters. */
const PASSWORD_MAX_BYTES = 1020;
const MAPPED_V4 = '::ffff:';

/** Not listening yet; the caller chooses address and port. */
export function buildMetadataServer(options: MetadataServerOptions): FastifyInstance {
  const { env } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: PASSWORD_MAX_BYTES,
    forceCloseConnections: true,
    requestTimeout: 30_000,
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status >= 500) env.log.error({ err: error, url: request.url }, 'metadata request failed');
    if (status >= 500) sendPlain(reply, status, 'The request failed inside.');
    else if (status === 413) sendPlain(reply, 400, 'Request is too large.');
    else sendPlain(reply, status, messageOf(error));
  });
  app.setNotFoundHandler((_request, reply) => {
    sendPlain(reply, 404, 'The resource could not be found.');
  });
  app.all('/', (request, reply) => answer(options, request, reply));
  app.all('/*', (request, reply) => answer(options, request, reply));
  return app;
}

async function answer(
  options: MetadataServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { localAddress = '', remoteAddress = '' } = request.socket;
  const serverId = await options.guestAt(plain(localAddress), plain(remoteAddress));
  const metadata = serverId === undefined ? undefined : await options.metadataFor(serverId);
  if (metadata === undefined) return sendPlain(reply, 404, 'The resource could not be found.');
  const found = findMetadata(metadata, pathOf(request.url));
  if (found === undefined) return sendPlain(reply, 404, 'The resource could not be found.');
  if (found.kind === 'password') return password(options, metadata, request, reply);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuseMethod(reply, 'GET, HEAD');
  const { content, type } = found;
  const body = typeof content === 'string' ? content : Buffer.from(content);
  return reply.header('content-type', `${type}; charset=UTF-8`).send(body);
}

/** Guests post it once: whoever gets in later must not be able to change it. */
async function password(
  options: MetadataServerOptions,
  metadata: InstanceMetadata,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (request.method === 'GET' || request.method === 'HEAD')
    return reply.header('content-type', 'text/plain; charset=UTF-8').send(metadata.password);
  const { savePassword } = options;
  if (request.method !== 'POST' || savePassword === undefined)
    return refuseMethod(reply, savePassword === undefined ? 'GET, HEAD' : 'GET, HEAD, POST');
  if (metadata.password !== '') return sendPlain(reply, 409, 'There was a conflict.');
  const posted = typeof request.body === 'string' ? request.body : '';
  await savePassword(metadata.uuid, posted, `req-${options.env.random.uuid()}`);
  return reply.code(200).send();
}

function refuseMethod(reply: FastifyReply, allowed: string): FastifyReply {
  reply.header('allow', allowed);
  return sendPlain(reply, 405, `Only these methods are allowed here: ${allowed}.`);
}

function sendPlain(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=UTF-8').send(`${message}\n`);
}

/** A socket for both IP versions tells IPv4 addresses in IPv6 form. */
function plain(address: string): string {
  return address.startsWith(MAPPED_V4) ? address.slice(MAPPED_V4.length) : address;
}

function pathOf(url: string): string {
  const path = url.split('?')[0] ?? '';
  try {
    return decodeURIComponent(path);
  } catch {
    // What can't be decoded names nothing.
    return '/%';
  }
}
