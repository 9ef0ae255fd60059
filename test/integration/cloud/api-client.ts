// A user of a cloud over plain HTTP, for tests: logs in once, asks, and keeps the reply whole. Far quicker than the
// real client, and it can ask wrongly. A connection that breaks off rejects: what became of the request is not known.

export interface ApiReply {
  readonly status: number;
  /** `req-…`, as the server's actions list it. */
  readonly requestId: string;
  readonly body: unknown;
}

export interface Account {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

export const LATEST = '2.96';

export class ApiClient {
  readonly url: string;
  readonly token: string;

  private constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  static async login(url: string, account: Account): Promise<ApiClient> {
    const domain = { id: 'default' };
    const user = { name: account.user, password: account.password, domain };
    const reply = await fetch(`${url}/identity/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password: { user } },
          scope: { project: { name: account.project, domain } },
        },
      }),
    });
    const token = reply.headers.get('x-subject-token');
    if (token === null) throw new Error(`no token: ${reply.status} ${await reply.text()}`);
    await reply.arrayBuffer();
    return new ApiClient(url, token);
  }

  /** A body that is bytes is sent as an image's, anything else as JSON. */
  async call(method: string, path: string, body?: unknown, version = LATEST): Promise<ApiReply> {
    const isBytes = body instanceof Uint8Array;
    const payload =
      body === undefined ? undefined : isBytes ? new Blob([body as never]) : JSON.stringify(body);
    const reply = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        'x-auth-token': this.token,
        'openstack-api-version': `compute ${version}`,
        'content-type': isBytes ? 'application/octet-stream' : 'application/json',
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      requestId: reply.headers.get('x-openstack-request-id') ?? '',
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    };
  }

  /** The reply's body; throws unless the status is one of success. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call(method, path, body);
    if (reply.status >= 300)
      throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body as T;
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>('GET', path);
  }
}

/** As the detailed list shows it. */
export interface ServerRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
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
