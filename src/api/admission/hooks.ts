// Puts admission control and the bound on unfinished bodies before and behind every route. First of all hooks, so that a
// refusal comes before tokens are checked and bodies are read; the services' own error handlers answer.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Cancel, Env } from '#runtime/env/env.ts';
import { Admission } from './admission.ts';
import { guardDoor, MAX_DISCARDED_BYTES, type RefusalForm } from './door.ts';
import { classOf, type RequestClass } from './request-class.ts';

/** From a request's head to the end of its body; images' bytes have a clock of their own. */
export const BODY_WITHIN_MS = 30_000;

declare module 'fastify' {
  interface FastifyInstance {
    admission: Admission;
  }
  interface FastifyRequest {
    admissionClass: RequestClass;
    /** Called when the request's body is complete. */
    bodyArrived: () => void;
  }
}

export function admitRequests(
  app: FastifyInstance,
  env: Env,
  forms: ReadonlyMap<string, RefusalForm>,
): void {
  const admission = new Admission(env);
  guardDoor(app.server, { env, admission, forms });
  app.decorate('admission', admission);
  app.decorateRequest('admissionClass', 'read');
  app.decorateRequest('bodyArrived', ignore);
  app.addHook('onRequest', (request, reply, next) => {
    const kind = classOf(request.method, request.url);
    request.admissionClass = kind;
    const endWait = kind === 'transfer' ? ignore : boundBody(request, reply, env);
    const admitted = admission.arrive(kind);
    if ('fault' in admitted) {
      if (bodyBytes(request) > MAX_DISCARDED_BYTES) reply.header('connection', 'close');
      return next(admitted.fault);
    }
    if (kind !== 'free' && kind !== 'transfer') reply.raw.once('close', admitted.leave);
    request.bodyArrived = () => {
      endWait();
      if (isWrite(kind)) admitted.leave();
    };
    return next();
  });
  app.addHook('preValidation', (request, reply, next) => {
    request.bodyArrived();
    if (!isWrite(request.admissionClass)) return next();
    const leaveLine = admission.startWrite((admitted) => {
      reply.raw.off('close', leftLine);
      if ('fault' in admitted) return next(admitted.fault);
      reply.raw.once('close', admitted.leave);
      return next();
    });
    // A client that goes while it waits is waited for by nobody.
    function leftLine(): void {
      leaveLine();
    }
    reply.raw.once('close', leftLine);
  });
}

function isWrite(kind: RequestClass): boolean {
  return kind === 'write' || kind === 'create';
}

function ignore(): void {
  // There was no body to wait for.
}

/** As announced; without an end for a body in chunks. */
function bodyBytes({ headers }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(headers['content-length'] ?? 0);
}

/** A body that never ends is a 408: whoever reads it hears of an error. If all is answered, the connection is cut. */
function boundBody(request: FastifyRequest, reply: FastifyReply, env: Env): Cancel {
  const { raw } = request;
  if (bodyBytes(request) === 0) return ignore;
  const cancel = env.timers.after(BODY_WITHIN_MS, () => {
    if (reply.sent || raw.listenerCount('error') === 0) {
      raw.destroy();
      return;
    }
    reply.header('connection', 'close');
    raw.emit('error', unfinishedBody());
  });
  raw.once('close', cancel);
  return cancel;
}

function unfinishedBody(): Error {
  return Object.assign(
    new Error(`The request's body did not arrive within ${BODY_WITHIN_MS / 1000} seconds.`),
    { statusCode: 408 },
  );
}
