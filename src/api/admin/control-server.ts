// The door for the machine's owner: HTTP on a unix socket in the data directory, for its owner only. The command line is
// its client. Small questions, one answer each; what is refused is said in words.
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Log } from '#runtime/env/env.ts';
import type { FeedLine } from '#runtime/events/feed.ts';
import { AdminRefusal, type ClusterAdmin } from './cluster-admin.ts';
import { streamEvents } from './event-stream.ts';

export interface ControlServerOptions {
  readonly log: Log;
  readonly admin: ClusterAdmin;
  /** Where to listen; what is left of an earlier process is removed. */
  readonly path: string;
  /** `leave` was answered: the process is to end now. */
  readonly onLeft: () => void;
}

export interface ControlServer {
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 65_536;

const role = Type.Union([Type.Literal('controller'), Type.Literal('compute')]);
const bodies = {
  '/tokens': Type.Object({ role }),
  '/leave': Type.Object({ force: Type.Boolean() }),
  '/revoke': Type.Object({ member: Type.String({ minLength: 1, maxLength: 255 }) }),
} as const;

/** Resolves when it listens. */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { path } = options;
  const server = createServer((request, response) => void answer(options, request, response));
  rmSync(path, { force: true });
  await listenOn(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const FOR_OTHERS = 0o177;

/** The socket is its owner's alone from the beginning: it is made within `listen`, under that mask. */
function listenOn(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(FOR_OTHERS);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}

async function answer(
  options: ControlServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '/';
  const feed = feedFor(options.admin, request);
  if (feed !== undefined) return streamEvents(response, feed);
  try {
    const found = await route(options.admin, `${request.method} ${path}`, request);
    if (found === undefined) return send(response, 404, { error: `nothing is at ${path}` });
    send(response, 200, found);
    if (path === '/leave') response.once('close', () => options.onLeft());
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const isExpected = error instanceof AdminRefusal;
    if (!isExpected) options.log.warn({ err: error, path }, 'a question of the owner failed');
    send(response, isExpected ? 409 : 500, { error: words });
  }
}

const EVENTS = /^\/events(?:\?kind=([a-z-]{1,64}))?$/;

/** Undefined for any other question. */
function feedFor(
  admin: ClusterAdmin,
  { method, url = '' }: IncomingMessage,
): Observable<FeedLine> | undefined {
  const asked = method === 'GET' ? EVENTS.exec(url) : null;
  return asked === null ? undefined : admin.watch?.(asked[1]);
}

async function route(
  admin: ClusterAdmin,
  what: string,
  request: IncomingMessage,
): Promise<object | undefined> {
  switch (what) {
    case 'GET /members':
      return { members: await admin.members() };
    case 'GET /shards':
      return { shards: await admin.shards() };
    case 'POST /tokens':
      return admin.createToken((await bodyOf(request, '/tokens')).role);
    case 'POST /leave':
      await admin.leave(await bodyOf(request, '/leave'));
      return {};
    case 'POST /revoke':
      return admin.revoke((await bodyOf(request, '/revoke')).member);
    default:
      return undefined;
  }
}

async function bodyOf<P extends keyof typeof bodies>(
  request: IncomingMessage,
  path: P,
): Promise<Static<(typeof bodies)[P]>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new AdminRefusal('the question is too long');
    chunks.push(chunk);
  }
  return checked(bodies[path], parse(Buffer.concat(chunks).toString()), path);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AdminRefusal(`the question is no JSON: ${String(error)}`);
  }
}

function checked<T extends TSchema>(schema: T, value: unknown, path: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  throw new AdminRefusal(`the question at ${path} is not of its shape`);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}
