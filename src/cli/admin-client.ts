// Asks the APIs of the cloud that runs on a data directory, as its administrator: the password is that of the directory's
// secrets, so only who may read those can.
import { findRunning } from './run-file.ts';
import { loadSecrets } from './secrets.ts';

const ANSWER_WITHIN_MS = 60_000;

export interface AdminAnswer {
  readonly status: number;
  /** Parsed; undefined for none. */
  readonly body: unknown;
  /** Of an error. */
  readonly words: string;
}

export interface AdminClient {
  /** The answer's body. Throws in words. */
  get<T>(path: string): Promise<T>;
  /** Rejects when nobody answers. */
  ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    options?: { readonly body?: unknown; readonly microversion?: string },
  ): Promise<AdminAnswer>;
}

export async function adminClient(data: string): Promise<AdminClient> {
  const running = findRunning(data);
  if (running === undefined)
    throw new Error(`nothing runs on ${data}: start it with ./kilonova up --data ${data}`);
  const { url } = running;
  const token = await tokenFor(url, loadSecrets(data).adminPassword);
  return {
    get: async <T>(path: string) => {
      const reply = await fetch(`${url}${path}`, {
        headers: { 'x-auth-token': token },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await reply.text();
      if (!reply.ok) throw new Error(wordsOf(text) ?? `${path} answered ${reply.status}`);
      return JSON.parse(text) as T;
    },
    ask: async (method, path, { body, microversion } = {}) => {
      const reply = await fetch(`${url}${path}`, {
        method,
        headers: {
          'x-auth-token': token,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(microversion === undefined
            ? {}
            : { 'openstack-api-version': `compute ${microversion}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await reply.text();
      return {
        status: reply.status,
        body: /^[{[]/.test(text) ? JSON.parse(text) : undefined,
        words: wordsOf(text) ?? `${path} answered ${reply.status}`,
      };
    },
  };
}

async function tokenFor(url: string, password: string): Promise<string> {
  const domain = { id: 'default' };
  const reply = await fetch(`${url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'admin', domain, password } },
        },
        scope: { project: { name: 'admin', domain } },
      },
    }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const token = reply.headers.get('x-subject-token');
  if (token === null)
    throw new Error(
      `the cloud at ${url} takes no token for its administrator: was the password changed? (it answered ${reply.status})`,
    );
  return token;
}

/** The message of an error body, whichever service sent it. */
function wordsOf(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined;
  const body = JSON.parse(text) as Readonly<
    Record<string, { readonly message?: string } | undefined>
  >;
  return Object.values(body).find((part) => part?.message !== undefined)?.message;
}
