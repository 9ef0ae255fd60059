// The effects of one entity that are under way. Level-triggered: `reconcile` is told what the durable state wants,
// starts what is missing and aborts what is wanted no more. An effect reports by a command; a fault is tried again
// with a growing wait for as long as the state wants the effect (operations bound that by their deadlines).
import type { Cancel, Env } from '../env/env.ts';
import type { Effect } from './definition.ts';

export interface EffectContext {
  readonly entityId: string;
  /**
   * Aborted when the state no longer wants the effect, or when this process no longer owns the entity (`wasMoved`: then
   * the next owner goes on with it, and nothing may be undone here); what it would report is then ignored.
   */
  readonly signal: AbortSignal;
  /** Tries so far, from 1. */
  readonly attempt: number;
  /** Of the owner at the start of this try: who is commanded may refuse an owner that was replaced. */
  readonly ownerEpoch: number;
  /** Whether that owner still is the owner, as far as is known here: to be asked before anything lasting is done. */
  isOurs(): boolean;
}

/** Does the work and returns the command that tells the entity of it; undefined if there is nothing to tell. */
export type EffectRunner = (
  effect: never,
  context: EffectContext,
) => Promise<{ readonly type: string } | undefined>;

interface Running {
  readonly abort: AbortController;
  cancelTimer: Cancel | undefined;
  attempt: number;
}

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 30_000;

const MOVED = 'the entity moves to another owner';

/** Whether the work of an aborted effect goes on elsewhere. */
export function wasMoved(signal: AbortSignal): boolean {
  return signal.reason === MOVED;
}

export class EffectBoard {
  readonly #running = new Map<string, Running>();
  readonly #env: Env;
  readonly #entityId: string;
  readonly #run: EffectRunner;
  readonly #ownerEpoch: () => number | undefined;
  readonly #report: (command: { readonly type: string }, effect: Effect) => Promise<unknown>;

  constructor(options: {
    env: Env;
    entityId: string;
    run: EffectRunner;
    /** Undefined while this process does not own the entity, or does not know its state: nothing is tried then. */
    ownerEpoch: () => number | undefined;
    /** Hands a command to the entity; rejects if it was not taken. */
    report: (command: { readonly type: string }, effect: Effect) => Promise<unknown>;
  }) {
    this.#env = options.env;
    this.#entityId = options.entityId;
    this.#run = options.run;
    this.#ownerEpoch = options.ownerEpoch;
    this.#report = options.report;
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  reconcile(wanted: readonly Effect[]): void {
    if (this.#running.size > 0) {
      const ids = new Set(wanted.map((effect) => effect.id));
      for (const id of this.#running.keys()) if (!ids.has(id)) this.#drop(id);
    }
    for (const effect of wanted) if (!this.#running.has(effect.id)) this.#start(effect);
  }

  /** Whatever is under way is wanted still, but not here any more. */
  stop(): void {
    for (const id of this.#running.keys()) this.#drop(id, MOVED);
  }

  #drop(id: string, reason = 'no longer wanted'): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.cancelTimer?.();
    running?.abort.abort(reason);
  }

  #start(effect: Effect): void {
    const running: Running = { abort: new AbortController(), cancelTimer: undefined, attempt: 0 };
    this.#running.set(effect.id, running);
    if (effect.afterMs === undefined) this.#attempt(effect, running);
    else
      running.cancelTimer = this.#env.timers.after(effect.afterMs, () =>
        this.#attempt(effect, running),
      );
  }

  #attempt(effect: Effect, running: Running): void {
    running.cancelTimer = undefined;
    running.attempt += 1;
    const ownerEpoch = this.#ownerEpoch();
    if (ownerEpoch === undefined)
      return this.#retry(effect, running, new Error('not the owner, or not up to date'));
    const context = {
      entityId: this.#entityId,
      signal: running.abort.signal,
      attempt: running.attempt,
      ownerEpoch,
      isOurs: () => this.#ownerEpoch() === ownerEpoch,
    };
    void this.#runAndReport(effect, context).catch((error: unknown) =>
      this.#retry(effect, running, error),
    );
  }

  async #runAndReport(effect: Effect, context: EffectContext): Promise<void> {
    const command = await this.#run(effect as never, context);
    if (command === undefined || context.signal.aborted) return;
    await this.#report(command, effect);
  }

  #retry(effect: Effect, running: Running, error: unknown): void {
    if (this.#running.get(effect.id) !== running) return;
    const waitMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(running.attempt - 1, 16), RETRY_MAX_MS);
    this.#env.log.warn(
      {
        err: error,
        entity: this.#entityId,
        effect: effect.id,
        kind: effect.kind,
        attempt: running.attempt,
        waitMs,
      },
      'effect failed and is tried again',
    );
    running.cancelTimer = this.#env.timers.after(waitMs, () => this.#attempt(effect, running));
  }
}
