// Looks at the simulated hosts while the run goes on: no guest runs on two hosts at once, ever (I1). Files of different
// hosts are read one after the other, so a guest counts as running twice only if its first host still has it afterwards.
import { StateFile } from './state-files.ts';

const LOOK_MS = 50;

export class GuestWatch {
  looks = 0;
  /** In words, once per guest. */
  readonly violations: string[] = [];
  readonly #files: readonly StateFile[];
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(paths: readonly string[]) {
    this.#files = paths.map((path) => new StateFile(path));
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.look();
  }

  look(): void {
    this.looks += 1;
    const firstHost = new Map<string, StateFile>();
    for (const file of this.#files)
      for (const id of runningIn(file)) {
        const other = firstHost.get(id);
        if (other === undefined) firstHost.set(id, file);
        else if (!this.#told.has(id) && runningIn(other).includes(id))
          this.#tell(id, [other, file]);
      }
  }

  #tell(id: string, files: readonly StateFile[]): void {
    this.#told.add(id);
    this.violations.push(
      `guest ${id} runs on two hosts at once: ${files.map(({ path }) => path).join(' and ')}`,
    );
  }
}

function runningIn(file: StateFile): readonly string[] {
  return file
    .look()
    .guests()
    .filter(({ power }) => power === 'running')
    .map(({ id }) => id);
}
