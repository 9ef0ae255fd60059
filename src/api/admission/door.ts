// Turns writes away before the framework has looked at them, where a service says how it words that. Thousands of
// refusals per second come out of the same processor as what is let in, so each has to cost next to nothing. Whatever
// is not refused here goes on to the hooks (hooks.ts), which have the last word.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Env } from '#runtime/env/env.ts';
import { mendPath } from '../mended-path.ts';
import { busyWords } from '../passing-trouble.ts';
import type { Admission } from './admission.ts';
import { classOf } from './request-class.ts';

/** How a service refuses: headers of its own, and the body. */
export interface RefusalForm {
  readonly headers: (requestId: string) => Readonly<Record<string, string>>;
  readonly body: (message: string) => string;
}

/** A refused body up to this size is read and thrown away, and the connection goes on. */
export const MAX_DISCARDED_BYTES = 131_072;

export interface DoorOptions {
  readonly env: Env;
  readonly admission: Admission;
  /** By the first part of the path, with its slash. */
  readonly forms: ReadonlyMap<string, RefusalForm>;
}

export function guardDoor(server: Server, options: DoorOptions): void {
  const handlers = server.listeners('request') as ((
    request: IncomingMessage,
    response: ServerResponse,
  ) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!isTurnedAway(request, response, options))
      for (const handle of handlers) handle.call(server, request, response);
  });
}

function isTurnedAway(
  request: IncomingMessage,
  response: ServerResponse,
  { env, admission, forms }: DoorOptions,
): boolean {
  const { method = 'GET', headers } = request;
  if (method === 'GET' || method === 'HEAD') return false;
  const url = mendPath(request.url ?? '/');
  const form = forms.get(url.slice(0, url.indexOf('/', 1)));
  const bytes = Number(headers['content-length'] ?? 0);
  if (form === undefined || headers['transfer-encoding'] !== undefined) return false;
  if (!(bytes <= MAX_DISCARDED_BYTES) || !admission.isShedding(classOf(method, url))) return false;
  const requestId = `req-${env.random.uuid()}`;
  const body = form.body(busyWords(requestId));
  response.writeHead(503, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'retry-after': '1',
    'x-openstack-request-id': requestId,
    ...form.headers(requestId),
  });
  response.end(body);
  return true;
}
