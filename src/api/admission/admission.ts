// Admission control of the front door: what is over its bounds is refused before anything is read or checked, and costs
// next to nothing, so that what is taken goes on as at the peak. Reads are bounded in number and by how long one turn
// of the event loop may serve them; writes by the gate (write-gate.ts). The refusal is a RuntimeFault, which every
// service's error handler puts into its own form (503, Retry-After). docs/operating.md, "Overload".
import type { Cancel, Env } from '#runtime/env/env.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import type { RequestClass } from './request-class.ts';
import { type Leave, WriteGate } from './write-gate.ts';

/** Reads under way, logins among them. */
const MAX_READS = 512;
/** Writes whose body has not arrived; so many slow clients hold up nobody. */
const MAX_BODIES = 512;
/** Servers being built when no more are begun. Those of one request that makes many may be more. */
const MAX_BUILDING = 1_000;
/** One turn of the event loop begins no more reads after this: others wait for what it is busy with. */
const TURN_MS = 250;

export type Admitted = { readonly leave: Leave } | { readonly fault: RuntimeFault };

export class Admission {
  readonly #env: Env;
  readonly #writes: WriteGate;
  /** Made once: a refusal must not cost a stack trace. */
  readonly #fault = new RuntimeFault('overloaded', 'The service is busy; try again in a moment.');
  #building: () => number = () => 0;
  #reads = 0;
  #bodies = 0;
  #turnStartMs: number | undefined;

  constructor(env: Env) {
    this.#env = env;
    this.#writes = new WriteGate(env);
  }

  /** Where the number of servers that are being built is to be had. */
  watchBuilding(building: () => number): void {
    this.#building = building;
  }

  /** A request has come: whether to go on with it at all. `leave` is to be called when it is over. */
  arrive(kind: RequestClass): Admitted {
    switch (kind) {
      case 'read':
        return this.#isTurnOver() ? { fault: this.#fault } : this.#count('reads', MAX_READS);
      case 'create':
      case 'write':
        return this.isShedding(kind) ? { fault: this.#fault } : this.#count('bodies', MAX_BODIES);
      default:
        return { leave: () => undefined };
    }
  }

  /** Whether a request is to be refused that is known by its class alone. */
  isShedding(kind: RequestClass): boolean {
    if (kind === 'create' && this.#building() >= MAX_BUILDING) return true;
    if ((kind !== 'create' && kind !== 'write') || !this.#writes.isFull) return false;
    this.#writes.refused();
    return true;
  }

  /** A write is complete and may start: now, or when its turn comes. */
  startWrite(next: (admitted: Admitted) => void): Cancel {
    return this.#writes.ask(
      (leave) => next({ leave }),
      () => next({ fault: this.#fault }),
    );
  }

  #count(what: 'reads' | 'bodies', most: number): Admitted {
    const add = (change: number): number =>
      what === 'reads' ? (this.#reads += change) : (this.#bodies += change);
    if (add(1) > most) {
      add(-1);
      return { fault: this.#fault };
    }
    let hasLeft = false;
    return {
      leave: () => {
        if (!hasLeft) add(-1);
        hasLeft = true;
      },
    };
  }

  /** All that arrived together is served in one turn of the loop, and the timers of the rest wait for its end. */
  #isTurnOver(): boolean {
    const nowMs = this.#env.clock.monotonic();
    if (this.#turnStartMs === undefined) {
      this.#turnStartMs = nowMs;
      this.#env.timers.soon(() => {
        this.#turnStartMs = undefined;
      });
    }
    return nowMs - this.#turnStartMs > TURN_MS;
  }
}
