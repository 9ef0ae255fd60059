// How each service says no. An error that comes in another service's form, or in none, is one that clients can't read.
import type { RawReply } from './whole-cloud.ts';

export type ServiceName = 'identity' | 'compute' | 'image' | 'network' | 'placement';

/** Whether an error has the form of the service that it comes from. */
export function isInForm(service: ServiceName | 'none', status: number, text: string): boolean {
  return forms[service](status, text);
}

/** What is wrong with a reply; undefined for nothing. */
export function complaint(service: ServiceName | 'none', reply: RawReply): string | undefined {
  const { status, headers, text } = reply;
  if (status >= 500 && status !== 501) return `${status} ${text}`;
  if (!/^HTTP\/1\.1 \d{3} /.test(headers)) return `no status line: ${headers.slice(0, 40)}`;
  if (/\bat .*\.ts:\d+|node_modules|SQLITE|TypeError/.test(text)) return `insides show: ${text}`;
  if (status < 400 || text === '') return undefined;
  const isRight = status === 401 ? isTokenFilters(text) : forms[service](status, text);
  return isRight ? undefined : `not ${service}'s form: ${status} ${text.slice(0, 500)}`;
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

interface Fields {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly title?: unknown;
  readonly type?: unknown;
  readonly detail?: unknown;
}

function only(text: string, name: string): Fields | undefined {
  const body = parse(text);
  const isOnly = body !== undefined && Object.keys(body).join() === name;
  return isOnly ? (body[name] as Fields) : undefined;
}

function isTokenFilters(text: string): boolean {
  const error = only(text, 'error');
  return error?.code === 401 && error.title === 'Unauthorized' && typeof error.message === 'string';
}

const isPage = (status: number, text: string): boolean =>
  text.startsWith('<html>') && text.includes(`<title>${status} `);

const forms: Readonly<Record<ServiceName | 'none', (status: number, text: string) => boolean>> = {
  identity: (status, text) => {
    const error = only(text, 'error');
    return (
      error?.code === status && typeof error.message === 'string' && typeof error.title === 'string'
    );
  },
  compute: (status, text) => {
    const body = parse(text) ?? {};
    // The WSGI library's own form, outside of the routes.
    if (isPage(status, text) || String(body['code']).startsWith(`${status} `)) return true;
    const [fault] = Object.values(body) as Fields[];
    return (
      Object.keys(body).length === 1 && fault?.code === status && typeof fault.message === 'string'
    );
  },
  image: (status, text) => {
    const body = parse(text);
    // A page, plain words or JSON, as the client asks.
    if (isPage(status, text) || text.startsWith(`${status} `)) return true;
    return String(body?.['code']).startsWith(`${status} `);
  },
  network: (_status, text) => {
    const error = only(text, 'NeutronError');
    return (
      typeof error?.type === 'string' && typeof error.message === 'string' && error.detail === ''
    );
  },
  placement: (status, text) => {
    if (isPage(status, text) || text.startsWith(`${status} `)) return true;
    const errors = parse(text)?.['errors'];
    const [error] = (Array.isArray(errors) ? errors : []) as {
      readonly status?: unknown;
      readonly detail?: unknown;
    }[];
    return error?.status === status && typeof error.detail === 'string';
  },
  none: (status, text) => {
    const error = only(text, 'error');
    return error?.code === status && typeof error.message === 'string';
  },
};
