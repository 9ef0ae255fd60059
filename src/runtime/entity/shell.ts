// Runs one durable actor (DESIGN §2): command → decide → append → evolve → reply → effects.
// Decisions don't wait for the disk: each is made on the state that the appends under way will give, the appends are
// pipelined, and nothing leaves (no reply, no effect, no view) before its append is durable. If one fails, everything
// that was built on it fails with it, and the state is read anew from the journal.
import type { Cancel, Env } from '../env/env.ts';
import type { EntityKey, Journal, JournalEntry } from '../journal/port.ts';
import { isRefusal, type Refusal } from '../message/refusal.ts';
import { RuntimeFault } from '../system/faults.ts';
import type { Authority, Stamp } from './authority.ts';
import { type DomainEvent, encodeEvent, recoverEntity, decodeEvent } from './codec.ts';
import type { Accepted, AnyEntityDefinition, Effect } from './definition.ts';
import { EffectBoard, type EffectRunner } from './effects.ts';
import type { EntityStates } from './states.ts';

export interface CommandMessage {
  readonly command: { readonly type: string };
  readonly requestId: string;
  readonly answer: (reply: unknown) => void;
  readonly fail: (error: unknown) => void;
}

export interface ShellOptions {
  readonly env: Env;
  readonly journal: Journal;
  /** Asked at every command: whether this process may decide, and under which epoch. */
  readonly authority: Authority;
  readonly definition: AnyEntityDefinition;
  readonly states: EntityStates;
  readonly run: EffectRunner;
  readonly id: string;
  /** Hands a command to this entity through its mailbox. */
  readonly deliver: (command: { readonly type: string }, requestId: string) => Promise<unknown>;
}

const SNAPSHOT_EVERY = 100;
const RELOAD_WAIT_MS = 200;
const RELOAD_MAX_WAIT_MS = 10_000;

export class EntityShell {
  readonly #options: ShellOptions;
  readonly #key: EntityKey;
  readonly #effects: EffectBoard;
  /** As it will be when every append under way is durable. */
  #state: unknown;
  #version: number;
  #pending = 0;
  /** Request ids of the appends under way. */
  readonly #appending = new Set<string>();
  #appends = 0;
  /** Settles with the last append under way. */
  #last: Promise<void> = Promise.resolve();
  #stale = false;
  /** How often something was written that was not expected. */
  #overtakes = 0;
  #reloading: Promise<void> | undefined;
  #cancelReload: Cancel = () => undefined;
  #isStopped = false;
  #snapshotVersion = 0;

  constructor(options: ShellOptions) {
    this.#options = options;
    const { definition, states, id } = options;
    this.#key = `${definition.kind}/${id}`;
    this.#version = states.versionOf(id);
    this.#state = this.#version > 0 ? states.get(id) : definition.initial(id);
    this.#snapshotVersion = this.#version;
    this.#effects = new EffectBoard({
      env: options.env,
      entityId: id,
      run: options.run,
      // What is wanted is not known while the state is out of date: it may have been done and be on record.
      ownerEpoch: () => (this.#stale ? undefined : options.authority.stampOf(this.#key)?.epoch),
      report: (command, effect) => this.#report(command, effect),
    });
  }

  /** Nothing under way: may be put out of memory. */
  get isIdle(): boolean {
    return this.#pending === 0 && this.#effects.isIdle && !this.#stale;
  }

  /** Starts what the durable state wants; after recovery, and whenever the shell is made. */
  resume(): void {
    if (this.#isStopped) return;
    this.#effects.reconcile(this.#options.definition.todo(this.#state as never));
  }

  /** Nothing is started any more, whatever becomes of appends under way. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelReload();
    this.#effects.stop();
  }

  /** Settles, never rejecting, when no append is under way any more. */
  flushed(): Promise<void> {
    return this.#last.catch(() => undefined);
  }

  /** Its state is not known to be what is stored. */
  get isStale(): boolean {
    return this.#stale;
  }

  /** Whether this is an append of ours whose outcome is not known yet: it will be committed here. */
  expects({ requestId }: JournalEntry): boolean {
    return requestId !== undefined && this.#appending.has(requestId);
  }

  /**
   * Something was written that is not expected, and nothing more is decided on this state: another owner has written, or
   * what was given up for lost is stored after all. Then it is still ours, and nobody else starts what it wants.
   */
  overtaken({ epoch }: JournalEntry): void {
    this.#stale = true;
    this.#overtakes += 1;
    if (this.#options.authority.stampOf(this.#key)?.epoch === epoch)
      this.#reloadLater(RELOAD_WAIT_MS);
  }

  /** Handles one command. Throws on a bug in the core, after the asker was told. */
  receive(message: CommandMessage): void | Promise<void> {
    if (this.#isStopped || this.#options.authority.stampOf(this.#key) === undefined)
      return message.fail(this.#movedFault());
    if (this.#stale) return this.#reload().then(() => this.#handle(message), message.fail);
    this.#handle(message);
  }

  #handle(message: CommandMessage): void {
    const stamp = this.#options.authority.stampOf(this.#key);
    if (stamp === undefined) return message.fail(this.#movedFault());
    let outcome: Accepted<DomainEvent, unknown> | Refusal;
    let after: unknown;
    try {
      outcome = this.#decide(message);
      after = isRefusal(outcome) ? this.#state : this.#fold(outcome.events);
    } catch (error) {
      message.fail(
        new RuntimeFault('crashed', `${this.#key} could not handle ${message.command.type}`, {
          cause: error,
        }),
      );
      throw error;
    }
    if (isRefusal(outcome) || outcome.events.length === 0) {
      const reply = isRefusal(outcome) ? outcome : outcome.reply;
      if (this.#pending === 0) message.answer(reply);
      else this.#last.then(() => message.answer(reply), message.fail);
      return;
    }
    this.#append(message, outcome, after, stamp);
  }

  #movedFault(): RuntimeFault {
    return new RuntimeFault('moved', `${this.#key} is owned by another member now`);
  }

  #decide(message: CommandMessage): Accepted<DomainEvent, unknown> | Refusal {
    const { definition, env } = this.#options;
    const facts = { nowMs: env.clock.now(), requestId: message.requestId };
    return definition.decide(this.#state as never, message.command as never, facts);
  }

  #fold(events: readonly DomainEvent[]): unknown {
    const { definition } = this.#options;
    const after = events.reduce(
      (state: unknown, event) => definition.evolve(state as never, event as never),
      this.#state,
    );
    const violations = definition.invariants(after as never);
    if (violations.length > 0)
      throw new Error(`${this.#key} would break its invariants: ${violations.join('; ')}`);
    return after;
  }

  #append(
    message: CommandMessage,
    outcome: Accepted<DomainEvent, unknown>,
    after: unknown,
    stamp: Stamp,
  ): void {
    const { definition, journal, env, id } = this.#options;
    const atMs = env.clock.now();
    const change = {
      id,
      version: this.#version + outcome.events.length,
      before: this.#version > 0 ? this.#state : undefined,
      after,
      events: outcome.events,
      requestId: message.requestId,
      atMs,
    };
    this.#appends += 1;
    const appendId = `${stamp.epoch}.${this.#version}.${this.#appends}`;
    this.#appending.add(appendId);
    const appended = journal.append({
      key: this.#key,
      expectedVersion: this.#version,
      ...stamp,
      requestId: appendId,
      events: outcome.events.map((event) => encodeEvent(definition.events, event)),
      atMs,
    });
    this.#state = after;
    this.#version = change.version;
    this.#pending += 1;
    this.#last = appended.then(
      (result) => {
        this.#pending -= 1;
        this.#appending.delete(appendId);
        if (result.ok && !this.#stale) return this.#committed(change, message, outcome.reply);
        throw this.#lost(result.ok ? 'an earlier append failed' : result.reason, undefined);
      },
      (error: unknown) => {
        this.#pending -= 1;
        this.#appending.delete(appendId);
        throw this.#lost('the journal did not take it', error);
      },
    );
    this.#last.catch(message.fail);
  }

  #committed(
    change: Parameters<EntityStates['commit']>[0],
    message: CommandMessage,
    reply: unknown,
  ): void {
    const { definition, states, env } = this.#options;
    if (states.versionOf(change.id) < change.version) states.commit(change);
    message.answer(reply);
    if (!this.#isStopped) this.#effects.reconcile(definition.todo(change.after as never));
    if (definition.describe !== undefined) {
      const from =
        change.before === undefined ? 'new' : definition.describe(change.before as never);
      const to = definition.describe(change.after as never);
      if (from !== to)
        env.log.info({ entity: this.#key, requestId: change.requestId, from, to }, 'state changed');
    }
    if (change.version - this.#snapshotVersion >= this.#snapshotDistance(change.version))
      this.#snapshot(change);
  }

  /** Further apart as the stream grows: states that do so take long to write, and not much longer to replay. */
  #snapshotDistance(version: number): number {
    return Math.max(this.#options.definition.snapshotEvery ?? SNAPSHOT_EVERY, version >> 3);
  }

  /** From here on nothing is decided on this state: the next command reads it anew. */
  #lost(reason: string, cause: unknown): RuntimeFault {
    const { env, authority } = this.#options;
    const isFenced = reason === 'fenced';
    if (!this.#stale) {
      this.#stale = true;
      env.log.warn(
        { entity: this.#key, reason, err: cause },
        'append failed; the state is read anew',
      );
      if (!isFenced) this.#reloadLater(RELOAD_WAIT_MS);
    }
    if (isFenced) {
      authority.lost(this.#key);
      return this.#movedFault();
    }
    return new RuntimeFault(
      'unavailable',
      `${this.#key}: the outcome is not known (${reason}); ask again`,
      { cause, retryable: true },
    );
  }

  /** Until it works: what was lost may be stored, and be work that nobody else will start. */
  #reloadLater(waitMs: number): void {
    if (this.#isStopped) return;
    this.#cancelReload = this.#options.env.timers.after(waitMs, () => {
      this.#reload().catch((error: unknown) => {
        const nextMs = Math.min(waitMs * 2, RELOAD_MAX_WAIT_MS);
        this.#options.env.log.warn(
          { entity: this.#key, err: error, waitMs: nextMs },
          'the state could not be read anew; trying again',
        );
        this.#reloadLater(nextMs);
      });
    });
  }

  /** One at a time: while it runs nothing is decided. */
  #reload(): Promise<void> {
    this.#reloading ??= this.#readAnew().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #readAnew(): Promise<void> {
    await this.#last.catch(() => undefined);
    if (!this.#stale) return;
    const { journal, definition, states, id, env } = this.#options;
    const known = states.versionOf(id);
    const overtakes = this.#overtakes;
    const [stored] = await journal.load([this.#key]);
    if (stored === undefined) return;
    const { state, version } = await recoverEntity(journal, definition, stored);
    if (version > known) {
      const events = stored.entries
        .filter((entry) => entry.version > known)
        .flatMap((entry) => entry.events);
      const before = known > 0 ? states.get(id) : undefined;
      const decoded = events.map((event) => decodeEvent(definition.events, event));
      states.commit({
        id,
        version,
        before,
        after: state,
        events: decoded,
        requestId: undefined,
        atMs: env.clock.now(),
      });
    }
    this.#state = state;
    this.#version = version;
    // More was written while it was read.
    this.#stale = overtakes !== this.#overtakes;
    if (!this.#stale) this.resume();
  }

  /** An effect's result comes in through the mailbox, like any command; a refusal means that it came too late. */
  async #report(command: { readonly type: string }, effect: Effect): Promise<void> {
    const answer = await this.#options.deliver(
      command,
      effect.requestId ?? `req-effect-${effect.id}`,
    );
    if (isRefusal(answer)) {
      this.#options.env.log.debug(
        { entity: this.#key, effect: effect.id, refused: answer.refused },
        'late report ignored',
      );
    }
  }

  #snapshot(change: { readonly version: number; readonly after: unknown }): void {
    const { journal, definition, env } = this.#options;
    this.#snapshotVersion = change.version;
    const snapshot = {
      key: this.#key,
      version: change.version,
      schema: definition.schema,
      state: change.after,
      position: journal.head(),
    };
    const saved = journal
      .saveSnapshot(snapshot)
      .then(() =>
        definition.dropsHistory === true ? journal.compact(this.#key, change.version) : undefined,
      );
    saved.catch((error: unknown) =>
      env.log.warn(
        { entity: this.#key, err: error },
        'no snapshot was saved; recovery reads more events',
      ),
    );
  }
}
