// Errors in the form that Neutron gives them: {"NeutronError": {type, message, detail}}. `type` is an exception's name,
// by which clients tell one conflict from another.
import type { FastifyReply } from 'fastify';
import { httpRefusal } from '#api/errors.ts';
import type { Refusal } from '#runtime/message/refusal.ts';

/** Ends a request with this status, exception name and words. */
export class NetworkHttpError extends Error {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    type: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'NetworkHttpError';
    this.status = status;
    this.type = type;
    this.headers = headers;
  }
}

export function badRequest(message: string): NetworkHttpError {
  return new NetworkHttpError(400, 'HTTPBadRequest', message);
}

export function invalidInput(message: string): NetworkHttpError {
  return new NetworkHttpError(400, 'InvalidInput', `Invalid input for operation: ${message}.`);
}

/** A request that its resource's rules don't allow, as Neutron's BadRequest says it. */
export function badResource(resource: string, message: string): NetworkHttpError {
  return new NetworkHttpError(400, 'BadRequest', `Bad ${resource} request: ${message}.`);
}

/** `rule`: `create_network:shared`. */
export function notAuthorized(rule: string): NetworkHttpError {
  return new NetworkHttpError(403, 'PolicyNotAuthorized', `rule:${rule} is disallowed by policy`);
}

export function notFound(): NetworkHttpError {
  return new NetworkHttpError(404, 'HTTPNotFound', 'The resource could not be found.');
}

export function errorOf(refusal: Refusal): NetworkHttpError {
  const { status, kind, message, headers } = httpRefusal(refusal);
  return new NetworkHttpError(status, kind, message, headers);
}

export function sendError(
  reply: FastifyReply,
  error: {
    readonly status: number;
    readonly type: string;
    readonly message: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): FastifyReply {
  const { status, type, message } = error;
  return reply
    .code(status)
    .headers(error.headers ?? {})
    .type('application/json')
    .send({ NeutronError: { type, message, detail: '' } });
}
