// One actor: its bounded mailbox, the message in hand, its children, and how it crashes, restarts and stops.
// It is its own reference and its own context, to be small: a hundred thousand of them must fit (DESIGN §10).
// Nothing here may throw into the mailbox: nact's own fault handling is not to be relied on.
import { assert } from '../assert.ts';
import type { Env } from '../env/env.ts';
import type {
  ActorContext,
  ActorFault,
  ActorRef,
  Reply,
  SpawnOptions,
  Termination,
} from './actor.ts';
import { Ask } from './ask.ts';
import type { DeadLetterOffice, DeadLetterReason } from './dead-letters.ts';
import { RuntimeFault } from './faults.ts';
import type { Mailbox, Mailboxes, Receiver } from './mailboxes.ts';
import { RestartBudget, supervisionOf } from './supervision.ts';

/** What the cells of one system share. */
export interface CellHost {
  readonly env: Env;
  readonly mailboxes: Mailboxes;
  readonly deadLetters: DeadLetterOffice;
  /** An actor that takes longer than this to stop, once its children have, is cut off. */
  readonly stopDeadlineMs: number;
  /** The simulated process is dead: nothing runs, nobody is told. */
  readonly isAbandoned: boolean;
  added(cell: Cell, isRoot: boolean): number;
  removed(cell: Cell): void;
  report(fault: ActorFault): void;
}

interface Ending {
  readonly termination: Termination;
  readonly done: Promise<void>;
  readonly finish: () => void;
  cancelDeadline: () => void;
  /** Called when the mailbox is empty and no handler runs. */
  onQuiet: () => void;
}

type Watcher = (end: Termination) => void;

const defaultCapacity = 1_000;
const startItem = Symbol('start');

class ChildFailure {
  readonly fault: RuntimeFault;

  constructor(path: string, error: unknown) {
    this.fault = new RuntimeFault('crashed', `child ${path} has failed`, { cause: error });
  }
}

export class Cell implements ActorRef<unknown>, ActorContext<unknown>, Receiver {
  readonly id: number;
  readonly #host: CellHost;
  readonly #options: SpawnOptions<unknown>;
  readonly #parent: Cell | undefined;
  readonly #mailbox: Mailbox;
  #phase: 'running' | 'stopping' | 'stopped' = 'running';
  #backlog = 0;
  #children: Set<Cell> | undefined;
  #asks: Set<Ask> | undefined;
  #watchers: Set<{ readonly tell: Watcher }> | undefined;
  #budget: RestartBudget | undefined;
  #ending: Ending | undefined;
  /** Ends the wait before a restart early. */
  #wake: (() => void) | undefined;

  constructor(host: CellHost, options: SpawnOptions<unknown>, parent: Cell | undefined) {
    if (host.isAbandoned || (parent !== undefined && parent.#phase !== 'running')) {
      throw new RuntimeFault('stopped', `${options.name} can't be spawned: its parent has stopped`);
    }
    this.#host = host;
    this.#options = options;
    this.#parent = parent;
    this.#mailbox = host.mailboxes.open(this);
    this.id = host.added(this, parent === undefined);
    if (parent !== undefined) (parent.#children ??= new Set()).add(this);
    if (options.onStart !== undefined) this.#push(startItem);
  }

  get name(): string {
    return this.#options.name;
  }

  get path(): string {
    return this.#parent === undefined ? this.name : `${this.#parent.path}/${this.name}`;
  }

  get self(): this {
    return this;
  }

  get env(): Env {
    return this.#host.env;
  }

  get host(): CellHost {
    return this.#host;
  }

  get backlog(): number {
    return this.#backlog;
  }

  tell(message: unknown): boolean {
    const refusal = this.#refusal();
    if (refusal === undefined) this.#push(message);
    else this.#lose(message, refusal);
    return refusal === undefined;
  }

  ask<R>(
    build: (reply: Reply<R>) => unknown,
    { deadlineMs }: { readonly deadlineMs: number },
  ): Promise<R> {
    return new Promise<unknown>((resolve, reject) => {
      const { timers } = this.env;
      const onSettled = (ask: Ask): void => this.#forget(ask);
      const about = { path: this.path, deadlineMs, timers, resolve, reject, onSettled };
      const ask = new Ask(about, build);
      const refusal = this.#refusal();
      if (refusal !== undefined) return this.#lose(ask, refusal);
      (this.#asks ??= new Set()).add(ask);
      this.#push(ask);
      ask.start();
    }) as Promise<R>;
  }

  spawn<C>(options: SpawnOptions<C>): ActorRef<C> {
    assert(options.parent === undefined, 'a child’s parent is the one that spawns it');
    return new Cell(this.#host, options as SpawnOptions<unknown>, this);
  }

  watch(watcher: Watcher): () => void {
    const entry = { tell: watcher };
    if (this.#phase === 'stopped') return this.env.timers.soon(() => this.#tellEnd(entry.tell));
    (this.#watchers ??= new Set()).add(entry);
    return () => void this.#watchers?.delete(entry);
  }

  stop(): void {
    void this.end();
  }

  /** Children first, then the message in hand, then onStop; what waits in the mailbox becomes dead letters. */
  end(): Promise<void> {
    return this.#end({ reason: 'stopped' });
  }

  receive(item: unknown): void | Promise<void> {
    if (this.#host.isAbandoned) return undefined;
    if (this.#phase !== 'running') {
      this.#lose(item, 'stopped');
      return this.#finished();
    }
    try {
      const handled = this.#handle(item);
      if (!(handled instanceof Promise)) return this.#finished();
      return handled.then(
        () => this.#finished(),
        (error: unknown) => this.#crashed(item, error),
      );
    } catch (error) {
      return this.#crashed(item, error);
    }
  }

  discard(items: readonly unknown[]): void {
    for (const item of items) this.#lose(item, 'stopped');
  }

  #handle(item: unknown): void | Promise<void> {
    if (item === startItem) return this.#options.onStart?.(this);
    if (item instanceof ChildFailure) throw item.fault;
    if (!(item instanceof Ask)) return this.#options.handler(item, this);
    item.isDelivered = true;
    return this.#options.handler(item.message, this);
  }

  #refusal(): DeadLetterReason | undefined {
    if (this.#phase !== 'running' || this.#host.isAbandoned) return 'stopped';
    return this.#backlog >= (this.#options.capacity ?? defaultCapacity) ? 'overloaded' : undefined;
  }

  #push(item: unknown): void {
    this.#backlog += 1;
    this.#host.mailboxes.push(this.#mailbox, item);
  }

  #finished(): void {
    this.#backlog -= 1;
    if (this.#backlog === 0) this.#ending?.onQuiet();
  }

  #lose(item: unknown, reason: DeadLetterReason, cause?: unknown): void {
    if (this.#host.isAbandoned || item === startItem || item instanceof ChildFailure) return;
    const isAsk = item instanceof Ask;
    this.#host.deadLetters.add(this.path, reason, isAsk ? item.message : item);
    if (isAsk) item.fail(new RuntimeFault(reason, `${this.path} ${words[reason]}`, { cause }));
  }

  #forget(ask: Ask): void {
    if (this.#asks?.delete(ask) === true && this.#asks.size === 0) this.#asks = undefined;
  }

  #failAsks(fault: RuntimeFault): void {
    for (const ask of this.#asks ?? []) if (ask.isDelivered) ask.fail(fault);
  }

  async #crashed(item: unknown, error: unknown): Promise<void> {
    this.#lose(item, 'crashed', error);
    await this.#recover(error);
    this.#finished();
  }

  /** Restarts until it works, the actor is stopped, or its budget is spent. The mailbox waits meanwhile. */
  async #recover(firstError: unknown): Promise<void> {
    const policy = supervisionOf(this.#options.supervision);
    let error = firstError;
    while (this.#phase === 'running' && !this.#host.isAbandoned) {
      this.#budget ??= new RestartBudget();
      const backoffMs = this.#budget.takeBackoffMs(policy, this.env);
      if (backoffMs === undefined) return this.#fail(error, policy.whenExhausted === 'escalate');
      this.#host.report({ path: this.path, kind: 'restarting', isEscalated: false, error });
      this.#failAsks(
        new RuntimeFault('crashed', `${this.path} ${words.crashed}`, { cause: error }),
      );
      await this.#stopChildren();
      await this.#pause(backoffMs);
      try {
        if (this.#phase === 'running') await this.#restart(error);
        return;
      } catch (nextError) {
        error = nextError;
      }
    }
  }

  #restart(error: unknown): void | Promise<void> {
    const { onRestart, onStart } = this.#options;
    return onRestart === undefined ? onStart?.(this) : onRestart(error, this);
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#phase !== 'running') return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.env.timers.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #fail(error: unknown, escalates: boolean): void {
    const parent = this.#parent;
    const isEscalated = escalates && parent !== undefined && parent.#phase === 'running';
    void this.#end({ reason: 'failed', error });
    this.#host.report({ path: this.path, kind: 'failed', isEscalated, error });
    if (isEscalated) parent.#push(new ChildFailure(this.path, error));
  }

  #end(termination: Termination): Promise<void> {
    if (this.#ending !== undefined) return this.#ending.done;
    this.#phase = 'stopping';
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const nothing = (): void => undefined;
    this.#ending = { termination, done, finish, cancelDeadline: nothing, onQuiet: nothing };
    this.#wake?.();
    void this.#endInOrder(this.#ending);
    return done;
  }

  async #endInOrder(ending: Ending): Promise<void> {
    await this.#stopChildren();
    const { stopDeadlineMs, env } = this.#host;
    ending.cancelDeadline = env.timers.after(stopDeadlineMs, () => this.#cutOff());
    if (this.#backlog > 0) await new Promise<void>((resolve) => void (ending.onQuiet = resolve));
    if (this.#phase === 'stopped') return;
    try {
      await this.#options.onStop?.();
    } catch (error) {
      env.log.error({ actor: this.path, err: error }, 'an actor’s onStop failed');
    }
    this.#terminate(ending);
  }

  #cutOff(): void {
    const error = new RuntimeFault('timeout', `${this.path} did not stop in time and was cut off`);
    this.#host.report({ path: this.path, kind: 'hung', isEscalated: false, error });
    if (this.#ending !== undefined) this.#terminate(this.#ending);
  }

  #terminate(ending: Ending): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    ending.cancelDeadline();
    this.#host.mailboxes.close(this.#mailbox);
    if (this.#parent !== undefined) this.#parent.#children?.delete(this);
    this.#host.removed(this);
    this.#failAsks(new RuntimeFault('stopped', `${this.path} ${words.stopped}`));
    for (const { tell } of this.#watchers ?? []) this.#tellEnd(tell);
    this.#watchers = undefined;
    ending.finish();
  }

  async #stopChildren(): Promise<void> {
    if (this.#children === undefined) return;
    await Promise.all([...this.#children].map((child) => child.end()));
    this.#children = undefined;
  }

  #tellEnd(watcher: Watcher): void {
    try {
      watcher(this.#ending?.termination ?? { reason: 'stopped' });
    } catch (error) {
      this.env.log.error({ actor: this.path, err: error }, 'a watcher failed');
    }
  }
}

const words: Readonly<Record<DeadLetterReason, string>> = {
  overloaded: 'has too many messages waiting',
  stopped: 'has stopped',
  crashed: 'crashed',
};
