// Runs a write of several providers: plans it on what can be read, hands it to the entity that sees it through, and waits
// for its end. What another write has changed in between is read anew and planned again; the bound is a 409.
import {
  ALL_NAMES,
  type PlacementNameCommand,
  placementNames,
} from '#actors/placement/names-protocol.ts';
import {
  ALL_WRITES,
  type PlacementState,
  placementWrites,
  type WritePart,
} from '#actors/placement/protocol.ts';
import { type ProviderCommand, providers } from '#actors/provider/protocol.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import { isRefusal, refuse, type Refusal } from '#runtime/message/refusal.ts';

export interface WritePlan {
  readonly locks: readonly string[];
  readonly parts: readonly WritePart[];
}

export interface WriterSources {
  readonly env: Env;
  readonly router: Router;
  readonly views: Views;
  readonly writes: StateView<PlacementState>;
}

/** Plans on states that others change meanwhile, at most so many. */
const MAX_PLANS = 50;
const SETTLED_WITHIN_MS = 20_000;
const LOOK_AGAIN_MS = 1_000;
/** Refusals that say: what was read is not so any more. */
const overtaken: ReadonlySet<string> = new Set([
  'write-overtaken',
  'allocation-changed',
  'provider-busy',
]);

export class PlacementWriter {
  readonly #sources: WriterSources;
  readonly #requestId: string;

  constructor(sources: WriterSources, requestId: string) {
    this.#sources = sources;
    this.#requestId = requestId;
  }

  /** Resolves when it is done, with a refusal if nothing was changed. `plan` reads, and throws what it will not do. */
  async write(plan: () => WritePlan): Promise<Refusal | undefined> {
    const { views, writes } = this.#sources;
    for (let tried = 0; tried < MAX_PLANS; tried += 1) {
      await views.barrier();
      const seen = writes.get(ALL_WRITES)?.seq ?? 0;
      const { locks, parts } = plan();
      if (parts.length === 0) return undefined;
      const refusal = await this.#run({ locks, parts }, seen);
      if (refusal === undefined || !overtaken.has(refusal.refused)) return refusal;
      if (refusal.refused !== 'allocation-changed') await this.#untilSettled(locks);
    }
    return refuse('write-overtaken', {});
  }

  newId(): string {
    return this.#sources.env.random.uuid();
  }

  /** One command to one provider, or the refusal. */
  ask(providerId: string, command: ProviderCommand): Promise<unknown> {
    return this.#ask(providers.ref(providerId), command);
  }

  /** Reads again what another has changed: `attempt` gives undefined to be called anew. */
  async retried<T>(attempt: () => Promise<T | undefined>): Promise<T | undefined> {
    for (let tried = 0; tried < MAX_PLANS; tried += 1) {
      await this.#sources.views.barrier();
      const outcome = await attempt();
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  askNames(command: PlacementNameCommand): Promise<unknown> {
    return this.#ask(placementNames.ref(ALL_NAMES), command);
  }

  async #run({ locks, parts }: WritePlan, seen: number): Promise<Refusal | undefined> {
    const writeId = this.newId();
    const ended = this.#outcomeOf(writeId);
    try {
      const begun = await this.#ask(placementWrites.ref(ALL_WRITES), {
        type: 'placement.begin',
        writeId,
        seen,
        locks: [...locks],
        parts: [...parts],
      });
      if (isRefusal(begun)) return begun;
      return await ended.outcome;
    } finally {
      ended.stop();
    }
  }

  #ask(ref: Parameters<Router['ask']>[0], command: object): Promise<unknown> {
    return this.#sources.router.ask(ref, command as never, { requestId: this.#requestId });
  }

  #outcomeOf(writeId: string): {
    readonly outcome: Promise<Refusal | undefined>;
    readonly stop: () => void;
  } {
    const find = (state: PlacementState | undefined) =>
      state?.outcomes.find((outcome) => outcome.writeId === writeId);
    const waiting = this.#until((state) => find(state) !== undefined, SETTLED_WITHIN_MS);
    const outcome = waiting.done.then((state) => {
      const found = find(state);
      if (found === undefined) return refuse('write-unsettled', { writeId });
      const { refusal } = found;
      return refusal === undefined ? undefined : refuse(refusal.refused, refusal.detail);
    });
    return { outcome, stop: waiting.stop };
  }

  /** Until nobody holds one of the locks, or for a while. */
  async #untilSettled(locks: readonly string[]): Promise<void> {
    const isFree = (state: PlacementState | undefined): boolean =>
      !Object.values(state?.writes ?? {}).some((write) =>
        write.locks.some((lock) => locks.includes(lock)),
      );
    const waiting = this.#until(isFree, LOOK_AGAIN_MS);
    await waiting.done;
    waiting.stop();
  }

  /** The state of the writes once it is so, or after the time as it is then. */
  #until(
    isSo: (state: PlacementState | undefined) => boolean,
    withinMs: number,
  ): { readonly done: Promise<PlacementState | undefined>; readonly stop: () => void } {
    const { writes, env } = this.#sources;
    const { promise, resolve } = Promise.withResolvers<PlacementState | undefined>();
    const unsubscribe = writes.subscribe(({ after }) => {
      if (isSo(after)) resolve(after);
    });
    const cancel = env.timers.after(withinMs, () => resolve(writes.get(ALL_WRITES)));
    const stop = (): void => {
      unsubscribe();
      cancel();
    };
    const now = writes.get(ALL_WRITES);
    if (isSo(now)) resolve(now);
    return { done: promise, stop };
  }
}
