// Adds up what walks were, for the line of progress and the summary.
import type { Result } from './worker.ts';

export class Tally {
  readonly #startedMs = performance.now();
  readonly #faults = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  #events = 0;
  #simulatedMs = 0;
  #fewestFaults = Number.POSITIVE_INFINITY;
  #fewestEvents = Number.POSITIVE_INFINITY;
  seeds = 0;
  failed = 0;

  add({ events, faults, answers, simulatedMs, violations }: Result): void {
    this.seeds += 1;
    if (violations.length > 0) this.failed += 1;
    this.#events += events;
    this.#simulatedMs += simulatedMs;
    addAll(this.#faults, faults);
    addAll(this.#answers, answers);
    this.#fewestEvents = Math.min(this.#fewestEvents, events);
    this.#fewestFaults = Math.min(this.#fewestFaults, sum(Object.values(faults)));
  }

  get wallSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  progress(total: number): string {
    const rate = this.seeds / this.wallSeconds;
    const leftSeconds = Math.round((total - this.seeds) / rate);
    return `${this.seeds} of ${total} seeds, ${rate.toFixed(1)}/s, ${leftSeconds} s left, ${this.failed} failed`;
  }

  summary(): string {
    const faults = sum(this.#faults.values());
    const answers = sum(this.#answers.values());
    const rows: readonly (readonly [string, string])[] = [
      ['seeds', `${this.seeds}`],
      ['events', perSeed(this.#events, this.seeds, this.#fewestEvents)],
      ['faults', perSeed(faults, this.seeds, this.#fewestFaults)],
      ...[...this.#faults].sort(byCount).map(([kind, n]) => [`  ${kind}`, `${n}`] as const),
      ['requests answered', `${answers}`],
      ...[...this.#answers].sort(byCount).map(([kind, n]) => [`  ${kind}`, `${n}`] as const),
      ['simulated time', `${(this.#simulatedMs / 3_600_000).toFixed(1)} h`],
      ['wall time', `${this.wallSeconds.toFixed(1)} s`],
      ['seeds per second', (this.seeds / this.wallSeconds).toFixed(1)],
      ['seeds with violations', `${this.failed}`],
    ];
    return rows.map(([name, value]) => `${name.padEnd(24)} ${value}`).join('\n');
  }
}

function perSeed(total: number, seeds: number, fewest: number): string {
  return `${total} (${Math.round(total / seeds)} per seed, at least ${fewest})`;
}

const byCount = ([, a]: [string, number], [, b]: [string, number]): number => b - a;

function addAll(to: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to.set(name, (to.get(name) ?? 0) + count);
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, one) => total + one, 0);
}
