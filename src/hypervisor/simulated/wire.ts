// Which simulated hosts reach each other with a guest's memory. Hosts that share none copy through the caller alone, as
// those of different processes do, and never notice when the other end is gone.

import type { SimulatedHost } from './host.ts';

export class SimulatedWire {
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #cuts = new Set<string>();

  add(host: SimulatedHost): void {
    this.#hosts.set(host.name, host);
  }

  /** The other end, if it is there and not cut off. */
  reach(from: string, to: string): SimulatedHost | undefined {
    return this.#cuts.has(pair(from, to)) ? undefined : this.#hosts.get(to);
  }

  cut(one: string, other: string): void {
    this.#cuts.add(pair(one, other));
  }

  heal(): void {
    this.#cuts.clear();
  }
}

const pair = (one: string, other: string): string => [one, other].toSorted().join(' ');
