// `kilonova up`: prepares the host, starts the cloud, and says what to type next. With --detach the cloud runs on
// in a process of its own.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Config } from '#config/schema.ts';
import { processKindOf, type TinyImage } from '#main';
import type { MemberArguments, UpArguments } from './arguments.ts';
import { readMemberFile } from '../member-file.ts';
import { loadPolicy } from '../policy-file.ts';
import { findRunning } from './run-file.ts';
import { readSettings } from './settings.ts';

/** A large journal is read before anything is served. */
const READY_WITHIN_MS = 600_000;
const SAY_EVERY_MS = 15_000;
const LOOK_MS = 20;

export async function up(options: UpArguments): Promise<void> {
  const startedMs = performance.now();
  const config = await readSettings(options);
  const running = findRunning(config.data);
  if (running !== undefined) {
    throw new Error(
      `a ${running.url === '' ? 'compute member' : 'cloud'} runs already on ${config.data}: process ${running.pid}, ${running.url}. Stop it with: ./kilonova down${dataOption(options)}`,
    );
  }
  refuseNonsense(options, config);
  if (config.policyFile !== undefined) loadPolicy(config.policyFile);
  mkdirSync(config.data, { recursive: true, mode: 0o755 });
  const image = await prepare(config);
  if (options.detach === true) await startDetached(config, image);
  else await startHere(config, image);
  const { url, hypervisor } = findRunning(config.data) ?? { url: '', hypervisor: '' };
  const warning =
    hypervisor === 'simulated'
      ? 'SIMULATED hypervisor: servers are made up, nothing really runs. '
      : '';
  say(
    `${warning}${url === '' ? 'a compute member: its controllers have the APIs' : `APIs at ${url}`}`,
  );
  if (url !== '') sayNext(config);
  say(`ready in ${((performance.now() - startedMs) / 1000).toFixed(2)} s`);
}

/** What is said for members of a cluster makes sense for them alone. Throws in words. */
function refuseNonsense({ role, peerListen }: MemberArguments, config: Config): void {
  const kind = processKindOf(config);
  if (kind === 'embedded' && (role !== undefined || peerListen !== undefined))
    throw new Error('--role and --peer-listen are for members of a cluster: give --redis URL, too');
  if (kind === 'compute' && readMemberFile(config.data) === undefined)
    throw new Error(
      'a compute member joins with a token: ./kilonova token create --role compute on a controller, then ./kilonova join TOKEN here',
    );
}

/** What the host must have. Only what is missing is looked into, so that a warm start stays quick. */
async function prepare(config: Config): Promise<TinyImage> {
  const { prepareHost } = await import('./prepare.ts');
  return prepareHost(config, say);
}

async function startHere(config: Config, image: TinyImage): Promise<void> {
  const { serve, wordsOf } = await import('./serve.ts');
  try {
    await serve(config, image);
  } catch (error) {
    throw new Error(wordsOf(error, config), { cause: error });
  }
}

async function startDetached(config: Config, image: TinyImage): Promise<void> {
  const logPath = join(config.data, 'kilonova.log');
  const startOfLog = existsSync(logPath) ? statSync(logPath).size : 0;
  const log = openSync(logPath, 'a', 0o640);
  const child = spawn(
    process.execPath,
    [
      ...heapOptions(config),
      join(import.meta.dirname, 'serve.ts'),
      JSON.stringify({ config, image }),
    ],
    {
      detached: true,
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  let ended: string | undefined;
  child.on('exit', (code, signal) => {
    ended = `ended with ${signal ?? code}`;
  });
  child.on('error', (error) => {
    ended = error.message;
  });
  try {
    await untilReady(config, () => ended);
  } catch (error) {
    if (ended === undefined) child.kill();
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`${words} The end of ${logPath}:\n${lastLines(logPath, startOfLog)}`, {
      cause: error,
    });
  }
  child.unref();
}

/** Throws when the process has ended, or takes too long. Says now and then that it goes on. */
async function untilReady(config: Config, ended: () => string | undefined): Promise<void> {
  const startMs = performance.now();
  let sayMs = startMs + SAY_EVERY_MS;
  while (findRunning(config.data) === undefined) {
    const how = ended();
    if (how !== undefined) throw new Error(`the cloud did not start (${how}).`);
    const nowMs = performance.now();
    if (nowMs > startMs + READY_WITHIN_MS)
      throw new Error(`the cloud was not ready within ${READY_WITHIN_MS / 1000} s.`);
    if (nowMs > sayMs) {
      const seconds = Math.round((nowMs - startMs) / 1000);
      process.stderr.write(`kilonova: starting for ${seconds} s; a large journal takes a while\n`);
      sayMs += SAY_EVERY_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The launcher's heap is sized for idle processes; a cluster's controllers are there to be busy. */
function heapOptions(config: Config): readonly string[] {
  return processKindOf(config) === 'controller' ? ['--max-semi-space-size=16'] : process.execArgv;
}

/** Of what was written after `start`, a number of bytes. */
function lastLines(path: string, start: number): string {
  return readFileSync(path).subarray(start).toString().trimEnd().split('\n').slice(-10).join('\n');
}

function sayNext(config: Config): void {
  const near = relative(process.cwd(), config.data) || '.';
  const path = near.startsWith('..') ? config.data : near;
  say('next, type:');
  say(`  export OS_CLIENT_CONFIG_FILE=${join(path, 'clouds.yaml')} OS_CLOUD=kilonova`);
  say('  openstack server create --image tiny --flavor m1.tiny --network private --wait vm1');
  say('  openstack console log show vm1');
}

function dataOption(options: Pick<UpArguments, 'data'>): string {
  return options.data === undefined ? '' : ` --data ${options.data}`;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
