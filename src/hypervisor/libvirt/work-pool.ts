// Connections for calls that may take long (create, destroy, save …): each carries one call at a time, so that a guest
// that is stuck in a job holds up nobody else. Idle ones are kept for the next call. Lives as long as the daemon's
// connection does; connections.ts makes a new pool after each reconnect.

import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import type { RpcConnection } from './rpc/connection.ts';
import type { Procedure } from './rpc/procedures.ts';

export interface WorkPoolOptions {
  readonly env: HypervisorEnv;
  readonly open: () => Promise<RpcConnection>;
  readonly maxConnections: number;
  readonly maxIdle: number;
  readonly maxWaiting: number;
}

/** What a waiting call gets: a connection, or a place to open one (already counted), or the end. */
type Grant = RpcConnection | 'place' | HypervisorFault;

export class WorkPool {
  readonly #options: WorkPoolOptions;
  readonly #idle: RpcConnection[] = [];
  readonly #busy = new Set<RpcConnection>();
  readonly #waiting: ((grant: Grant) => void)[] = [];
  #opening = 0;
  #closedBy: HypervisorFault | undefined;

  constructor(options: WorkPoolOptions) {
    this.#options = options;
  }

  /** The deadline covers waiting for a connection, opening it and the call. */
  async call<A, R>(procedure: Procedure<A, R>, args: A, timeoutMs: number): Promise<R> {
    const { clock } = this.#options.env;
    const deadline = clock.monotonic() + timeoutMs;
    const connection = await this.#acquire(timeoutMs, procedure.name);
    try {
      const leftMs = Math.max(1, deadline - clock.monotonic());
      return await connection.call(procedure, args, leftMs);
    } finally {
      this.#release(connection);
    }
  }

  close(fault: HypervisorFault): void {
    this.#closedBy = fault;
    for (const waiter of this.#waiting.splice(0)) waiter(fault);
    for (const connection of [...this.#idle.splice(0), ...this.#busy]) {
      connection.close(fault.message);
    }
  }

  async #acquire(timeoutMs: number, what: string): Promise<RpcConnection> {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    const idle = this.#takeIdle();
    if (idle !== undefined) return idle;
    if (this.#busy.size + this.#opening < this.#options.maxConnections) {
      this.#opening++;
      return this.#openOne();
    }
    const granted = await this.#wait(timeoutMs, what);
    return granted === 'place' ? this.#openOne() : granted;
  }

  #takeIdle(): RpcConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (connection.closed) continue;
      this.#busy.add(connection);
      return connection;
    }
  }

  /** Fills a place that was counted in #opening. */
  async #openOne(): Promise<RpcConnection> {
    try {
      const connection = await this.#options.open();
      if (this.#closedBy !== undefined) {
        connection.close(this.#closedBy.message);
        throw this.#closedBy;
      }
      this.#opening--;
      this.#busy.add(connection);
      return connection;
    } catch (error) {
      this.#opening--;
      this.#grantPlace();
      throw error;
    }
  }

  #grantPlace(): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return;
    this.#opening++;
    waiter('place');
  }

  #wait(timeoutMs: number, what: string): Promise<RpcConnection | 'place'> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= this.#options.maxWaiting) {
        const message = `libvirt ${what}: ${this.#waiting.length} calls wait for a connection already`;
        reject(new HypervisorFault('failed', message, { retryable: true }));
        return;
      }
      const waiter = (grant: Grant): void => {
        cancel();
        if (grant instanceof HypervisorFault) reject(grant);
        else resolve(grant);
      };
      const cancel = this.#options.env.timers.after(timeoutMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        const message = `libvirt ${what} waited ${timeoutMs} ms for a connection`;
        reject(new HypervisorFault('timeout', message, { retryable: true }));
      });
      this.#waiting.push(waiter);
    });
  }

  #release(connection: RpcConnection): void {
    if (connection.closed || connection.load > 0) {
      connection.close('its call is overdue');
      this.#busy.delete(connection);
      this.#grantPlace();
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) {
      waiter(connection);
      return;
    }
    this.#busy.delete(connection);
    if (this.#idle.length < this.#options.maxIdle) this.#idle.push(connection);
    else connection.close('it is not needed any more');
  }
}
