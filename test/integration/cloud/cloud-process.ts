// A cloud in a process of its own, for tests that kill it: started by ./kilonova in a private data directory, ended by
// kill -9 at any moment, started again. What it prints is kept in a file; nothing is left after `remove`.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartialConfig } from '#config/schema.ts';
import { LaunchedCloud, root } from '#test/e2e/launched-cloud.ts';
import { type Account, ApiClient } from '#cli/chaos/api-client.ts';

interface RunFile {
  readonly pid: number;
  readonly url: string;
}

const READY_WITHIN_MS = 30_000;
const LOOK_MS = 10;

export class CloudProcess {
  readonly directory: string;
  readonly data: string;
  readonly #launched: LaunchedCloud;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(launched: LaunchedCloud) {
    this.#launched = launched;
    this.directory = launched.directory;
    this.data = launched.data;
  }

  static async prepare(
    options: Parameters<typeof LaunchedCloud.prepare>[0],
  ): Promise<CloudProcess> {
    return new CloudProcess(await LaunchedCloud.prepare(options));
  }

  /** Before the next start: these settings go over those there, one part at a time. */
  change(changes: PartialConfig): void {
    const { config: path } = this.#launched;
    const text = readFileSync(path, 'utf8');
    const config = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as object;
    writeFileSync(path, `export default ${JSON.stringify({ ...config, ...changes })};\n`);
  }

  /** What the cloud printed and logged since it was first started. */
  get log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  /** What the cloud logged as an error: each is a fault of its own. */
  get errors(): readonly string[] {
    return this.log.split('\n').filter((line) => line.startsWith('{"level":"error"'));
  }

  /** Only begins: the process may be killed before it is ready. */
  begin(): void {
    const log = openSync(this.#logPath, 'a');
    rmSync(join(this.data, 'run.json'), { force: true });
    const child = spawn(join(root, 'kilonova'), ['up', '--config', this.#launched.config], {
      cwd: root,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((done) => child.once('exit', () => done()));
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (this.#run() === undefined) {
      if (this.#child?.exitCode !== null || performance.now() > deadline)
        throw new Error(`the cloud did not start: ${this.log.slice(-2_000)}`);
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  async up(): Promise<void> {
    this.begin();
    await this.ready();
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** In order, as a signal asks for it; guests go on. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#ended;
  }

  login(account: 'demo' | 'admin'): Promise<ApiClient> {
    const secrets = JSON.parse(readFileSync(join(this.data, 'secrets.json'), 'utf8')) as {
      readonly adminPassword: string;
      readonly userPassword: string;
    };
    const accounts: Readonly<Record<typeof account, Account>> = {
      demo: { user: 'demo', password: secrets.userPassword, project: 'demo' },
      admin: { user: 'admin', password: secrets.adminPassword, project: 'admin' },
    };
    const run = this.#run();
    if (run === undefined) throw new Error('the cloud does not run');
    return ApiClient.login(run.url, accounts[account]);
  }

  async remove(): Promise<void> {
    await this.kill();
    await this.#launched.remove();
  }

  get #logPath(): string {
    return join(this.directory, 'cloud.log');
  }

  #run(): RunFile | undefined {
    try {
      return JSON.parse(readFileSync(join(this.data, 'run.json'), 'utf8')) as RunFile;
    } catch {
      return undefined;
    }
  }
}
