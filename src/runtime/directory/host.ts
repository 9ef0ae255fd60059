// The entities of this process: the states of all, followed through the journal whoever writes them, and the actors of
// those that this process owns, made on demand and put out of memory when quiet. Who owns what is the Authority's word.
import type { Env } from '../env/env.ts';
import type { EntityKey, Journal, JournalEntry } from '../journal/port.ts';
import type { Authority } from '../entity/authority.ts';
import type { AnyEntityDefinition } from '../entity/definition.ts';
import type { EffectRunner } from '../entity/effects.ts';
import { type CommandMessage, EntityShell } from '../entity/shell.ts';
import { EntityStates } from '../entity/states.ts';
import type { StateView, Views } from '../events/projection.ts';
import type { CommandCatalog, CommandNamed, EntityRef, ReplyOf } from '../message/protocol.ts';
import type { Refusal } from '../message/refusal.ts';
import { RuntimeFault } from '../system/faults.ts';
import type { ActorRef, ActorSystem } from '../system/system.ts';
import { Follower, partsOf } from './follower.ts';
import type { AskOptions, Router } from './router.ts';

export interface HostedKind {
  readonly definition: AnyEntityDefinition;
  /** Carries out the kind's effects; kinds without effects need none. */
  readonly run?: EffectRunner;
}

interface Active {
  readonly shell: EntityShell;
  readonly ref: ActorRef<CommandMessage>;
  lastUsedMs: number;
}

const DEFAULT_DEADLINE_MS = 30_000;
const MAILBOX = 1_000;
/** A command that breaks its entity is answered; the entity itself goes on at once. */
const SUPERVISION = {
  maxRestarts: 20,
  windowMs: 10_000,
  backoffMs: 0,
  whenExhausted: 'stop',
} as const;
const REVIVE_MS = 1_000;
const SWEEP_MS = 10_000;
const QUIET_MS = 30_000;

export class EntityHost implements Router, Views {
  readonly #env: Env;
  readonly #system: ActorSystem;
  readonly #journal: Journal;
  readonly #authority: Authority;
  readonly #kinds = new Map<
    string,
    { definition: AnyEntityDefinition; run: EffectRunner; states: EntityStates }
  >();
  readonly #active = new Map<EntityKey, Active>();
  readonly #follower: Follower;
  #isResumed = false;
  #stopped = false;
  #cancelSweep: () => void = () => undefined;

  constructor(options: {
    env: Env;
    system: ActorSystem;
    journal: Journal;
    authority: Authority;
    /** Other members write to the journal, too. */
    isShared?: boolean;
  }) {
    this.#env = options.env;
    this.#system = options.system;
    this.#journal = options.journal;
    this.#authority = options.authority;
    this.#follower = new Follower({
      env: options.env,
      journal: options.journal,
      kinds: this.#kinds,
      isShared: options.isShared ?? false,
      isOurs: (entry) => this.#active.get(entry.key)?.shell.expects(entry) ?? false,
      onOvertaken: (entry) => this.#overtaken(entry),
    });
  }

  /** Of what is ours only a write that was given up for lost: what it wants is started now. */
  #overtaken(entry: JournalEntry): void {
    const { key, epoch } = entry;
    const active = this.#active.get(key);
    if (active !== undefined) return active.shell.overtaken(entry);
    if (this.#isResumed && this.#authority.stampOf(key)?.epoch === epoch)
      this.#env.timers.soon(() => this.#revive(key));
  }

  register(kind: HostedKind): void {
    const run =
      kind.run ??
      (() => Promise.reject(new Error(`${kind.definition.kind} has no runner for its effects`)));
    this.#kinds.set(kind.definition.kind, {
      definition: kind.definition,
      run,
      states: new EntityStates(),
    });
  }

  view<S>(definition: { readonly kind: string; initial(id: string): S }): StateView<S> {
    return this.#kind(definition.kind).states as unknown as StateView<S>;
  }

  /** Reads every entity from the journal. Nothing runs yet, so that all views are complete before the first effect. */
  async recover(): Promise<{ entities: number }> {
    return { entities: await this.#follower.start() };
  }

  /** Takes up the effects that the states of owned entities want, now and whenever entities are taken over. */
  resume(): void {
    this.#isResumed = true;
    this.takeUp(() => true);
    this.#sweepLater();
  }

  /** This process owns the chosen entities from now on: what they have under way goes on here. */
  takeUp(isChosen: (key: EntityKey) => boolean): void {
    if (!this.#isResumed) return;
    for (const [kind, { definition, states }] of this.#kinds) {
      for (const id of states.ids()) {
        const key: EntityKey = `${kind}/${id}`;
        if (!isChosen(key) || this.#authority.stampOf(key) === undefined) continue;
        if (definition.todo(states.get(id) as never).length > 0) this.#activate(key);
      }
    }
  }

  /**
   * The chosen entities are given up, and the authority has nothing for them any more: nothing is started, what waits is
   * sent elsewhere, and what is being written is waited for.
   */
  async giveUp(isChosen: (key: EntityKey) => boolean): Promise<void> {
    const given = [...this.#active].filter(([key]) => isChosen(key));
    for (const [key, { shell }] of given) {
      this.#active.delete(key);
      shell.stop();
    }
    await Promise.all(
      given.map(async ([, { shell, ref }]) => {
        await this.#emptied(ref);
        await shell.flushed();
        await this.#system.stop(ref);
      }),
    );
  }

  /** Resolves when all that waits in the mailbox now has been handled. */
  #emptied(ref: ActorRef<CommandMessage>): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => resolve();
      const last = { command: { type: 'last' }, requestId: '', answer: end, fail: end };
      const send = (): void => {
        if (ref.backlog === 0 || ref.tell(last)) return;
        this.#env.timers.soon(send);
      };
      send();
      if (ref.backlog === 0) resolve();
    });
  }

  ask<P extends CommandCatalog, T extends keyof P & string>(
    ref: EntityRef<P>,
    command: CommandNamed<P, T>,
    options: AskOptions,
  ): Promise<ReplyOf<P, T> | Refusal> {
    return new Promise((resolve, reject) => {
      if (this.#stopped)
        return reject(
          new RuntimeFault('stopped', 'this process is going down', { retryable: true }),
        );
      const key: EntityKey = `${ref.kind}/${ref.id}`;
      if (this.#authority.stampOf(key) === undefined)
        return reject(new RuntimeFault('moved', `${key} is owned by another member`));
      const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
      const cancel = this.#env.timers.after(deadlineMs, () => {
        reject(
          new RuntimeFault(
            'timeout',
            `${key} gave no answer to ${command.type} within ${deadlineMs} ms`,
            { retryable: true },
          ),
        );
      });
      const taken = this.#activate(key).ref.tell({
        command,
        requestId: options.requestId,
        answer: (reply) => {
          cancel();
          resolve(reply as ReplyOf<P, T> | Refusal);
        },
        fail: (error) => {
          cancel();
          reject(error);
        },
      });
      if (!taken) {
        cancel();
        reject(
          new RuntimeFault(
            'overloaded',
            `${key} has ${MAILBOX} commands waiting; try again later`,
            { retryable: true },
          ),
        );
      }
    });
  }

  /** Views here are fed before a command's answer leaves; what other members acknowledged is waited for. */
  barrier(): Promise<void> {
    return this.#follower.barrier();
  }

  get isStale(): boolean {
    return this.#follower.isStale;
  }

  /** Whether the views have come to a position of the journal within the time. */
  reached(position: number, withinMs: number): Promise<boolean> {
    return this.#follower.reached(position, withinMs);
  }

  /** No command is taken any more; effects end where they are and are taken up by the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#follower.stop();
    this.#cancelSweep();
    for (const { shell } of this.#active.values()) shell.stop();
    await Promise.all([...this.#active.values()].map(({ ref }) => this.#system.stop(ref)));
    this.#active.clear();
  }

  #kind(kind: string): {
    definition: AnyEntityDefinition;
    run: EffectRunner;
    states: EntityStates;
  } {
    const found = this.#kinds.get(kind);
    if (found === undefined) throw new Error(`no entity kind ${kind} is registered`);
    return found;
  }

  #activate(key: EntityKey): Active {
    const known = this.#active.get(key);
    if (known !== undefined) {
      known.lastUsedMs = this.#env.clock.monotonic();
      return known;
    }
    const { kind, id } = partsOf(key);
    const { definition, run, states } = this.#kind(kind);
    const shell = new EntityShell({
      env: this.#env,
      journal: this.#journal,
      authority: this.#authority,
      definition,
      states,
      run,
      id,
      deliver: (command, requestId) =>
        this.ask({ kind: definition.kind, id }, command, { requestId }),
    });
    const ref = this.#system.spawn<CommandMessage>({
      name: key,
      capacity: MAILBOX,
      supervision: SUPERVISION,
      handler: (message) => shell.receive(message),
    });
    const active = { shell, ref, lastUsedMs: this.#env.clock.monotonic() };
    this.#active.set(key, active);
    // Supervision gave up on it, or it was put out of memory: the next command makes it anew from its durable state.
    this.#system.watch(ref, ({ reason }) => {
      if (this.#active.get(key) === active) this.#active.delete(key);
      shell.stop();
      // What it wrote may be stored without its knowing, and nobody else here has taken that up.
      if (shell.isStale) this.#follower.reread(key);
      if (reason === 'failed') this.#env.timers.after(REVIVE_MS, () => this.#revive(key));
    });
    shell.resume();
    return active;
  }

  /** Nobody may ever ask it again: what it has under way goes on all the same. */
  #revive(key: EntityKey): void {
    const { kind, id } = partsOf(key);
    const { definition, states } = this.#kind(kind);
    const state = states.get(id);
    if (this.#stopped || state === undefined || this.#authority.stampOf(key) === undefined) return;
    if (definition.todo(state as never).length > 0) this.#activate(key);
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#env.timers.after(SWEEP_MS, () => {
      const nowMs = this.#env.clock.monotonic();
      for (const [key, active] of this.#active) {
        if (nowMs - active.lastUsedMs < QUIET_MS || !active.shell.isIdle || active.ref.backlog > 0)
          continue;
        this.#active.delete(key);
        void this.#system.stop(active.ref);
      }
      this.#sweepLater();
    });
  }
}
