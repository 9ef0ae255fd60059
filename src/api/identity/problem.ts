// Keystone's errors: `{"error": {"code", "message", "title"}}`. Handlers throw a Problem; the plugin's error handler
// renders whatever arrives, and tells nobody about a fault inside but the log.
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PasswordQueueFull } from '#actors/services/identity/passwords.ts';
import type { ApiContext } from '../context.ts';
import { httpRefusal } from '../errors.ts';
import { isMalformedJson } from '../json-body.ts';
import { passingTrouble } from '../passing-trouble.ts';
import { baseUrl, messageOf, statusOf } from '../server.ts';
import type { Refusal } from '#runtime/message/refusal.ts';

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further fields of the error object. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    statusCode: number,
    message: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly extra?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message);
    this.statusCode = statusCode;
    this.headers = more.headers ?? {};
    this.extra = more.extra ?? {};
  }
}

const clientInError =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';

export function unauthorized(): Problem {
  return new Problem(401, 'The request you have made requires authentication.');
}

/** `action` without its prefix: `create_project`. */
export function forbidden(action: string): Problem {
  return new Problem(
    403,
    `You are not authorized to perform the requested action: identity:${action}.`,
  );
}

/** In words of its own, where no single policy is behind the refusal. */
export function forbiddenAction(why: string): Problem {
  return new Problem(403, `You are not authorized to perform the requested action: ${why}.`);
}

export function notFound(kind: string, id: string): Problem {
  return new Problem(404, `Could not find ${kind}: ${id}.`);
}

export function invalid(message: string): Problem {
  return new Problem(400, message);
}

export function missing(attribute: string, target: string): Problem {
  return invalid(`Expecting to find ${attribute} in ${target}. ${clientInError}`);
}

export function fromRefusal(refusal: Refusal): Problem {
  const { status, message, headers } = httpRefusal(refusal);
  return new Problem(status, message, { headers });
}

export function sendProblem(
  context: ApiContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = asProblem(context, error, request);
  const { statusCode } = problem;
  if (statusCode === 401) {
    const base = baseUrl(request.headers.host, context.publicUrl);
    reply.header('www-authenticate', `Keystone uri="${base}/identity"`);
  }
  return reply
    .code(statusCode)
    .headers(problem.headers)
    .type('application/json')
    .send({
      error: {
        code: statusCode,
        message: problem.message,
        title: STATUS_CODES[statusCode] ?? 'Error',
        ...problem.extra,
      },
    });
}

function asProblem(context: ApiContext, error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof PasswordQueueFull)
    return new Problem(503, 'Too many logins are under way; try again in a moment.', {
      headers: { 'retry-after': '1' },
    });
  const passing = passingTrouble(error, request, context.env);
  if (passing !== undefined) return new Problem(503, passing.message, passing);
  if (isMalformedJson(error)) return missing('valid JSON', 'request body');
  const status = statusOf(error);
  if (status < 500) return new Problem(status, messageOf(error));
  context.env.log.error(
    { err: error, requestId: request.requestId, url: request.url },
    'identity request failed',
  );
  return new Problem(
    status,
    `An unexpected error prevented the server from fulfilling your request; the log has it under ${request.requestId}.`,
  );
}
