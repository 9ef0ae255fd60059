// One connection to one Redis server, over ioredis with all that it does by itself switched off: nothing waits in a
// queue while it is away, nothing is sent twice, it does not connect again. Replies come in the order of the calls. A
// server that says nothing for too long while something is asked of it counts as gone.
import { Redis } from 'ioredis';

import type { Cancel, Env } from '../env/env.ts';
import { JournalFault } from '../journal/port.ts';
import type { RedisAddress } from './address.ts';
import { endsConnection, faultOf } from './faults.ts';

export type Reply = string | number | null | readonly Reply[];
export type Argument = string | number;

export interface ConnectionOptions {
  readonly env: Env;
  readonly address: RedisAddress;
  /** Nothing heard for so long while a reply is due: the connection is given up. */
  readonly silenceMs: number;
  /** Called once when it has ended, by whatever cause, after all that was asked has failed. */
  readonly onEnd: (cause: JournalFault) => void;
}

/** More than this waiting means that the server is too slow for what is asked, and waiting longer would only hide it. */
const mostPending = 20_000;

export class Connection {
  readonly label: string;
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  #pending = 0;
  #heardAtMs = 0;
  /** How long the server may be silent because it was told to wait. */
  #graceMs = 0;
  #isWatching = false;
  #isEnded = false;
  #isConnected = false;
  #isGathering = false;
  #cause: JournalFault | undefined;
  #cancelWatch: Cancel = () => undefined;

  private constructor(options: ConnectionOptions) {
    const { address, silenceMs } = options;
    this.#options = options;
    this.label = address.label;
    this.#redis = new Redis({
      ...(address.path === undefined
        ? { host: address.host ?? '', port: address.port }
        : { path: address.path }),
      ...(address.username === undefined ? {} : { username: address.username }),
      ...(address.password === undefined ? {} : { password: address.password }),
      ...(address.hasTls ? { tls: {} } : {}),
      db: address.database,
      protocol: 2,
      lazyConnect: true,
      retryStrategy: null,
      reconnectOnError: null,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      disableClientInfo: true,
      connectTimeout: silenceMs,
    });
    this.#redis.on('error', (error: unknown) => this.#fail(error));
    this.#redis.on('end', () => this.#end());
  }

  /** Resolves with a connection that is logged in; rejects with a JournalFault. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#connect();
    return connection;
  }

  /** A second one to the same address. */
  another(onEnd: ConnectionOptions['onEnd']): Promise<Connection> {
    return Connection.open({ ...this.#options, onEnd });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Rejects with a JournalFault; the call may then have taken effect. `waitMs`: how long the server itself may wait. */
  call(command: string, args: readonly Argument[], waitMs = 0): Promise<Reply> {
    if (this.#isEnded) return Promise.reject(this.#gone());
    if (this.#pending >= mostPending) return Promise.reject(this.#overloaded());
    if (this.#pending === 0) this.#heardAtMs = this.#options.env.clock.monotonic();
    this.#graceMs = Math.max(this.#graceMs, waitMs);
    this.#pending += 1;
    this.#watch();
    this.#gather();
    const reply = this.#redis.call(command, args as (string | number)[]) as Promise<Reply>;
    return reply.then(this.#succeeded, this.#failed);
  }

  /** What is asked in one turn of the event loop leaves in one write: a write costs more than the command in it. */
  #gather(): void {
    if (this.#isGathering || !this.#isConnected) return;
    this.#isGathering = true;
    const { stream } = this.#redis;
    stream.cork();
    this.#options.env.timers.soon(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  /** Ends it at once; what is asked fails. */
  end(cause?: JournalFault): void {
    this.#cause ??= cause;
    this.#redis.disconnect();
    // Without this ioredis waits for the server to close its side, and a frozen one never does.
    if (this.#isConnected) this.#redis.stream.destroy();
  }

  async #connect(): Promise<void> {
    const { env, silenceMs } = this.#options;
    // ioredis bounds the connecting, but not a server that takes the connection and never answers the login.
    const cancel = env.timers.after(2 * silenceMs, () => this.end(this.#silent(2 * silenceMs)));
    try {
      await this.#redis.connect();
      this.#isConnected = true;
      this.#redis.stream.on('data', () => {
        this.#heardAtMs = env.clock.monotonic();
      });
    } catch (error) {
      this.#redis.disconnect();
      throw this.#cause ?? faultOf(error, this.label);
    } finally {
      cancel();
    }
  }

  readonly #succeeded = (reply: Reply): Reply => {
    this.#pending -= 1;
    return reply;
  };

  readonly #failed = (error: unknown): never => {
    this.#pending -= 1;
    if (endsConnection(error)) this.end(faultOf(error, this.label));
    throw this.#isEnded || this.#cause !== undefined
      ? (this.#cause ?? faultOf(error, this.label))
      : faultOf(error, this.label);
  };

  #watch(): void {
    if (this.#isWatching || this.#isEnded) return;
    this.#isWatching = true;
    this.#watchLater();
  }

  #watchLater(): void {
    const { env } = this.#options;
    const silenceMs = this.#options.silenceMs + this.#graceMs;
    const restMs = this.#heardAtMs + silenceMs - env.clock.monotonic();
    this.#cancelWatch = env.timers.after(Math.max(1, restMs), () => {
      // If this process was held up itself, the reply is in the socket and comes first.
      this.#cancelWatch = env.timers.soon(() => {
        if (this.#pending === 0) this.#isWatching = false;
        else if (env.clock.monotonic() - this.#heardAtMs >= silenceMs)
          this.end(this.#silent(silenceMs));
        else this.#watchLater();
      });
    });
  }

  #fail(error: unknown): void {
    this.#cause ??= faultOf(error, this.label);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelWatch();
    this.#options.onEnd(this.#gone());
  }

  #gone(): JournalFault {
    return this.#cause ?? faultOf(undefined, this.label);
  }

  #silent(silenceMs: number): JournalFault {
    const message = `Redis ${this.label} has said nothing for ${silenceMs} ms; what was asked of it may have taken effect`;
    return new JournalFault('unavailable', message);
  }

  #overloaded(): JournalFault {
    const message = `Redis ${this.label} has ${mostPending} requests waiting`;
    return new JournalFault('unavailable', message);
  }
}
