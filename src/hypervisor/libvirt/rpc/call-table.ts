// The calls of one connection: those that wait for their turn and those that the daemon works on, each with its
// deadline. Bounded both ways. A call that ran out of time keeps its place until the daemon answers after all, because
// the daemon still counts it; when nothing but such calls is left, the connection is of no more use (`onStuck`).

import { HypervisorFault } from '../../port.ts';
import type { HypervisorEnv } from '../../port.ts';

export interface CallTableOptions {
  readonly env: HypervisorEnv;
  /** Of the connection, for messages. */
  readonly name: string;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly onStuck: (reason: string) => void;
}

export interface Call {
  readonly name: string;
  readonly serial: number;
  readonly timeoutMs: number;
  /** Called when its turn has come. */
  readonly send: () => void;
}

export type Outcome = { readonly payload: Uint8Array } | { readonly fault: HypervisorFault };

interface PendingCall extends Call {
  readonly settle: (outcome: Outcome) => void;
  abandoned: boolean;
}

export class CallTable {
  readonly #options: CallTableOptions;
  readonly #queue: PendingCall[] = [];
  readonly #inFlight = new Map<number, PendingCall>();

  constructor(options: CallTableOptions) {
    this.#options = options;
  }

  /** Calls that wait or are under way. */
  get load(): number {
    return this.#queue.length + this.#inFlight.size;
  }

  /** Resolves with the reply's payload. Rejects with timeout, with what `settle` and `failAll` say, or a full queue. */
  add(call: Call): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= this.#options.maxQueued) {
        const message = `${this.#options.name}: ${this.#queue.length} calls wait already`;
        reject(new HypervisorFault('failed', message, { retryable: true }));
        return;
      }
      const cancelTimer = this.#options.env.timers.after(call.timeoutMs, () =>
        this.#onDeadline(pending),
      );
      const pending: PendingCall = {
        ...call,
        abandoned: false,
        settle: (outcome) => {
          cancelTimer();
          if ('fault' in outcome) reject(outcome.fault);
          else resolve(outcome.payload);
        },
      };
      this.#queue.push(pending);
      this.#pump();
    });
  }

  /** The name of the call in flight that has this serial. */
  nameOf(serial: number): string | undefined {
    return this.#inFlight.get(serial)?.name;
  }

  /** The daemon has answered. */
  settle(serial: number, outcome: Outcome): void {
    const call = this.#inFlight.get(serial);
    if (call === undefined) return;
    this.#inFlight.delete(serial);
    if (!call.abandoned) call.settle(outcome);
    this.#pump();
  }

  failAll(fault: HypervisorFault): void {
    const calls = [...this.#inFlight.values(), ...this.#queue];
    this.#inFlight.clear();
    this.#queue.length = 0;
    for (const call of calls) if (!call.abandoned) call.settle({ fault });
  }

  #pump(): void {
    while (this.#inFlight.size < this.#options.maxInFlight) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      this.#inFlight.set(call.serial, call);
      call.send();
    }
  }

  #onDeadline(call: PendingCall): void {
    const { name } = this.#options;
    const queued = this.#queue.indexOf(call);
    if (queued >= 0) this.#queue.splice(queued, 1);
    call.abandoned = true;
    const where = queued >= 0 ? 'waited for its turn for' : 'had no answer for';
    const message = `libvirt ${call.name} ${where} ${call.timeoutMs} ms (${name})`;
    call.settle({ fault: new HypervisorFault('timeout', message, { retryable: true }) });
    const stuck = [...this.#inFlight.values()].every((other) => other.abandoned);
    if (this.#inFlight.size >= this.#options.maxInFlight && stuck) {
      this.#options.onStuck(`all ${this.#inFlight.size} calls in flight are overdue`);
    }
  }
}
