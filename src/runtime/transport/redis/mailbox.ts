// The inbox of a member on one lane: a Redis stream that only this member reads, and the way to those of others. Two
// connections, since the one that waits for entries can't send any. When Redis goes away it is tried again for as long
// as the mailbox is open; what was under way counts as lost, and the inbox starts empty.
import { JournalFault } from '../../journal/port.ts';
import { Connection, type Reply } from '../../redis/connection.ts';
import type { Cancel, Env } from '../../env/env.ts';
import type { RedisAddress } from '../../redis/address.ts';
import type { Lane } from '../port.ts';
import { wordsOf } from '../words.ts';

export interface MailboxOptions {
  readonly env: Env;
  readonly address: RedisAddress;
  readonly lane: Lane;
  /** The key of this member's own stream. */
  readonly inbox: string;
  readonly onEntry: (entry: Entry) => void;
  /** Redis is away, and what was under way is lost. */
  readonly onAway: (reason: string) => void;
}

/** What one entry of a stream says; strangers write whatever they like, so all of it is to be checked. */
export interface Entry {
  readonly from: string;
  readonly kind: string;
  /** The session that it belongs to, in the making or made. */
  readonly session: string;
  readonly number: number;
  readonly data: Buffer;
}

const blockMs = 2000;
const silenceMs = 2000;
const retryMs: readonly [number, number] = [50, 400];
/** Entries of one read: control ones are small, bulk ones are not. */
const entriesPerRead: Readonly<Record<Lane, number>> = { control: 256, bulk: 16 };
/** A member that reads nothing keeps no more than this in Redis; it finds a gap then, and its links break. */
const mostEntries: Readonly<Record<Lane, number>> = { control: 10_000, bulk: 500 };
/** What nobody reads any more goes away by itself. */
const keepMs = 3_600_000;

interface Open {
  readonly reader: Connection;
  readonly writer: Connection;
}

export class Mailbox {
  readonly #options: MailboxOptions;
  #open: Open | undefined;
  #isClosed = false;
  #failures = 0;
  #cancelRetry: Cancel = () => undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /** Rejects with a JournalFault if Redis can't be reached. */
  async start(): Promise<void> {
    const open = await this.#connect();
    void this.#read(open);
  }

  /** Puts an entry into the stream of another member. If that fails, the mailbox goes away for a moment. */
  post(inbox: string, { from, kind, session, number, data }: Entry): void {
    const bound = mostEntries[this.#options.lane];
    const fields = ['f', from, 'k', kind, 's', session, 'n', number, 'd', data.toString('base64')];
    void this.#send('XADD', [inbox, 'MAXLEN', '~', bound, '*', ...fields]);
    if (kind === 'open') void this.#send('PEXPIRE', [inbox, keepMs]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    try {
      await open.writer.call('DEL', [this.#options.inbox]);
    } catch (cause) {
      this.#options.env.log.debug({ err: cause }, 'the inbox is left to expire');
    }
    open.reader.end();
    open.writer.end();
  }

  async #send(command: string, args: readonly (string | number)[]): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    try {
      await open.writer.call(command, args);
    } catch (cause) {
      this.#lose(open, cause);
    }
  }

  async #connect(): Promise<Open> {
    const { env, address, inbox } = this.#options;
    const ends: (() => void)[] = [];
    const options = { env, address, silenceMs, onEnd: () => ends.forEach((end) => end()) };
    const reader = await Connection.open(options);
    let writer: Connection;
    try {
      writer = await Connection.open(options);
      await writer.call('DEL', [inbox]);
    } catch (cause) {
      reader.end();
      throw cause;
    }
    const open = { reader, writer };
    this.#open = open;
    ends.push(() => this.#lose(open, new Error(`Redis ${address.label} ended the connection`)));
    return open;
  }

  async #read(open: Open): Promise<void> {
    const { inbox, lane, onEntry, env } = this.#options;
    const waiting = ['COUNT', entriesPerRead[lane], 'BLOCK', blockMs, 'STREAMS', inbox];
    let last = '0-0';
    try {
      while (this.#open === open) {
        const reply = await open.reader.call('XREAD', [...waiting, last], blockMs);
        const entries = entriesOf(reply);
        for (const [id, entry] of entries) {
          last = id;
          if (this.#open !== open) return;
          if (entry !== undefined) onEntry(entry);
        }
        // Rows that have been read are let go of; the bound above is for inboxes that nobody reads.
        if (entries.length > 0) void this.#send('XTRIM', [inbox, 'MINID', after(last)]);
        this.#failures = 0;
      }
    } catch (cause) {
      if (!(cause instanceof JournalFault))
        env.log.error({ err: cause }, 'the inbox could not be read');
      this.#lose(open, cause);
    }
  }

  #lose(open: Open, cause: unknown): void {
    if (this.#open !== open) return;
    this.#open = undefined;
    open.reader.end();
    open.writer.end();
    if (this.#isClosed) return;
    this.#options.onAway(wordsOf(cause));
    this.#retryLater();
  }

  #retryLater(): void {
    const { env } = this.#options;
    const [firstMs, mostMs] = retryMs;
    const waitMs = Math.min(mostMs, firstMs * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    this.#cancelRetry = env.timers.after(waitMs * (0.75 + env.random.float() / 2), () => {
      this.#connect().then(
        (open) => (this.#isClosed ? this.#dropLate(open) : void this.#read(open)),
        (cause: unknown) => {
          env.log.debug({ err: cause }, 'Redis is still away');
          if (!this.#isClosed) this.#retryLater();
        },
      );
    });
  }

  #dropLate(open: Open): void {
    this.#open = undefined;
    open.reader.end();
    open.writer.end();
  }
}

/** The least id after this one. */
function after(id: string): string {
  const [ms = '0', seq = '0'] = id.split('-');
  return `${ms}-${Number(seq) + 1}`;
}

function entriesOf(reply: Reply): readonly (readonly [string, Entry | undefined])[] {
  const [stream] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  const [, rows] = Array.isArray(stream) ? (stream as readonly Reply[]) : [];
  return (
    Array.isArray(rows) ? (rows as readonly (readonly [string, readonly string[]])[]) : []
  ).map(([id, fields]) => [id, entryOf(fields)]);
}

function entryOf(fields: readonly string[]): Entry | undefined {
  const [f, from, k, kind, s, session, n, number, d, data] = fields;
  if (f !== 'f' || k !== 'k' || s !== 's' || n !== 'n' || d !== 'd') return undefined;
  if (from === undefined || kind === undefined || session === undefined || data === undefined)
    return undefined;
  const count = Number(number);
  if (!Number.isSafeInteger(count)) return undefined;
  return { from, kind, session, number: count, data: Buffer.from(data, 'base64') };
}
