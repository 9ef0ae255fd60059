// What must be there after the run, from what was acknowledged; and what may be, from requests whose outcome nobody heard.
// Each server and name has one user, who asks one thing at a time, so that all of it is certain. Pure.
import type { ServerRow } from './api-client.ts';
import type { Noted } from './record.ts';

export const GONE = 'GONE';

export interface Acknowledged {
  readonly what: string;
  readonly requestId: string;
}

export interface ExpectedServer {
  readonly id: string;
  readonly name: string;
  readonly user: number;
  /** What the last acknowledged request makes of it. */
  readonly status: string;
  /** What it was before; so it may be again if that request failed afterwards and says so. */
  readonly before: string;
  /** What requests of unknown outcome may make of it at any time: they may lie in a process that stands still. */
  readonly may: ReadonlySet<string>;
  /** The value of its metadata's `mark`: the acknowledged one, or one that is not known. */
  readonly marks: ReadonlySet<string>;
  readonly lateMarks: ReadonlySet<string>;
  readonly acknowledged: readonly Acknowledged[];
}

/** `request` is the acknowledged one that is not what shows. */
export interface Mismatch {
  readonly server: ExpectedServer | undefined;
  readonly words: string;
  readonly request: Acknowledged | undefined;
  /** The server rests as it was before the last acknowledged request. */
  readonly isAsBefore: boolean;
}

export class ExpectedServers {
  readonly #servers = new Map<string, ExpectedServer>();
  /** Creates whose outcome is not known: name and user. */
  readonly #maybe = new Map<string, number>();

  get(id: string): ExpectedServer | undefined {
    return this.#servers.get(id);
  }

  all(): readonly ExpectedServer[] {
    return [...this.#servers.values()];
  }

  /** Of one user, those that are there for all it knows. */
  ownedBy(user: number): readonly ExpectedServer[] {
    return this.all().filter((server) => server.user === user && server.status !== GONE);
  }

  created(name: string, user: number, noted: Noted): void {
    if (noted.verdict === 'unknown') this.#maybe.set(name, user);
    if (noted.verdict !== 'acknowledged' || noted.reply === undefined) return;
    const { id } = (noted.reply.body as { readonly server: { readonly id: string } }).server;
    this.#servers.set(
      id,
      newServer(id, { name, user, acknowledged: acknowledge([], 'create', noted) }),
    );
  }

  /** A request that brings the server to `status` if it is carried out. */
  asked(server: ExpectedServer, what: string, status: string, noted: Noted): void {
    const now = this.#servers.get(server.id) ?? server;
    if (noted.verdict === 'acknowledged')
      this.#servers.set(server.id, {
        ...now,
        status,
        before: now.status,
        acknowledged: acknowledge(now.acknowledged, what, noted),
      });
    if (noted.verdict === 'unknown')
      this.#servers.set(server.id, { ...now, may: new Set([...now.may, status]) });
  }

  marked(server: ExpectedServer, mark: string, noted: Noted): void {
    const now = this.#servers.get(server.id) ?? server;
    if (noted.verdict === 'acknowledged')
      this.#servers.set(server.id, { ...now, marks: new Set([...now.lateMarks, mark]) });
    if (noted.verdict === 'unknown') {
      const lateMarks = new Set([...now.lateMarks, mark]);
      this.#servers.set(server.id, { ...now, lateMarks, marks: new Set([...now.marks, mark]) });
    }
  }

  /** What is not as acknowledged, and what nobody asked for. All rows are at rest. */
  compare(rows: readonly ServerRow[]): readonly Mismatch[] {
    const found = new Map(rows.map((row) => [row.id, row]));
    const known = this.all().flatMap((server) => mismatchesOf(server, found.get(server.id)));
    const strange = rows
      .filter((row) => !this.#servers.has(row.id) && !this.#maybe.has(row.name))
      .map((row) => ({
        server: undefined,
        words: `server ${row.name} ${row.id} is ${row.status}, and nobody asked for it`,
        request: undefined,
        isAsBefore: false,
      }));
    const byName = Map.groupBy(rows, ({ name }) => name);
    const twice = [...byName.values()]
      .filter((same) => same.length > 1)
      .map((same) => ({
        server: undefined,
        words: `one request made ${same.length} servers ${same[0]?.name}: ${same.map(({ id }) => id).join(', ')}`,
        request: undefined,
        isAsBefore: false,
      }));
    return [...known, ...strange, ...twice];
  }

  /** Only while no request can come late: what shows is what is expected from now on. */
  settle(rows: readonly ServerRow[]): void {
    const found = new Map(rows.map((row) => [row.id, row]));
    for (const row of rows) {
      const user = this.#maybe.get(row.name);
      if (user !== undefined && !this.#servers.has(row.id))
        this.#servers.set(row.id, newServer(row.id, { name: row.name, user, acknowledged: [] }));
    }
    this.#maybe.clear();
    for (const server of this.all()) {
      const row = found.get(server.id);
      const status = row?.status ?? GONE;
      const marks = new Set([row?.metadata['mark'] ?? '']);
      this.#servers.set(server.id, {
        ...server,
        status,
        before: status,
        may: new Set(),
        marks,
        lateMarks: new Set(),
      });
    }
  }
}

function newServer(
  id: string,
  from: Pick<ExpectedServer, 'name' | 'user' | 'acknowledged'>,
): ExpectedServer {
  return {
    id,
    ...from,
    status: 'ACTIVE',
    before: 'ACTIVE',
    may: new Set(),
    marks: new Set(['new']),
    lateMarks: new Set(),
  };
}

function acknowledge(
  before: readonly Acknowledged[],
  what: string,
  { requestId }: Noted,
): readonly Acknowledged[] {
  return [...before, { what, requestId }];
}

function mismatchesOf(server: ExpectedServer, row: ServerRow | undefined): readonly Mismatch[] {
  const status = row?.status ?? GONE;
  const request = server.acknowledged.at(-1);
  const tell = (words: string, isAsBefore = false): Mismatch => ({
    server,
    words: `server ${server.name} ${server.id} ${words}; last acknowledged: ${request?.what} ${request?.requestId}`,
    request,
    isAsBefore,
  });
  const isFailed = status === 'ERROR' && (row?.fault?.message ?? '') !== '';
  const isRight = status === server.status || server.may.has(status);
  if (!isRight && !(isFailed && server.status !== GONE))
    return [
      tell(
        `is ${status}, not ${[server.status, ...server.may].join(' or ')}`,
        status === server.before,
      ),
    ];
  const mark = row?.metadata['mark'] ?? '';
  if (row === undefined || server.marks.has(mark)) return [];
  return [tell(`has the mark ${mark}, not ${[...server.marks].join(' or ')}`)];
}

/** Flavors, keypairs: things with a name that is used once, made and deleted. */
export class ExpectedNames {
  readonly kind: string;
  readonly #names = new Map<string, 'there' | 'gone' | 'either'>();

  constructor(kind: string) {
    this.kind = kind;
  }

  /** Those that are certainly there. */
  there(): readonly string[] {
    return [...this.#names].filter(([, state]) => state === 'there').map(([name]) => name);
  }

  made(name: string, { verdict }: Noted): void {
    this.#names.set(
      name,
      { acknowledged: 'there', refused: 'gone', unknown: 'either' }[verdict] as 'there',
    );
  }

  deleted(name: string, { verdict }: Noted): void {
    if (verdict !== 'refused') this.#names.set(name, verdict === 'unknown' ? 'either' : 'gone');
  }

  compare(names: ReadonlySet<string>): readonly string[] {
    return [...this.#names].flatMap(([name, state]) => {
      if (state === 'there' && !names.has(name))
        return [`${this.kind} ${name} is not there, though its creation was acknowledged`];
      if (state === 'gone' && names.has(name))
        return [`${this.kind} ${name} is there, though its end was acknowledged`];
      return [];
    });
  }
}
