// Errors in the form that Placement gives them: {"errors": [{status, title, detail, code, request_id}]}, `code` from
// 1.23 on; a page or plain text for who takes no JSON. The detail opens with the WSGI library's standing words for the status, which clients show as they are.
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { httpRefusal } from '#api/errors.ts';
import type { Refusal } from '#runtime/message/refusal.ts';
import { pageError, plainError, wishedForm } from './error-forms.ts';
import { MAX_MINOR, MIN_MINOR, versionText } from './microversion.ts';

/** Errors that no one has given a code of their own. */
export const UNDEFINED_CODE = 'placement.undefined_code';
/** `code` is in the envelope from this minor version on. */
const CODE_SINCE = 23;

export interface FaultOptions {
  /** What clients tell errors apart by: `placement.query.bad_value`. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The version could not be agreed: the reply says which there are. */
  readonly tellsVersions?: boolean;
}

/** Ends a request with this status and these words. */
export class PlacementFault extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tellsVersions: boolean;

  constructor(status: number, message: string, options: FaultOptions = {}) {
    super(message);
    this.name = 'PlacementFault';
    this.status = status;
    this.code = options.code ?? UNDEFINED_CODE;
    this.headers = options.headers ?? {};
    this.tellsVersions = options.tellsVersions ?? false;
  }
}

export function badRequest(message: string, code?: string): PlacementFault {
  return new PlacementFault(400, message, code === undefined ? {} : { code });
}

export function faultOf(refusal: Refusal): PlacementFault {
  const { status, message, kind, headers } = httpRefusal(refusal);
  const code = kind.startsWith('placement.') ? kind : UNDEFINED_CODE;
  return new PlacementFault(status, message, { code, headers });
}

export function sendFault(
  request: FastifyRequest,
  reply: FastifyReply,
  fault: PlacementFault,
): FastifyReply {
  const { status } = fault;
  const title = STATUS_CODES[status] ?? 'Error';
  const detail = detailOf(request, fault);
  reply.code(status).headers(fault.headers);
  switch (wishedForm(request.headers.accept)) {
    case 'html':
      return reply.type('text/html; charset=UTF-8').send(pageError(`${status} ${title}`, detail));
    case 'plain':
      return reply.type('text/plain; charset=UTF-8').send(plainError(`${status} ${title}`, detail));
    default:
      return reply
        .type('application/json')
        .send(jsonBytes(jsonError(request, fault, { title, detail })));
  }
}

function jsonError(
  { placementMinor: minor, requestId }: FastifyRequest,
  { status, code, tellsVersions }: PlacementFault,
  words: { readonly title: string; readonly detail: string },
): unknown {
  return {
    errors: [
      {
        status,
        ...words,
        ...(minor !== undefined && minor >= CODE_SINCE ? { code } : {}),
        request_id: requestId,
        ...(tellsVersions
          ? { max_version: versionText(MAX_MINOR), min_version: versionText(MIN_MINOR) }
          : {}),
      },
    ],
  };
}

/** As bytes, so that the content type is told as it is, without a charset. */
export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const openings: Readonly<Record<number, string>> = {
  400: 'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  403: 'Access was denied to this resource.',
  404: 'The resource could not be found.',
  409: 'There was a conflict when trying to complete your request.',
  500: 'The server has either erred or is incapable of performing the requested operation.',
  503: 'The server is currently unavailable. Please try again at a later time.',
};

function detailOf(request: FastifyRequest, { status, message }: PlacementFault): string {
  switch (status) {
    case 405:
      return `The method ${request.method} is not allowed for this resource. \n\n ${message}`;
    case 406: {
      const asked = request.headers.accept ?? 'application/json';
      return `The resource could not be generated that was acceptable to your browser (content of type ${asked}. \n\n ${message}`;
    }
    case 415:
      return `The request media type ${request.headers['content-type'] ?? 'None'} is not supported by this server.\n\n ${message}  `;
    default:
      return `${openings[status] ?? STATUS_CODES[status] ?? 'Error'}\n\n ${message}  `;
  }
}
