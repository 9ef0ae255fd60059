// Does to the cluster what the plan says, when it says so, and mends each fault after its time. A fault that would leave
// nobody to serve waits: members start again as quickly as the machine lets them, which no plan knows beforehand.
import type { ManagedProcess } from './managed-process.ts';
import type { PlannedFault, Target } from './plan.ts';

export interface NemesisOptions {
  readonly faults: readonly PlannedFault[];
  readonly processOf: (target: Target) => ManagedProcess;
  /** Whether the cluster would still serve, or could, without this process. */
  readonly canSpare: (target: Target) => boolean;
  readonly serves: (target: Target) => boolean;
  /** Hears each fault and each mend in words. */
  readonly tell: (words: string) => void;
}

const LOOK_MS = 100;

export class Nemesis {
  begun = 0;
  readonly #options: NemesisOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #isOver = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** From now on, by the plan's clock. */
  start(): void {
    for (const fault of this.#options.faults)
      this.#after(fault.atMs, () => this.#commitWhenSpared(fault));
  }

  /** No further fault begins and none is mended: the caller mends all. */
  stop(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #commitWhenSpared(fault: PlannedFault): void {
    const { canSpare, serves } = this.#options;
    const { target, isMerciless } = fault;
    if (canSpare(target) && (isMerciless || serves(target))) void this.#commit(fault);
    else this.#after(LOOK_MS, () => this.#commitWhenSpared(fault));
  }

  async #commit({ target, does, forMs }: PlannedFault): Promise<void> {
    const { processOf, tell } = this.#options;
    const victim = processOf(target);
    this.begun += 1;
    tell(`${does === 'kill' ? 'kill -9' : 'SIGSTOP'} ${victim.name} for ${forMs} ms`);
    if (does === 'kill') await victim.kill();
    else victim.freeze();
    this.#after(forMs, () => {
      if (does === 'kill') victim.start();
      else victim.thaw();
      tell(`${victim.name} ${does === 'kill' ? 'is started again' : 'goes on'}`);
    });
  }

  #after(ms: number, then: () => void): void {
    if (this.#isOver) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}
