// The Journal of a cluster: one Redis for all processes of a cell. Each append is one function inside Redis (layout and
// checks: ../../redis/journal.lua); a second connection follows the log, so that every process hears every commit in
// order, its own before their answers. While the store is away everything is refused `unavailable`, at once. A store
// that went back in time is given back what was heard (resume.ts), and its generation makes older epochs worthless
// (../../redis/handshake.ts). `openRedisJournal(options)` takes RedisStoreOptions (../../redis/settings.ts).
import type { Argument, Reply } from '../../redis/connection.ts';
import { faultOf } from '../../redis/faults.ts';
import { confirm, type Heard, type Session } from '../../redis/handshake.ts';
import { KnownStore } from '../../redis/known-store.ts';
import { functionName } from '../../redis/library.ts';
import { StoreLink } from '../../redis/link.ts';
import { defaults, type RedisStoreOptions } from '../../redis/settings.ts';
import { checkAppend, checkCovered, checkEpochName, kindOf } from '../checks.ts';
import { encodeEvents, encodeStateInSlices } from '../codec.ts';
import { nextTurn } from '../../env/turn.ts';
import {
  type AppendRequest,
  type AppendResult,
  type EntityIndexRow,
  type EntityKey,
  type Journal,
  type JournalEntry,
  JournalFault,
  type Snapshot,
  type StoredEntity,
} from '../port.ts';
import { Hearing } from './hearing.ts';
import { resume } from './resume.ts';
import {
  aboutOf,
  checkPage,
  checksumOf,
  decodeEntry,
  decodeSnapshot,
  isLastPage,
  parseRow,
  rowsOf,
  snapshotChecksum,
  type StreamPage,
} from './rows.ts';
import { Tail } from './tail.ts';

/** Rejects with a JournalFault in words when the store is not reached, or must not be used. */
export async function openRedisJournal(options: RedisStoreOptions): Promise<Journal> {
  const journal = new RedisJournal(options);
  await journal.open();
  return journal;
}

const entriesPage = 500;
const keysPart = 50;

class RedisJournal implements Journal {
  readonly #options: RedisStoreOptions;
  readonly #known: KnownStore;
  readonly #hearing: Hearing;
  readonly #link: StoreLink;
  #tail: Tail | undefined;
  #isStarted = false;
  #isClosing = false;
  #generation = 0;
  /** Asked and not answered. */
  #underWay = 0;
  #onIdle: () => void = () => undefined;
  #closed: Promise<void> | undefined;
  /** Asked for in this turn of the loop, and not sent yet. */
  #latest: Promise<number> | undefined;
  #confirmation: Promise<void> | undefined;

  constructor(options: RedisStoreOptions) {
    const { env, memoryPath } = options;
    this.#options = options;
    this.#known = new KnownStore(env, memoryPath);
    this.#hearing = new Hearing(
      env.log,
      (position) => this.#known.heard(position),
      () => this.#tail?.kick(),
    );
    this.#link = new StoreLink(options, this.#known, {
      heard: () => this.#heard(),
      prepare: (session, end) => this.#prepare(session, end),
      lost: (cause) => {
        this.#tail?.end(cause);
        this.#hearing.lost(cause);
      },
    });
  }

  open(): Promise<void> {
    return this.#link.open();
  }

  append(request: AppendRequest): Promise<AppendResult> {
    if (this.#isClosing) return Promise.reject(closedFault());
    this.#underWay += 1;
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown): void => {
        this.#answered();
        reject(error);
      };
      const answer = (result: AppendResult): void => {
        this.#answered();
        resolve(result);
      };
      try {
        this.#append(request, answer, refuse);
      } catch (error) {
        refuse(error);
      }
    });
  }

  read(key: EntityKey, fromVersion: number): Promise<readonly JournalEntry[]> {
    return this.#track(() => this.#read(key, fromVersion));
  }

  saveSnapshot({ state, ...about }: Snapshot): Promise<void> {
    return this.#track(async () => {
      const { key, version, schema, position } = about;
      kindOf(key);
      const encoded = encodeStateInSlices(state, () => nextTurn(this.#options.env));
      const text = typeof encoded === 'string' ? encoded : await encoded;
      const checksum = snapshotChecksum(about, text);
      const args = [key, version, schema, position, checksum, text];
      const outcome = Number(await this.#call('save_snapshot', args));
      if (outcome < 0) checkCovered(key, version, -1 - outcome);
    });
  }

  loadSnapshot(key: EntityKey): Promise<Snapshot | undefined> {
    return this.#track(async () => {
      const [version, stored] = (await this.#call('load_snapshot', [key])) as [number, Reply];
      return decodeSnapshot(key, version, stored);
    });
  }

  keys(
    kind: string,
    after: EntityKey | undefined,
    limit: number,
  ): Promise<readonly EntityIndexRow[]> {
    return this.#track(async () => {
      const id = after === undefined ? '' : after.slice(kind.length + 1);
      const flat = (await this.#call('list_keys', [kind, id, limit])) as readonly (
        | string
        | number
      )[];
      return Array.from({ length: flat.length / 2 }, (_, index) => ({
        key: `${kind}/${flat[2 * index]!}`,
        version: Number(flat[2 * index + 1]),
      }));
    });
  }

  /** Asked in parts, all at once: while one is decoded here, Redis reads the next, and others get a turn in between. */
  load(keys: readonly EntityKey[]): Promise<readonly StoredEntity[]> {
    return this.#track(async () => {
      const parts: Promise<readonly StoredEntity[]>[] = [];
      for (let at = 0; at < keys.length; at += keysPart)
        parts.push(this.#loadPart(keys.slice(at, at + keysPart)));
      return (await Promise.all(parts)).flat();
    });
  }

  subscribe(listener: (entry: JournalEntry) => void, onGap?: () => void): () => void {
    return this.#hearing.subscribe(listener, onGap);
  }

  entriesAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#track(async () => {
      const entries: JournalEntry[] = [];
      for (let after = position; entries.length < limit; ) {
        const most = Math.min(entriesPage, limit - entries.length);
        const page = (await this.#call('log_after', [after, most])) as readonly Reply[];
        const rows = rowsOf(page);
        entries.push(...(await this.#kept(rows.map(parseRow).map(decodeEntry))));
        if (isLastPage(page)) break;
        after = rows.at(-1)?.position ?? after;
      }
      return entries;
    });
  }

  head(): number {
    return this.#hearing.head;
  }

  generation(): number {
    return this.#generation;
  }

  latest(): Promise<number> {
    this.#latest ??= this.#track(
      () =>
        new Promise((resolve, reject) => {
          this.#options.env.timers.soon(() => {
            this.#latest = undefined;
            this.#askLatest().then(resolve, reject);
          });
        }),
    );
    return this.#latest;
  }

  nextEpoch(name: string): Promise<number> {
    return this.#track(async () => {
      checkEpochName(name);
      const session = this.#link.session();
      const number = Number(await this.#call('next_epoch', [name]));
      await confirm(session, this.#options);
      return number;
    });
  }

  compact(key: EntityKey, beforeVersion: number): Promise<void> {
    return this.#track(async () => {
      while ((await this.#call('compact', [key, beforeVersion])) === 1);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #askLatest(): Promise<number> {
    const position = Number(await this.#call('latest', []));
    // Whoever asks will wait until that has been heard.
    if (position > this.#hearing.head) this.#tail?.kick();
    return position;
  }

  /** The hot path: exactly one of the two is called, or it throws. */
  #append(
    request: AppendRequest,
    answer: (result: AppendResult) => void,
    refuse: (error: unknown) => void,
  ): void {
    const { key, expectedVersion, epoch, fence = '', requestId, atMs } = request;
    const events = [...request.events];
    const text = encodeEvents(events);
    checkAppend(request, text);
    const version = expectedVersion + events.length;
    const about = aboutOf(request, version);
    const called = requestId === undefined ? '' : `+${requestId}`;
    const day = dayOf(this.#options.env.clock.now());
    const session = this.#link.session();
    const reply = this.#call('append', [
      key,
      expectedVersion,
      version,
      epoch,
      fence,
      called,
      about,
      text,
      checksumOf(about, text),
      day,
    ]);
    const confirmed = session.replicas === 0 ? undefined : this.#confirm(session);
    const tell = (stored: Reply): void => {
      const result = resultOf(stored, version);
      if (!result.ok) return answer(result);
      const { position } = result;
      const [, , chain = 0] = stored as readonly number[];
      const place = { position, key, firstVersion: expectedVersion, version, epoch };
      const heard = (): void => {
        if (confirmed === undefined) answer(result);
        else confirmed.then(() => answer(result), refuse);
      };
      this.#hearing.own({
        entry: { ...place, requestId, events, atMs },
        kept: { ...place, requestId, atMs, about, text, chain },
        heard,
        lost: refuse,
      });
    };
    reply.then(tell).catch(refuse);
  }

  /** One for all appends of this turn of the loop, sent behind them. */
  #confirm(session: Session): Promise<void> {
    this.#confirmation ??= new Promise((resolve, reject) => {
      this.#options.env.timers.soon(() => {
        this.#confirmation = undefined;
        confirm(session, this.#options).then(resolve, reject);
      });
    });
    // An append that was refused does not wait for it.
    this.#confirmation.catch(() => undefined);
    return this.#confirmation;
  }

  async #read(key: EntityKey, fromVersion: number): Promise<readonly JournalEntry[]> {
    kindOf(key);
    const entries: JournalEntry[] = [];
    for (let after = fromVersion; ; ) {
      const answer = (await this.#call('read', [key, after])) as readonly Reply[];
      const [version, baseVersion, baseChain, page] = answer;
      const rows = page as readonly Reply[];
      const read = pageOf([version, baseVersion, baseChain] as number[], rows);
      checkPage(key, read, after);
      entries.push(...read.entries.map(decodeEntry));
      if (read.isLast) return entries;
      after = entries.at(-1)?.version ?? after;
    }
  }

  async #loadPart(keys: readonly EntityKey[]): Promise<readonly StoredEntity[]> {
    const loaded: StoredEntity[] = [];
    while (loaded.length < keys.length) {
      const rest = keys.slice(loaded.length);
      const rows = (await this.#call('load', rest)) as readonly EntityRow[];
      for (const [index, row] of rows.entries()) loaded.push(await this.#entity(rest[index]!, row));
    }
    return loaded;
  }

  async #entity(key: EntityKey, row: EntityRow): Promise<StoredEntity> {
    const [version, baseVersion, baseChain, covered, stored, rows] = row;
    const snapshot = decodeSnapshot(key, covered, stored);
    const page = pageOf([version, baseVersion, baseChain], rows);
    checkPage(key, page, covered);
    const entries = page.entries.map(decodeEntry);
    const last = entries.at(-1);
    if (!page.isLast && last !== undefined) entries.push(...(await this.#read(key, last.version)));
    return { key, snapshot, entries };
  }

  /** Without those that compaction has dropped: they stay in the log for a while, for those who follow it. */
  async #kept(entries: readonly JournalEntry[]): Promise<readonly JournalEntry[]> {
    const keys = [...new Set(entries.map(({ key }) => key))];
    if (keys.length === 0) return [];
    const bases = (await this.#call('bases', keys)) as readonly number[];
    const baseOf = new Map(keys.map((key, index) => [key, bases[index] ?? 0]));
    return entries.filter(({ key, version }) => version > (baseOf.get(key) ?? 0));
  }

  #heard(): Heard | undefined {
    const { head, recent } = this.#hearing;
    if (!this.#isStarted) return { position: 0, chain: '', from: 0 };
    return { position: head, chain: String(recent.last?.chain ?? ''), from: recent.after };
  }

  async #prepare(session: Session, end: (cause: JournalFault) => void): Promise<void> {
    const connection = await session.connection.another(end);
    try {
      const about = String(await connection.call('INFO', ['server']));
      if (!about.includes(session.runId)) {
        const message = `Redis ${connection.label} is two servers at one address`;
        throw new JournalFault('unavailable', message);
      }
      const { acceptRollback: acceptsRollback = defaults.acceptRollback } = this.#options;
      const { log } = this.#options.env;
      if (!this.#isStarted) this.#hearing.startAt(session.head);
      else await resume({ session, hearing: this.#hearing, log, acceptsRollback });
      await confirm(session, this.#options);
    } catch (error) {
      connection.end();
      throw error;
    }
    const { env } = this.#options;
    this.#isStarted = true;
    this.#generation = session.generation;
    this.#tail = new Tail({ env, connection, root: session.root, hearing: this.#hearing });
    void this.#tail.follow();
  }

  #call(name: string, args: readonly Argument[]): Promise<Reply> {
    try {
      const { connection, root } = this.#link.session();
      return connection.call('FCALL', [nameOf(name), 1, root, ...args]);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Counts what is under way, so that closing can wait for it; throws become rejections. */
  async #track<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isClosing) throw closedFault();
    this.#underWay += 1;
    try {
      return await run();
    } finally {
      this.#answered();
    }
  }

  #answered(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle();
  }

  /** Whatever is under way is answered or given up by its connection. */
  async #close(): Promise<void> {
    this.#isClosing = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#link.close();
    this.#tail?.end(faultOf(undefined, 'of the cell'));
    this.#hearing.leave();
    this.#known.close();
  }
}

function closedFault(): JournalFault {
  return new JournalFault('closed', 'the journal is closed');
}

type EntityRow = readonly [
  version: number,
  baseVersion: number,
  baseChain: number,
  covered: number,
  snapshot: Reply,
  page: readonly Reply[],
];

function pageOf(
  [version = 0, baseVersion = 0, baseChain = 0]: readonly number[],
  rows: readonly Reply[],
): StreamPage {
  const entries = rowsOf(rows).map(parseRow);
  return { version, baseVersion, baseChain, entries, isLast: isLastPage(rows) };
}

function resultOf(answer: Reply, version: number): AppendResult {
  const [outcome, told] = answer as readonly (number | string)[];
  const number = Number(told);
  switch (outcome) {
    case 1:
      return { ok: true, version, position: number };
    case 2:
      return { ok: false, reason: 'fenced', epoch: number };
    case 3:
      return { ok: false, reason: 'duplicate', version: number };
    case 4:
      return { ok: false, reason: 'conflict', version: number };
    default:
      throw new JournalFault('unavailable', `Redis gave a strange answer: ${String(answer)}`);
  }
}

/** Days since 1970: when request ids may be forgotten. */
function dayOf(nowMs: number): number {
  return Math.floor(nowMs / 86_400_000);
}

const names = new Map<string, string>();

function nameOf(short: string): string {
  const known = names.get(short) ?? functionName(short);
  names.set(short, known);
  return known;
}
