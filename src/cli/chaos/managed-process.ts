// One process of the cluster under test: started, killed, frozen and started again, by its own pid and no other. As under
// a service's supervisor, it is started again when it ends by itself. It stands in a process group of its own, so that
// Ctrl-C reaches only the command that ends it in order; whatever ends that command ends its processes, too.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logPath: string;
}

/** Between its end and the start by the supervisor. */
const RESTART_MS = 500;
const STOP_WITHIN_MS = 20_000;

const running = new Set<ChildProcess>();

/** Last resort, also for an exception that nobody caught. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ManagedProcess {
  readonly name: string;
  /** Ends that nobody here asked for: code or signal. */
  readonly surprises: string[] = [];
  readonly #options: ProcessOptions;
  #args: readonly string[];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isWanted = false;
  #isFrozen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#args = options.args;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** What it printed since it was first started. */
  get log(): string {
    return readFileSync(this.#options.logPath, 'utf8');
  }

  /** From the next start on. */
  useArguments(args: readonly string[]): void {
    this.#args = args;
  }

  /** Does not wait until it is ready. */
  start(): void {
    clearTimeout(this.#timer);
    this.#isWanted = true;
    if (this.#child !== undefined) return;
    const log = openSync(this.#options.logPath, 'a');
    const child = spawn(this.#options.command, this.#args, {
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    running.add(child);
    this.#child = child;
    this.#isFrozen = false;
    this.#ended = new Promise((done) => {
      const end = (how: string): void => {
        this.#gone(child, how);
        done();
      };
      child.once('exit', (code, signal) => end(signal ?? `code ${code}`));
      child.once('error', (error) => end(error.message));
    });
  }

  /** -9. Resolves when it is gone; it stays so until `start`. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** In order; killed if that takes too long. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.thaw();
    this.#child?.kill('SIGTERM');
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  freeze(): void {
    if (this.#child?.kill('SIGSTOP') === true) this.#isFrozen = true;
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
    this.#isFrozen = false;
  }

  #gone(child: ChildProcess, how: string): void {
    running.delete(child);
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#isFrozen = false;
    if (!this.#isWanted) return;
    this.surprises.push(how);
    this.#timer = setTimeout(() => this.start(), RESTART_MS);
  }
}
