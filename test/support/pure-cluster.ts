// A cluster without a runtime: entity definitions run at once, in memory, without journal or mailboxes.
// For tests of pure cores and of API plugins; what durability means is tested on the real shell.
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { StateChange, StateView, Views } from '#runtime/events/projection.ts';
import type { AskOptions, Router } from '#runtime/directory/router.ts';
import { isRefusal } from '#runtime/message/refusal.ts';

class PureView implements StateView<unknown> {
  readonly states = new Map<string, { state: unknown; version: number }>();
  readonly #listeners = new Set<(change: StateChange<unknown>) => void>();
  get size(): number {
    return this.states.size;
  }
  get(id: string): unknown {
    return this.states.get(id)?.state;
  }
  *values(): IterableIterator<unknown> {
    for (const entry of this.states.values()) yield entry.state;
  }
  subscribe(listener: (change: StateChange<unknown>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  publish(change: StateChange<unknown>): void {
    this.states.set(change.id, { state: change.after, version: change.version });
    for (const listener of this.#listeners) listener(change);
  }
}

export interface PureCluster {
  readonly router: Router;
  readonly views: Views;
  view<S>(definition: { readonly kind: string; initial(id: string): S }): StateView<S>;
  /** Every event so far, in order, with the entity it belongs to. */
  readonly events: { readonly key: string; readonly event: { readonly type: string } }[];
  /** Called for each new effect in an entity's todo. */
  onEffect(
    listener: (
      kind: string,
      id: string,
      effect: { readonly id: string; readonly kind: string },
    ) => void,
  ): void;
}

export function pureCluster(
  definitions: readonly AnyEntityDefinition[],
  nowMs: () => number,
): PureCluster {
  const kinds = new Map(definitions.map((definition) => [definition.kind, definition]));
  const projections = new Map([...kinds.keys()].map((kind) => [kind, new PureView()]));
  const events: PureCluster['events'] = [];
  let onEffect: Parameters<PureCluster['onEffect']>[0] = () => undefined;

  async function ask(
    ref: { kind: string; id: string },
    command: { type: string },
    options: AskOptions,
  ): Promise<unknown> {
    const definition = kinds.get(ref.kind);
    const view = projections.get(ref.kind);
    if (definition === undefined || view === undefined)
      throw new Error(`no entity kind ${ref.kind}`);
    const before = view.states.get(ref.id);
    const state = before?.state ?? definition.initial(ref.id);
    const outcome = definition.decide(state as never, command as never, {
      nowMs: nowMs(),
      requestId: options.requestId,
    });
    if (isRefusal(outcome)) return outcome;
    if (outcome.events.length > 0) {
      const after = outcome.events.reduce(
        (folded: unknown, event) => definition.evolve(folded as never, event as never),
        state,
      );
      const violations = definition.invariants(after as never);
      if (violations.length > 0) throw new Error(`${ref.kind}/${ref.id}: ${violations.join('; ')}`);
      for (const event of outcome.events) events.push({ key: `${ref.kind}/${ref.id}`, event });
      const version = (before?.version ?? 0) + outcome.events.length;
      view.publish({
        id: ref.id,
        version,
        before: before?.state,
        after,
        events: outcome.events,
        requestId: options.requestId,
        atMs: nowMs(),
      });
      const known = new Set(definition.todo(state as never).map((effect) => effect.id));
      for (const effect of definition.todo(after as never))
        if (!known.has(effect.id)) onEffect(ref.kind, ref.id, effect);
    }
    return outcome.reply;
  }

  return {
    router: { ask } as Router,
    views: { isStale: false, barrier: async () => undefined },
    view: (definition) => {
      const view = projections.get(definition.kind);
      if (view === undefined) throw new Error(`no entity kind ${definition.kind}`);
      return view as unknown as StateView<never>;
    },
    events,
    onEffect: (listener) => {
      onEffect = listener;
    },
  };
}
