// All connections to one libvirt daemon: one for events and keepalive, one for quick calls, a pool for long ones, one
// for destroys, one per console. They stand and fall together: when one of the first two is lost, every pending call is rejected, `down`
// is told, and everything is opened anew, for ever, at a bounded rate. After `up` the listener must relist.

import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import type { RpcConnection } from './rpc/connection.ts';
import { DEFAULT_KEEPALIVE } from './rpc/keepalive.ts';
import type { KeepaliveOptions } from './rpc/keepalive.ts';
import type { Procedure } from './rpc/procedures.ts';
import { procedures } from './rpc/procedures.ts';
import { openSession } from './rpc/session.ts';
import type { RpcStream } from './rpc/stream.ts';
import type { LibvirtUri } from './rpc/uri.ts';
import { WorkPool } from './work-pool.ts';

export interface ConnectionsOptions {
  readonly uri: LibvirtUri;
  readonly env: HypervisorEnv;
  readonly keepalive?: KeepaliveOptions;
  /** Long calls at a time; only a daemon with more threads than usual (min_workers) may get more than 4. */
  readonly workInFlight?: number;
  readonly onEvent: (procedure: number, payload: Uint8Array) => void;
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
}

/** libvirtd stops reading a connection at five requests in flight, keepalive included (max_client_requests). */
const QUICK_IN_FLIGHT = 4;
const MAX_QUEUED = 4_096;
/**
 * libvirtd begins with five worker threads and should add more, up to 20, when all are busy. libvirt 9.0 does not when
 * two calls arrive together (virThreadPoolSendJob subtracts unsigned numbers), and then every call waits until one
 * ends, be it a save of minutes. So calls that may be long never fill all five.
 */
const DEFAULT_WORK_IN_FLIGHT = 4;
/** Destroy has five threads of its own there ("priority workers"). */
const URGENT_IN_FLIGHT = 4;
const MAX_IDLE_WORK_CONNECTIONS = 4;
const MAX_CONSOLES = 256;
const MAX_HELD = 64;

const OPEN_TIMEOUT_MS = 10_000;
const QUICK_TIMEOUT_MS = 15_000;
const BARRIER_TIMEOUT_MS = 2_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1_000;

export interface HeldConnection {
  readonly connection: RpcConnection;
  readonly release: () => void;
}

/** One try at connecting; its identity tells a loss of now from a loss of before. */
interface Attempt {
  lost: HypervisorFault | undefined;
}

interface Up {
  readonly attempt: Attempt;
  readonly events: RpcConnection;
  readonly quick: RpcConnection;
  readonly work: WorkPool;
  readonly urgent: WorkPool;
  readonly consoles: Set<RpcConnection>;
  readonly held: Set<RpcConnection>;
}

type State =
  | { readonly is: 'down'; readonly fault: HypervisorFault }
  | { readonly is: 'up'; readonly up: Up }
  | { readonly is: 'closed'; readonly fault: HypervisorFault };

export class Connections {
  readonly #options: ConnectionsOptions;
  #state: State = { is: 'down', fault: lost('not connected yet') };
  #attempts = 0;
  #cancelRetry: () => void = () => undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    void this.#connect();
  }

  get isUp(): boolean {
    return this.#state.is === 'up';
  }

  /** Why the daemon can't be used now; undefined when it can. */
  get trouble(): HypervisorFault | undefined {
    return this.#state.is === 'up' ? undefined : this.#state.fault;
  }

  /** For calls that libvirtd answers at once, without asking QEMU. */
  async quick<A, R>(procedure: Procedure<A, R>, args: A): Promise<R> {
    return this.#up().quick.call(procedure, args, QUICK_TIMEOUT_MS);
  }

  async work<A, R>(procedure: Procedure<A, R>, args: A, timeoutMs: number): Promise<R> {
    return this.#up().work.call(procedure, args, timeoutMs);
  }

  /** As work, for calls that libvirtd handles with priority: destroy must get through when all else is stuck. */
  async urgent<A, R>(procedure: Procedure<A, R>, args: A, timeoutMs: number): Promise<R> {
    return this.#up().urgent.call(procedure, args, timeoutMs);
  }

  /** Resolves when every event that libvirtd had to tell before this call was told. Never rejects. */
  async eventBarrier(): Promise<void> {
    if (this.#state.is !== 'up') return;
    try {
      await this.#state.up.events.call(
        procedures.connectGetLibVersion,
        undefined,
        BARRIER_TIMEOUT_MS,
      );
    } catch (error) {
      this.#options.env.log.debug({ error }, 'events may come late');
    }
  }

  /** A stream on a connection of its own; `release` closes both. */
  async openStream<A>(
    procedure: Procedure<A, void>,
    args: A,
  ): Promise<{ readonly stream: RpcStream; readonly release: () => void }> {
    const { consoles } = this.#up();
    if (consoles.size >= MAX_CONSOLES) {
      throw new HypervisorFault('failed', `${consoles.size} consoles are open already`, {
        retryable: true,
      });
    }
    const connection = await this.#open('console', { maxInFlight: 1 });
    const release = (): void => {
      consoles.delete(connection);
      connection.close('the console was closed');
    };
    if (this.#state.is !== 'up' || this.#state.up.consoles !== consoles) {
      release();
      throw lost('the connection was lost while the console opened');
    }
    consoles.add(connection);
    try {
      return { stream: await connection.openStream(procedure, args, QUICK_TIMEOUT_MS), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * A connection for its caller alone, until `release` or the end of the daemon's: libvirtd gives up what was begun over
   * a connection when that closes.
   */
  async hold(): Promise<HeldConnection> {
    const { held } = this.#up();
    if (held.size >= MAX_HELD) {
      throw new HypervisorFault('failed', `${held.size} migrations are under way here already`, {
        retryable: true,
      });
    }
    const connection = await this.#open('work', { maxInFlight: 1 });
    if (this.#state.is !== 'up' || this.#state.up.held !== held) {
      connection.close('the daemon was lost meanwhile');
      throw lost('the connection was lost while another one opened');
    }
    held.add(connection);
    return {
      connection,
      release: () => {
        held.delete(connection);
        connection.close('what it was held for is over');
      },
    };
  }

  close(): void {
    if (this.#state.is === 'closed') return;
    const fault = lost('the driver was closed');
    this.#cancelRetry();
    const before = this.#state;
    this.#state = { is: 'closed', fault };
    if (before.is === 'up') closeAll(before.up, fault);
  }

  #up(): Up {
    if (this.#state.is !== 'up') throw this.#state.fault;
    return this.#state.up;
  }

  async #connect(): Promise<void> {
    const attempt: Attempt = { lost: undefined };
    const opened: RpcConnection[] = [];
    const onClose = (fault: HypervisorFault): void => this.#onLost(attempt, fault);
    try {
      const events = await this.#open('event', { maxInFlight: 2, events: true, onClose });
      opened.push(events);
      const quick = await this.#open('quick', { maxInFlight: QUICK_IN_FLIGHT, onClose });
      opened.push(quick);
      if (attempt.lost !== undefined) throw attempt.lost;
      this.#becomeUp({
        attempt,
        events,
        quick,
        work: this.#newPool(this.#options.workInFlight ?? DEFAULT_WORK_IN_FLIGHT),
        urgent: this.#newPool(URGENT_IN_FLIGHT),
        consoles: new Set(),
        held: new Set(),
      });
    } catch (error) {
      for (const connection of opened) connection.close('another connection could not be opened');
      if (!(error instanceof HypervisorFault)) throw error;
      if (this.#state.is === 'closed') return;
      this.#state = { is: 'down', fault: lost(error.message, error) };
      this.#options.env.log.debug({ error }, 'libvirt does not answer yet');
      this.#retryLater();
    }
  }

  #becomeUp(up: Up): void {
    if (this.#state.is === 'closed') {
      closeAll(up, this.#state.fault);
      return;
    }
    this.#attempts = 0;
    this.#state = { is: 'up', up };
    this.#options.env.log.info({}, 'connected to libvirt');
    this.#options.onUp();
  }

  #newPool(maxConnections: number): WorkPool {
    return new WorkPool({
      env: this.#options.env,
      open: () => this.#open('work', { maxInFlight: 1 }),
      maxConnections,
      maxIdle: MAX_IDLE_WORK_CONNECTIONS,
      maxWaiting: MAX_QUEUED,
    });
  }

  #onLost(attempt: Attempt, fault: HypervisorFault): void {
    attempt.lost = fault;
    if (this.#state.is !== 'up' || this.#state.up.attempt !== attempt) return;
    const { up } = this.#state;
    this.#state = { is: 'down', fault };
    closeAll(up, fault);
    this.#options.env.log.warn({ reason: fault.message }, 'lost the connection to libvirt');
    this.#options.onDown(fault.message);
    this.#retryLater();
  }

  #retryLater(): void {
    const { env } = this.#options;
    const steps = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(this.#attempts, 10));
    this.#attempts++;
    const delayMs = steps * (0.75 + env.random.float() / 4);
    this.#cancelRetry = env.timers.after(delayMs, () => void this.#connect());
  }

  #open(
    role: 'event' | 'quick' | 'work' | 'console',
    kind: { maxInFlight: number; events?: true; onClose?: (fault: HypervisorFault) => void },
  ): Promise<RpcConnection> {
    const { uri, env, onEvent } = this.#options;
    // A console may stop its socket for a slow reader, and with it the answers to keepalive.
    const keepalive =
      role === 'console' ? {} : { keepalive: this.#options.keepalive ?? DEFAULT_KEEPALIVE };
    return openSession({
      uri,
      env,
      name: `libvirt ${role} connection`,
      timeoutMs: OPEN_TIMEOUT_MS,
      maxInFlight: kind.maxInFlight,
      maxQueued: MAX_QUEUED,
      ...keepalive,
      ...(kind.events === true ? { events: true, onEvent } : {}),
      ...(kind.onClose === undefined ? {} : { onClose: kind.onClose }),
    });
  }
}

function closeAll(up: Up, fault: HypervisorFault): void {
  up.work.close(fault);
  up.urgent.close(fault);
  for (const connection of [up.events, up.quick, ...up.consoles, ...up.held])
    connection.close(fault.message);
}

function lost(message: string, cause?: unknown): HypervisorFault {
  return new HypervisorFault('connection-lost', message, { retryable: true, cause });
}
