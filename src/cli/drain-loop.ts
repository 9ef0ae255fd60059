// Drives a drain: looks at the host's servers, asks for moves up to a bound, confirms those that are over, and looks again,
// until nothing can be moved any more. All of it is on record in the cloud: the disabled service and the migrations. A
// cloud that does not answer is waited for; one that stays away ends the drain, which is taken up by calling it again.
import type { AdminAnswer, AdminClient } from './admin-client.ts';
import {
  bodyOf,
  type DrainedServer,
  type LeavingMigration,
  stepOf,
  stepOfLeft,
  type Tried,
  type Way,
} from './drain-plan.ts';

const LOOK_MS = 500;
/** A cloud that answers nothing for this long is given up. */
const AWAY_MS = 120_000;
/** Confirmations that are refused while one is under way, or its operation is still in the way. */
const MAX_REFUSED = 240;
/** Servers asked for at once; a host has no more. */
const MAX_SERVERS = 1_000;

const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export interface DrainTools {
  /** Connects anew; rejects while the cloud is away. */
  readonly connect: () => Promise<Pick<AdminClient, 'ask'>>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** A line of progress. */
  readonly tell: (line: string) => void;
}

export interface Drained {
  readonly moved: number;
  readonly stayed: readonly {
    readonly id: string;
    readonly name: string;
    readonly reason: string;
  }[];
}

interface Look {
  readonly servers: readonly DrainedServer[];
  readonly left: readonly LeavingMigration[];
}

export class DrainLoop {
  readonly #tools: DrainTools;
  readonly #host: string;
  readonly #atOnce: number;
  readonly #tried = new Map<string, Tried>();
  /** Names of the servers that were here, or on their way, at the last look. */
  readonly #seen = new Map<string, string>();
  /** Servers that were asked to leave and were not at rest since. */
  readonly #leaving = new Set<string>();
  /** How often the confirmation of a move was refused. */
  readonly #refused = new Map<string, number>();
  #client: Pick<AdminClient, 'ask'> | undefined;
  #moved = 0;

  constructor(tools: DrainTools, host: string, atOnce: number) {
    this.#tools = tools;
    this.#host = host;
    this.#atOnce = atOnce;
  }

  /** Throws in words when the host is not there, or the cloud stays away. */
  async run(reason: string): Promise<Drained> {
    await this.setService({ status: 'disabled', disabled_reason: reason });
    for (;;) {
      const look = await this.#look();
      this.#notice(look);
      const isOver = await this.#advance(look);
      if (isOver !== undefined) return { moved: this.#moved, stayed: isOver };
      await this.#tools.sleep(LOOK_MS);
    }
  }

  async setService(change: Readonly<Record<string, string>>): Promise<void> {
    const found = await this.#ask(
      'GET',
      `/os-services?binary=nova-compute&host=${encodeURIComponent(this.#host)}`,
    );
    const { services = [] } = found.body as {
      readonly services?: readonly { readonly id: string }[];
    };
    const [service] = services;
    if (service === undefined)
      throw new Error(`there is no host ${this.#host}: openstack compute service list tells them`);
    const answer = await this.#ask('PUT', `/os-services/${service.id}`, change);
    if (answer.status >= 400) throw new Error(`host ${this.#host}: ${answer.words}`);
  }

  async #look(): Promise<Look> {
    const host = encodeURIComponent(this.#host);
    const [servers, migrations] = [
      await this.#ask('GET', `/servers/detail?all_tenants=1&limit=${MAX_SERVERS}&host=${host}`),
      await this.#ask('GET', `/os-migrations?source_compute=${host}&status=finished&limit=1000`),
    ];
    return {
      servers: (servers.body as { readonly servers: readonly DrainedServer[] }).servers,
      left: (migrations.body as { readonly migrations: readonly LeavingMigration[] }).migrations,
    };
  }

  /** Who has left since the last look, and whose move came to nothing. */
  #notice({ servers, left }: Look): void {
    const still = new Set([
      ...servers.map(({ id }) => id),
      ...left.map((one) => one.instance_uuid),
    ]);
    for (const [id, name] of this.#seen) {
      if (still.has(id)) continue;
      this.#moved += 1;
      this.#seen.delete(id);
      this.#leaving.delete(id);
      this.#tools.tell(`${name} has left`);
    }
    for (const server of servers) {
      this.#seen.set(server.id, server.name);
      if (server['OS-EXT-STS:task_state'] !== null || !this.#leaving.delete(server.id)) continue;
      this.#failed(server, 'its move came to nothing: openstack server event list tells why');
    }
  }

  /** Undefined while something is under way or can be begun; else the servers that stay. */
  async #advance({ servers, left }: Look): Promise<Drained['stayed'] | undefined> {
    const stayed: Drained['stayed'][number][] = [];
    let underWay = 0;
    for (const migration of left) {
      const id = migration.instance_uuid;
      const step = stepOfLeft(migration);
      const reason = step === 'confirm' ? await this.#confirm(id) : step.reason;
      if (reason === undefined) underWay += 1;
      else if (reason !== 'gone') stayed.push({ id, name: this.#seen.get(id) ?? id, reason });
    }
    for (const server of servers) {
      const step = stepOf(server, this.#tried.get(server.id));
      const { id, name } = server;
      if (step.kind === 'stays') stayed.push({ id, name, reason: step.reason });
      else if (step.kind === 'wait') underWay += 1;
      else if (underWay < this.#atOnce) {
        underWay += 1;
        await this.#begin(server, step.ways);
      } else underWay += 1;
    }
    return underWay === 0 ? stayed : undefined;
  }

  /** Why it can't be; `gone` for a server that is deleted, undefined while it goes on. */
  async #confirm(id: string): Promise<string | undefined> {
    const answer = await this.#act(id, {
      body: { confirmResize: null },
      microversion: '2.68',
    });
    if (answer.status < 400) return undefined;
    if (answer.status === 404) return 'gone';
    const times = (this.#refused.get(id) ?? 0) + 1;
    this.#refused.set(id, times);
    return times > MAX_REFUSED
      ? `its move is over and can't be confirmed: ${answer.words}`
      : undefined;
  }

  async #begin(server: DrainedServer, ways: readonly Way[]): Promise<void> {
    const { id, name } = server;
    let words = '';
    for (const way of ways) {
      const answer = await this.#act(id, bodyOf(way));
      if (answer.status < 400) {
        this.#leaving.add(id);
        this.#tools.tell(`${name} leaves: ${way}`);
        return;
      }
      ({ words } = answer);
    }
    this.#failed(server, words);
  }

  #failed({ id, name }: DrainedServer, reason: string): void {
    const times = (this.#tried.get(id)?.times ?? 0) + 1;
    this.#tried.set(id, { times, reason });
    this.#tools.tell(`${name} stays for now: ${reason}`);
  }

  #act(
    id: string,
    { body, microversion }: { readonly body: unknown; readonly microversion: string },
  ): Promise<AdminAnswer> {
    return this.#ask('POST', `/servers/${id}/action`, body, microversion);
  }

  /** Asked again until there is an answer: each of these requests may be made twice. */
  async #ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
    microversion = '2.80',
  ): Promise<AdminAnswer> {
    const sinceMs = this.#tools.nowMs();
    for (;;) {
      const answer = await this.#tryAsk(method, path, { body, microversion });
      if (!(answer instanceof Error)) return answer;
      if (this.#tools.nowMs() - sinceMs > AWAY_MS)
        throw new Error(
          `the cloud did not answer for ${AWAY_MS / 1_000} s (${answer.message}): drain ${this.#host} again when it does, ` +
            'and it goes on where it stopped',
          { cause: answer },
        );
      await this.#tools.sleep(LOOK_MS);
    }
  }

  async #tryAsk(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    { body, microversion }: { readonly body: unknown; readonly microversion: string },
  ): Promise<AdminAnswer | Error> {
    try {
      this.#client ??= await this.#tools.connect();
      const options = { microversion, ...(body === undefined ? {} : { body }) };
      const answer = await this.#client.ask(method, `/compute/v2.1${path}`, options);
      const isPassing = passing.has(answer.status) || (method === 'GET' && answer.status >= 400);
      if (!isPassing && answer.status !== 401) return answer;
      if (answer.status === 401) this.#client = undefined;
      return new Error(answer.words);
    } catch (error) {
      this.#client = undefined;
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
