// The worker processes of the runner: one per core, each with one walk at a time.
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Result, Task } from './worker.ts';

export interface PoolOptions {
  readonly mutant?: string;
  readonly workers?: number;
}

/** A walk that does not end within this is stuck in a loop that no virtual time passes in. */
const STUCK_MS = 120_000;

export class Pool {
  readonly #mutant: string | undefined;
  readonly #workers: ChildProcess[] = [];
  readonly #size: number;
  #isStopped = false;

  constructor({ mutant, workers = availableParallelism() }: PoolOptions = {}) {
    this.#mutant = mutant;
    this.#size = workers;
  }

  /** Runs the tasks until they are done, or `heard` says that it is enough. */
  async run(tasks: Iterable<Task>, heard: (result: Result) => 'go on' | 'stop'): Promise<void> {
    const rest = tasks[Symbol.iterator]();
    await Promise.all(Array.from({ length: this.#size }, () => this.#work(rest, heard)));
  }

  #work(rest: Iterator<Task>, heard: (result: Result) => 'go on' | 'stop'): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = this.#start();
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        worker.removeAllListeners('exit');
        worker.disconnect();
        resolve();
      };
      const next = (): void => {
        clearTimeout(timer);
        const { value: task, done } = rest.next();
        if (done === true || this.#isStopped) return end();
        timer = setTimeout(() => {
          worker.kill('SIGKILL');
          reject(new Error(`${nameOf(task)} did not end within ${STUCK_MS / 1000} s`));
        }, STUCK_MS);
        worker.send(task);
      };
      worker.on('message', (result: Result) => {
        if (heard(result) === 'stop') this.#isStopped = true;
        next();
      });
      worker.on('exit', (code, signal) =>
        reject(new Error(`a worker ended with ${code ?? signal ?? 'nothing'}`)),
      );
      next();
    });
  }

  #start(): ChildProcess {
    const worker = fork(join(import.meta.dirname, 'worker.ts'), [this.#mutant ?? ''], {
      execArgv: ['--max-semi-space-size=32', '--disable-warning=ExperimentalWarning'],
    });
    this.#workers.push(worker);
    return worker;
  }
}

export function nameOf({ seed, mix }: Task): string {
  return `seed ${seed} of ${mix}`;
}
