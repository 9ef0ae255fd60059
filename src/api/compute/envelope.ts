// How the compute service says no: {itemNotFound: {code, message}} and its like. What a refusal's code means stands
// in api/errors; here is only the wrapping, and the fault that handlers throw to end a request.
import type { FastifyReply } from 'fastify';
import type { Refusal } from '#runtime/message/refusal.ts';
import type { RefusalForm } from '../admission/door.ts';
import { httpRefusal } from '../errors.ts';

/** Ends a request with an error reply. Thrown by handlers; never a bug. */
export class ComputeFault extends Error {
  override readonly name = 'ComputeFault';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The words that go with a status when there is nothing particular to say. */
export const plainWords = {
  notFound: 'The resource could not be found.',
  gone: 'This resource is no longer available.  No forwarding address is given.',
  malformed: 'Malformed request body',
  mediaType: 'Unsupported Content-Type',
  tooLarge: 'Request is too large.',
} as const;

export function badRequest(message: string): ComputeFault {
  return new ComputeFault(400, message);
}

export function forbidden(message: string): ComputeFault {
  return new ComputeFault(403, message);
}

export function notFound(message: string = plainWords.notFound): ComputeFault {
  return new ComputeFault(404, message);
}

export function conflict(message: string): ComputeFault {
  return new ComputeFault(409, message);
}

export function refusalFault(refusal: Refusal): ComputeFault {
  const { status, message, headers } = httpRefusal(refusal);
  return new ComputeFault(status, message, headers);
}

const faultNames: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

export function faultBody(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Readonly<Record<string, unknown>> {
  const retryAfter = headers['retry-after'];
  const limited = (status === 413 || status === 429) && retryAfter !== undefined;
  return {
    [faultNames[status] ?? 'computeFault']: {
      code: status,
      message,
      ...(limited ? { retryAfter } : {}),
    },
  };
}

export function sendFault(
  reply: FastifyReply,
  fault: Pick<ComputeFault, 'status' | 'message' | 'headers'>,
): FastifyReply {
  return reply
    .code(fault.status)
    .headers(fault.headers)
    .type('application/json')
    .send(JSON.stringify(faultBody(fault.status, fault.message, fault.headers)));
}

/** What is refused at the door, before this service's own hooks run. */
export const computeRefusals: RefusalForm = {
  headers: (requestId) => ({ 'x-compute-request-id': requestId }),
  body: (message) => JSON.stringify(faultBody(503, message)),
};
