// Errors in the form that Glance gives them: a small HTML page, or JSON or plain text when the client asks for those.
// Clients read the words out of the page, so its layout is part of the API. Source: WebOb's exceptions.
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { httpRefusal } from '#api/errors.ts';
import type { Refusal } from '#runtime/message/refusal.ts';

/** Ends a request with this status and these words. */
export class ImageHttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'ImageHttpError';
    this.status = status;
    this.headers = headers;
  }
}

export function errorOf(refusal: Refusal): ImageHttpError {
  const { status, message, headers } = httpRefusal(refusal);
  return new ImageHttpError(status, message, headers);
}

/** WebOb names a few statuses in its own way. */
const titles: Readonly<Record<number, string>> = {
  413: 'Request Entity Too Large',
  416: 'Request Range Not Satisfiable',
};

const standardWords: Readonly<Record<number, string>> = {
  403: 'Access was denied to this resource.',
  404: 'The resource could not be found.',
  415: 'The request media type {type} is not supported by this server.',
};

export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: { status: number; message: string; headers?: Readonly<Record<string, string>> },
): FastifyReply {
  const { status } = error;
  const title = titles[status] ?? STATUS_CODES[status] ?? 'Error';
  const words = error.message === '' ? (standardWords[status] ?? title) : error.message;
  reply.code(status).headers(error.headers ?? {});
  const form = acceptedForm(request.headers.accept);
  if (form === 'json') {
    const message = `${words}<br /><br />\n\n\n`;
    return reply
      .type('application/json')
      .send(JSON.stringify({ message, code: `${status} ${title}`, title }));
  }
  if (form === 'plain')
    return reply.type('text/plain; charset=UTF-8').send(`${status} ${title}\n\n${words}\n\n   `);
  return reply.type('text/html; charset=UTF-8').send(page(`${status} ${title}`, words));
}

function page(title: string, words: string): string {
  return [
    '<html>',
    ' <head>',
    `  <title>${title}</title>`,
    ' </head>',
    ' <body>',
    `  <h1>${title}</h1>`,
    `  ${escapeHtml(words)}<br /><br />`,
    '',
    '',
    '',
    ' </body>',
    '</html>',
  ].join('\n');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');
}

function acceptedForm(accept: string | undefined): 'html' | 'json' | 'plain' {
  if (accept === undefined || accept === '') return 'html';
  const types = accept.split(',').map((part) => (part.split(';')[0] ?? '').trim().toLowerCase());
  if (types.some((type) => type === '*/*' || type === 'text/*' || type === 'text/html'))
    return 'html';
  return types.some((type) => type === 'application/json' || type === 'application/*')
    ? 'json'
    : 'plain';
}
