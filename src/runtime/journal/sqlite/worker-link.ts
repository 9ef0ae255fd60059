// The main thread's end of the journal's worker: numbers the requests, sends those of one turn together, hands out
// the replies, and keeps a worker running. While none is open everything is refused `unavailable`, at once.
import type { Worker } from 'node:worker_threads';

import { AssertionFault } from '../../assert.ts';
import type { Cancel, Env } from '../../env/env.ts';
import { JournalFault } from '../port.ts';
import type { FaultReply, Op, WorkerMessage, WorkerReply, WorkerRequest } from './protocol.ts';

export interface WorkerLinkOptions {
  readonly env: Env;
  readonly path: string;
  readonly start: () => Worker;
  /** Called with the file's head when a new worker has replaced a dead one, before it serves anyone else. */
  readonly catchUp: (head: number) => Promise<void>;
}

interface Pending {
  readonly settle: (value: never) => void;
  readonly fail: (error: Error) => void;
}

/** Beyond this the disk is too slow for what is asked, and waiting longer would only hide it. */
const mostPending = 20_000;
/** Handed out in one turn of the loop: what a reply sets off is work, for which requests that arrive would wait. */
const repliesPerTurn = 16;
const firstRestartMs = 50;
const longestRestartMs = 5_000;

export class WorkerLink {
  readonly #options: WorkerLinkOptions;
  readonly #pending = new Map<number, Pending>();
  #status: 'opening' | 'open' | 'recovering' | 'broken' | 'closing' | 'closed' = 'opening';
  #worker: Worker | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #outbox: WorkerRequest[] = [];
  /** Replies that have come and are not handed out yet, in their order. */
  #inbox: WorkerReply[] = [];
  #lastId = 0;
  #restartMs = firstRestartMs;
  #cancelRestart: Cancel = () => undefined;
  #closed: Promise<void> | undefined;

  constructor(options: WorkerLinkOptions) {
    this.#options = options;
  }

  /** Resolves with the file's head. */
  async open(): Promise<number> {
    try {
      const head = await this.#start();
      this.#status = 'open';
      return head;
    } catch (error) {
      this.#status = 'closed';
      await this.#worker?.terminate();
      throw error;
    }
  }

  /** `settle` runs in the order of the replies, before anything else sees them. */
  send(op: Op, settle: Pending['settle'], fail: Pending['fail']): void {
    const refusal = this.#refusal(false);
    if (refusal === undefined) this.#post(op, { settle, fail });
    else fail(refusal);
  }

  ask<T = void>(op: Op, { isRecovery = false } = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(isRecovery);
      if (refusal === undefined) this.#post(op, { settle: resolve, fail: reject });
      else reject(refusal);
    });
  }

  /** Lets what was sent be answered, then ends the worker. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const wasOpen = this.#status === 'open';
    this.#status = 'closing';
    this.#cancelRestart();
    if (wasOpen) {
      await new Promise<void>((resolve) => {
        this.#post({ op: 'close' }, { settle: () => resolve(), fail: () => resolve() });
      });
      await this.#exited;
    } else {
      await this.#worker?.terminate();
    }
    this.#status = 'closed';
  }

  #refusal(isRecovery: boolean): JournalFault | undefined {
    const { path } = this.#options;
    if (this.#status === 'closing' || this.#status === 'closed') {
      return new JournalFault('closed', `the journal ${path} is closed`);
    }
    if (this.#status !== 'open' && !(isRecovery && this.#status === 'recovering')) {
      return new JournalFault('unavailable', `the journal ${path} is being opened again`);
    }
    if (this.#pending.size < mostPending) return undefined;
    return new JournalFault(
      'unavailable',
      `the journal ${path} has ${mostPending} requests waiting`,
    );
  }

  #post(op: Op, pending: Pending): void {
    this.#lastId += 1;
    this.#pending.set(this.#lastId, pending);
    this.#outbox.push({ id: this.#lastId, op });
    if (this.#outbox.length === 1) this.#options.env.timers.soon(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#outbox;
    this.#outbox = [];
    if (batch.length > 0) this.#worker?.postMessage(batch);
  }

  /** Resolves with the head once a worker has the file open. */
  #start(): Promise<number> {
    const worker = this.#options.start();
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let death: unknown;
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') resolve(message.head);
        else if (message.type === 'refused') reject(faultOf(message.fault));
        else this.#received(message.replies);
      });
      worker.on('error', (error) => (death = error));
      this.#exited = new Promise((exited) => {
        worker.on('exit', () => {
          const fault = this.#goneFault(death);
          reject(fault);
          if (worker === this.#worker) this.#lost(fault);
          exited(undefined);
        });
      });
    });
  }

  #received(replies: readonly WorkerReply[]): void {
    const isHandingOut = this.#inbox.length > 0;
    this.#inbox.push(...replies);
    if (!isHandingOut) this.#handOut();
  }

  #handOut(): void {
    const turn = this.#inbox.slice(0, repliesPerTurn);
    this.#inbox = this.#inbox.slice(turn.length);
    if (this.#inbox.length > 0) this.#options.env.timers.soon(() => this.#handOut());
    for (const reply of turn) this.#settle(reply);
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('fault' in reply) pending?.fail(faultOf(reply.fault));
    else pending?.settle(reply.value as never);
  }

  /** The worker is gone: nothing sent to it will be answered any more. */
  #lost(fault: JournalFault): void {
    const answered = this.#inbox;
    this.#inbox = [];
    for (const reply of answered) this.#settle(reply);
    const unanswered = [...this.#pending.values()];
    this.#pending.clear();
    this.#outbox = [];
    for (const { fail } of unanswered) fail(fault);
    if (this.#status !== 'open' && this.#status !== 'recovering') return;
    this.#options.env.log.error({ err: fault }, 'the journal’s thread died; it is started again');
    this.#restartLater();
  }

  #restartLater(): void {
    this.#status = 'broken';
    const waitMs = this.#restartMs;
    this.#restartMs = Math.min(2 * waitMs, longestRestartMs);
    this.#cancelRestart = this.#options.env.timers.after(waitMs, () => void this.#restart());
  }

  async #restart(): Promise<void> {
    try {
      const head = await this.#start();
      if (this.#status !== 'broken') return;
      this.#status = 'recovering';
      await this.#options.catchUp(head);
      if (this.#status !== 'recovering') return;
      this.#status = 'open';
      this.#restartMs = firstRestartMs;
      this.#options.env.log.info({ head }, 'the journal is open again');
    } catch (error) {
      if (this.#status !== 'broken' && this.#status !== 'recovering') return;
      this.#options.env.log.error({ err: error }, 'the journal could not be opened again');
      await this.#worker?.terminate();
      this.#restartLater();
    }
  }

  #goneFault(cause: unknown): JournalFault {
    const message = `the journal’s thread for ${this.#options.path} ended; what was asked of it may have taken effect`;
    return new JournalFault('unavailable', message, { cause });
  }
}

function faultOf({ code, message }: FaultReply): Error {
  return code === 'assertion' ? new AssertionFault(message) : new JournalFault(code, message);
}
