// Runs a plan: its steps one after the other, then everything heals, and the cloud must come to rest with nothing
// broken, stuck or left over; then all servers are deleted, and nothing at all may be left.
import type { Act, Step } from './acts.ts';
import { Book } from './book.ts';
import { mirrorFaults } from './mirror.ts';
import { type Mix, mixes } from './mixes.ts';
import { nemeses } from './nemeses.ts';
import type { Plan } from './plan.ts';
import { violationsOf } from './invariants.ts';
import { deleteEverything, userActs } from './users.ts';
import { World } from './world.ts';

export interface Outcome {
  readonly violations: readonly string[];
  /** Equal for equal runs. */
  readonly hash: string;
  /** Tasks run, and entries of the journal. */
  readonly events: number;
  /** Faults that met something to break, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  /** How many of the plan's steps it took. */
  readonly stepsRun: number;
  /** What happened, with times. */
  readonly story: readonly string[];
}

const acts: Readonly<Record<string, Act>> = { ...userActs, ...nemeses };
/** What a walk is to meet at least. */
const LEAST_FAULTS = 50;
const LEAST_EVENTS = 2_000;
/** Every operation and its undo have a deadline; together they are far below this. */
const REST_MS = 1_200_000;
/** Relists, settlements and audits come round within this. */
const QUIET_MS = 65_000;

export async function runPlan(plan: Plan): Promise<Outcome> {
  const walk = new Walk(plan);
  try {
    return await walk.run();
  } finally {
    walk.world.dispose();
  }
}

export class Walk {
  readonly world: World;
  readonly book = new Book();
  readonly #plan: Plan;
  readonly #mix: Mix;
  readonly #story: string[] = [];
  readonly #faults: Record<string, number> = {};
  readonly #violations: string[] = [];
  #stepsRun = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#mix = mixes[plan.mix];
    const { seed, mix, hosts, controllers, shutdownMs, slowChance } = plan;
    this.world = new World({
      seed: `${mix} ${seed}`,
      hosts,
      controllers,
      shutdownMs,
      slowChance,
      isPunctual: this.#mix.isCalm === true,
      onNote: (text) => this.tell(text),
    });
  }

  note(text: string | undefined): void {
    if (text !== undefined) this.world.note(text);
  }

  async run(): Promise<Outcome> {
    const { world } = this;
    try {
      await world.begin();
      for (const step of this.#plan.steps) await this.#step(step);
      for (const step of this.#plan.more) if (this.#isShort()) await this.#step(step);
      await this.#settle();
    } catch (error) {
      this.#violations.push(
        `never came to rest: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const { env, witness, crashes } = world;
    this.#violations.unshift(...witness.faults, ...this.book.faults, ...crashes);
    return {
      violations: this.#violations,
      hash: env.traceHash(),
      events: this.#events,
      stepsRun: this.#stepsRun,
      faults: this.#faults,
      answers: this.book.answered,
      simulatedMs: env.clock.monotonic(),
      story: this.#story,
    };
  }

  get #events(): number {
    return this.world.env.tasksRun() + this.world.witness.entries;
  }

  #isShort(): boolean {
    const faults = Object.values(this.#faults).reduce((sum, count) => sum + count, 0);
    return faults < LEAST_FAULTS || this.#events < LEAST_EVENTS;
  }

  async #step({ act, args, waitMs }: Step): Promise<void> {
    this.#stepsRun += 1;
    const happened = acts[act]?.run(this, args as never);
    if (happened !== undefined) {
      this.note(happened);
      if (act in nemeses) this.#faults[act] = (this.#faults[act] ?? 0) + 1;
    }
    await this.world.env.advance(waitMs);
  }

  async #settle(): Promise<void> {
    const { world } = this;
    this.note('everything heals');
    await world.heal();
    await this.#quiet();
    await this.#check('after healing');
    this.note('everything is deleted');
    deleteEverything(this);
    await this.#quiet();
    for (const { id, existence, fault } of world.servers())
      if (existence === 'exists')
        this.#violations.push(`server ${id} can't be deleted: ${fault?.message ?? 'no reason'}`);
    await this.#check('after deleting everything');
  }

  async #quiet(): Promise<void> {
    await this.world.rest(REST_MS);
    await this.world.env.advance(QUIET_MS);
    await this.world.rest(REST_MS);
  }

  async #check(when: string): Promise<void> {
    const { world, book } = this;
    const controllers = world.controllers();
    const [first] = controllers;
    if (first === undefined) throw new Error('no controller is left');
    for (const { assembly } of controllers)
      await world.env.complete(assembly.entities.barrier(), 'the views', 5_000);
    const known = {
      openGrants: (host: string) => world.witness.openGrants(host),
      hasRunSince: (serverId: string) => world.witness.historyOf(serverId).hasRunSince,
    };
    const found = [
      ...violationsOf(first.assembly.entities, world.hosts, known),
      ...world.images.unfinished().map((id) => `image ${id} has no bytes`),
      ...book.kept(world.witness),
      ...world.losses(),
      ...(this.#mix.isCalm === true ? world.alarms.splice(0).filter(isOfAudits) : []),
      ...(world.isWhole() ? [] : ['not every process serves, or a shard has not one owner']),
    ];
    for (const { name, assembly } of controllers)
      for (const fault of await mirrorFaults(world.disk, assembly.entities))
        found.push(`${name}: ${fault}`);
    this.#violations.push(...found.map((one) => `${when}: ${one}`));
  }

  /** Into the story alone: the trace's hash does not know of it. */
  tell(text: string): void {
    this.#story.push(`${Math.round(this.world.nowMs)} ${text}`);
  }
}

/** What audits and housekeeping mend is a hole in an operation; other errors are for people. */
function isOfAudits(alarm: string): boolean {
  return alarm.includes('given back') || alarm.includes('left alone');
}
