// A user of a cloud over plain HTTP, for chaos and tests: logs in once, asks any controller, and keeps the reply whole.
// Far quicker than the real client, and it can ask wrongly. A connection that breaks off, or an answer that does not come
// in time, rejects: what became of the request is not known.

export interface ApiReply {
  readonly status: number;
  /** `req-…`, as the server's actions list it. */
  readonly requestId: string;
  /** The reply warns that it may be out of date: the store is away. */
  readonly isStale: boolean;
  readonly body: unknown;
}

export interface Account {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

export interface Login {
  readonly token: string;
  readonly reply: ApiReply;
}

export const LATEST = '2.104';

export class ApiClient {
  readonly url: string;
  readonly token: string;
  readonly #timeoutMs: number | undefined;

  private constructor(url: string, token: string, timeoutMs: number | undefined) {
    this.url = url;
    this.token = token;
    this.#timeoutMs = timeoutMs;
  }

  static async login(url: string, account: Account, timeoutMs?: number): Promise<ApiClient> {
    const client = new ApiClient(url, '', timeoutMs);
    const { token, reply } = await client.tokenOf(account);
    if (token === '')
      throw new Error(`no token: ${reply.status} ${JSON.stringify(reply.body)} from ${url}`);
    return client.with(token);
  }

  /** The same user at another controller. */
  at(url: string): ApiClient {
    return url === this.url ? this : new ApiClient(url, this.token, this.#timeoutMs);
  }

  with(token: string): ApiClient {
    return new ApiClient(this.url, token, this.#timeoutMs);
  }

  /** Asks for a token; an empty one when it was not given. */
  async tokenOf(account: Account): Promise<Login> {
    const domain = { id: 'default' };
    const user = { name: account.user, password: account.password, domain };
    const response = await this.#send('POST', '/identity/v3/auth/tokens', {
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: account.project, domain } },
      },
    });
    const token = response.headers.get('x-subject-token') ?? '';
    return { token, reply: await replyOf(response) };
  }

  /** A body that is bytes is sent as an image's, anything else as JSON. */
  async call(method: string, path: string, body?: unknown, version = LATEST): Promise<ApiReply> {
    return replyOf(await this.#send(method, path, body, version));
  }

  /** The reply's body; throws unless the status is one of success. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call(method, path, body);
    if (reply.status >= 300)
      throw new Error(
        `${method} ${path} at ${this.url}: ${reply.status} ${JSON.stringify(reply.body)}`,
      );
    return reply.body as T;
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>('GET', path);
  }

  #send(method: string, path: string, body?: unknown, version = LATEST): Promise<Response> {
    const isBytes = body instanceof Uint8Array;
    const payload =
      body === undefined ? undefined : isBytes ? new Blob([body as never]) : JSON.stringify(body);
    return fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(this.token === '' ? {} : { 'x-auth-token': this.token }),
        'openstack-api-version': `compute ${version}`,
        'content-type': isBytes ? 'application/octet-stream' : 'application/json',
      },
      ...(payload === undefined ? {} : { body: payload }),
      ...(this.#timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(this.#timeoutMs) }),
    });
  }
}

async function replyOf(response: Response): Promise<ApiReply> {
  const text = await response.text();
  return {
    status: response.status,
    requestId: response.headers.get('x-openstack-request-id') ?? '',
    isStale: (response.headers.get('warning') ?? '').startsWith('110'),
    body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
  };
}

/** As the detailed list shows it. */
export interface ServerRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fault?: { readonly message: string; readonly details?: string };
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly 'OS-EXT-SRV-ATTR:instance_name'?: string;
}

export async function listServers(client: ApiClient): Promise<readonly ServerRow[]> {
  const rows: ServerRow[] = [];
  for (;;) {
    const marker = rows.at(-1)?.id;
    const query = marker === undefined ? '' : `&marker=${marker}`;
    const { servers } = await client.get<{ servers: ServerRow[] }>(
      `/compute/v2.1/servers/detail?limit=1000${query}`,
    );
    rows.push(...servers);
    if (servers.length < 1000) return rows;
  }
}

/** Undefined once it is gone. */
export async function findServer(client: ApiClient, id: string): Promise<ServerRow | undefined> {
  const { status, body } = await client.call('GET', `/compute/v2.1/servers/${id}`);
  if (status === 404) return undefined;
  return (body as { server: ServerRow }).server;
}
