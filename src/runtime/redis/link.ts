// Keeps one session with the store: when it ends, all that was asked has failed already, and new ones are tried for until
// one stands. In between everything is refused at once, with the reason of the last attempt.
import type { Cancel } from '../env/env.ts';
import { JournalFault } from '../journal/port.ts';
import { faultOf } from './faults.ts';
import { type Heard, type Session, shakeHands } from './handshake.ts';
import type { KnownStore } from './known-store.ts';
import { defaults, type RedisStoreOptions, StoreRefusal } from './settings.ts';

export interface LinkHooks {
  /** What the history of the store is compared with; undefined if it is not to be looked at. */
  heard(): Heard | undefined;
  /** Makes a new session ready to serve; nobody else uses it before. `end` gives it up. */
  prepare(session: Session, end: (cause: JournalFault) => void): Promise<void>;
  /** The session is no longer served. */
  lost(cause: JournalFault): void;
}

const firstRetryMs = 20;
const longestRetryMs = 1_000;

export class StoreLink {
  readonly #options: RedisStoreOptions;
  readonly #known: KnownStore;
  readonly #hooks: LinkHooks;
  #session: Session | undefined;
  #fault: JournalFault | undefined;
  #retryMs = firstRetryMs;
  #isClosed = false;
  #cancelRetry: Cancel = () => undefined;

  constructor(options: RedisStoreOptions, known: KnownStore, hooks: LinkHooks) {
    this.#options = options;
    this.#known = known;
    this.#hooks = hooks;
  }

  /** Resolves when a session stands; rejects when the store is refused, or not reached within the time. */
  async open(): Promise<void> {
    const { env, openWithinMs = defaults.openWithinMs } = this.#options;
    const startMs = env.clock.monotonic();
    for (;;) {
      try {
        return await this.#connect();
      } catch (error) {
        const isOver = env.clock.monotonic() - startMs + this.#retryMs > openWithinMs;
        if (error instanceof StoreRefusal || isOver) {
          this.close();
          throw error;
        }
        await new Promise<void>((resolve) => void env.timers.after(this.#nextRetryMs(), resolve));
      }
    }
  }

  /** Throws a JournalFault while none stands. */
  session(): Session {
    if (this.#isClosed) throw new JournalFault('closed', 'the connection to Redis is closed');
    if (this.#session !== undefined) return this.#session;
    throw this.#fault ?? new JournalFault('unavailable', 'Redis is not connected yet');
  }

  /** Ends the session at once. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#session?.connection.end(new JournalFault('closed', 'the connection to Redis is closed'));
    this.#session = undefined;
  }

  async #connect(): Promise<void> {
    let session: Session | undefined;
    const onEnd = (cause: JournalFault): void => this.#ended(session, cause);
    session = await shakeHands(this.#options, this.#known, this.#hooks.heard(), onEnd);
    const { connection } = session;
    try {
      await this.#hooks.prepare(session, (cause) => connection.end(cause));
    } catch (error) {
      connection.end();
      throw error;
    }
    if (connection.isEnded || this.#isClosed) {
      const fault = faultOf(undefined, connection.label);
      connection.end();
      this.#hooks.lost(fault);
      throw fault;
    }
    this.#session = session;
    this.#fault = undefined;
    this.#retryMs = firstRetryMs;
  }

  #ended(session: Session | undefined, cause: JournalFault): void {
    if (session === undefined || session !== this.#session) return;
    this.#session = undefined;
    this.#fault = cause;
    this.#hooks.lost(cause);
    this.#options.env.log.warn({ err: cause }, 'the store is away; it is tried for again');
    this.#retryLater(0);
  }

  #retryLater(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelRetry();
    this.#cancelRetry = this.#options.env.timers.after(delayMs, () => void this.#retry());
  }

  async #retry(): Promise<void> {
    try {
      await this.#connect();
      const { connection, generation, head } = this.session();
      this.#options.env.log.info(
        { store: connection.label, generation, head },
        'the store is back',
      );
    } catch (error) {
      if (this.#isClosed) return;
      const fault = faultOf(error, 'of the cell');
      if (fault.message !== this.#fault?.message)
        this.#options.env.log.warn({ err: fault }, 'the store can’t be used yet');
      this.#fault = fault;
      this.#retryLater(this.#nextRetryMs());
    }
  }

  #nextRetryMs(): number {
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(2 * waitMs, longestRetryMs);
    return waitMs;
  }
}
