// A cloud for the bench: started by ./kilonova in a private directory, with a token and what a boot needs looked up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchedCloud } from '../e2e/launched-cloud.ts';
import { Connection, type Reply } from './http.ts';

export const CREATE_PATH = '/compute/v2.1/servers';
const MICROVERSION = { 'openstack-api-version': 'compute 2.79' };

export class BenchCloud {
  readonly launched: LaunchedCloud;
  url = '';
  pid = 0;
  #token = '';
  #imageId = '';
  #flavorId = '';
  #networkId = '';

  constructor(launched: LaunchedCloud) {
    this.launched = launched;
  }

  static async start(options: Parameters<typeof LaunchedCloud.prepare>[0]): Promise<BenchCloud> {
    const cloud = new BenchCloud(await LaunchedCloud.prepare(options));
    await cloud.launched.up();
    await cloud.connect();
    return cloud;
  }

  /** After each `up`. */
  async connect(): Promise<void> {
    const run = JSON.parse(readFileSync(join(this.launched.data, 'run.json'), 'utf8')) as {
      pid: number;
      url: string;
    };
    this.pid = run.pid;
    this.url = run.url;
    const connection = await Connection.open(this.url);
    this.#token = (await this.#login(connection, 'demo')).token;
    const get = async (path: string): Promise<Record<string, { id: string; name: string }[]>> =>
      JSON.parse((await connection.send('GET', path, this.headers)).body.toString()) as Record<
        string,
        { id: string; name: string }[]
      >;
    this.#imageId =
      (await get('/image/v2/images'))['images']?.find(({ name }) => name === 'tiny')?.id ?? '';
    this.#flavorId =
      (await get('/compute/v2.1/flavors'))['flavors']?.find(({ name }) => name === 'm1.tiny')?.id ??
      '';
    this.#networkId =
      (await get('/network/v2.0/networks'))['networks']?.find(({ name }) => name === 'private')
        ?.id ?? '';
    connection.close();
  }

  get headers(): Readonly<Record<string, string>> {
    return { 'x-auth-token': this.#token, ...MICROVERSION };
  }

  create(connection: Connection, name: string): Promise<Reply> {
    return connection.send('POST', CREATE_PATH, this.headers, this.createBody(name));
  }

  createBody(name: string): object {
    const server = {
      name,
      imageRef: this.#imageId,
      flavorRef: this.#flavorId,
      networks: [{ uuid: this.#networkId }],
    };
    return { server };
  }

  async status(connection: Connection, id: string): Promise<string> {
    const reply = await connection.send('GET', `/compute/v2.1/servers/${id}`, this.headers);
    if (reply.status === 404) return 'GONE';
    const { server } = JSON.parse(reply.body.toString()) as {
      server: { status: string; fault?: { message: string } };
    };
    if (server.status === 'ERROR')
      throw new Error(`server ${id} is in ERROR: ${server.fault?.message}`);
    return server.status;
  }

  /** For more servers than a project is usually allowed. */
  async raiseQuotas(servers: number): Promise<void> {
    const connection = await Connection.open(this.url);
    const { projectId } = await this.#login(connection, 'demo');
    const headers = { 'x-auth-token': (await this.#login(connection, 'admin')).token };
    const put = async (path: string, body: object): Promise<void> => {
      const reply = await connection.send('PUT', `${path}/${projectId}`, headers, body);
      if (reply.status !== 200)
        throw new Error(`${path}: ${reply.status} ${reply.body.toString()}`);
    };
    const compute = { instances: servers, cores: -1, ram: -1, force: true };
    await put('/compute/v2.1/os-quota-sets', { quota_set: compute });
    await put('/network/v2.0/quotas', { quota: { port: servers } });
    connection.close();
  }

  async #login(
    connection: Connection,
    user: 'demo' | 'admin',
  ): Promise<{ readonly token: string; readonly projectId: string }> {
    const secrets = JSON.parse(readFileSync(join(this.launched.data, 'secrets.json'), 'utf8')) as {
      userPassword: string;
      adminPassword: string;
    };
    const password = user === 'demo' ? secrets.userPassword : secrets.adminPassword;
    const domain = { name: 'Default' };
    const identity = {
      methods: ['password'],
      password: { user: { name: user, password, domain } },
    };
    const reply = await connection.send(
      'POST',
      '/identity/v3/auth/tokens',
      {},
      { auth: { identity, scope: { project: { name: user, domain } } } },
    );
    const token = /\r\nx-subject-token: *(\S+)/i.exec(reply.headers)?.[1];
    if (token === undefined) throw new Error(`no token: ${reply.status} ${reply.body.toString()}`);
    const body = JSON.parse(reply.body.toString()) as { token: { project: { id: string } } };
    return { token, projectId: body.token.project.id };
  }
}
