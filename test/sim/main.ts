// npm run sim -- [--seeds 10000] [--from 1] [--mix NAME] [--seed N] [--workers N] [--mutant NAME]
// npm run sim -- --mutants [--mutant NAME,NAME]
// Runs many walks over all cores, a sample of them twice, and says what they were and which of them failed and how.
// See docs/simulation.md.
import { parseArgs } from 'node:util';
import { type MixName, mixNames, mixOf } from './mixes.ts';
import { mutants } from './mutants.ts';
import { plantMutant } from './mutate.ts';
import openFaults from './open-faults.json' with { type: 'json' };
import { nameOf, Pool } from './pool.ts';
import { Tally } from './tally.ts';
import type { Result, Task } from './worker.ts';

interface Settings {
  readonly from: number;
  readonly seeds: number;
  readonly mix: MixName | undefined;
  readonly mutant: string | undefined;
  readonly workers: number | undefined;
}

/** So many seeds are run twice, to see that they run the same way. */
const SAMPLE = 200;
const MUTANT_SEEDS = 1_000;
const PROGRESS_MS = process.stderr.isTTY ? 1_000 : 15_000;
/** Failures are shrunk one after the other; of more than this only the names are told. */
const MOST_REPORTS = 3;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mix: { type: 'string' },
    mutant: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    workers: { type: 'string' },
  },
});
const settings: Settings = {
  from: numberOf('--seed', values.seed ?? values.from),
  seeds: values.seed === undefined ? numberOf('--seeds', values.seeds) : 1,
  mix: mixNamed(values.mix),
  mutant: values.mutant,
  workers: values.workers === undefined ? undefined : numberOf('--workers', values.workers),
};
if (values.mutants) process.exitCode = (await hunt(settings)) ? 0 : 1;
else process.exitCode = (await runAll(settings)) ? 0 : 1;

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`${name} takes a whole number, not ${text}`);
  return number;
}

function mixNamed(name: string | undefined): MixName | undefined {
  const known = mixNames.find((one) => one === name);
  if (name !== undefined && known === undefined)
    throw new Error(`there is no mix ${name}; there are ${mixNames.join(', ')}`);
  return known;
}

/** Every walk once, the sampled ones twice. */
function* tasksOf({ from, seeds, mix }: Settings): Generator<Task> {
  const every = Math.max(1, Math.floor(seeds / SAMPLE));
  for (let seed = from; seed < from + seeds; seed += 1) {
    const task = { seed, mix: mix ?? mixOf(seed) };
    yield task;
    if ((seed - from) % every === 0) yield task;
  }
}

async function runAll(settings: Settings): Promise<boolean> {
  const { seeds, mutant, workers } = settings;
  const tally = new Tally();
  const hashes = new Map<string, string>();
  const failed: Result[] = [];
  const unequal: string[] = [];
  let compared = 0;
  const timer = setInterval(() => progress(tally.progress(seeds)), PROGRESS_MS);
  const pool = new Pool({
    ...(mutant === undefined ? {} : { mutant }),
    ...(workers === undefined ? {} : { workers }),
  });
  try {
    await pool.run(tasksOf(settings), (result) => {
      const name = nameOf(result);
      const before = hashes.get(name);
      if (before === undefined) {
        hashes.set(name, result.hash);
        tally.add(result);
        if (result.violations.length > 0) {
          const open = openFaultOf(result);
          if (open === undefined) failed.push(result);
          say(open === undefined ? failureOf(result) : `OPEN ${name}: ${open}`);
        }
      } else {
        compared += 1;
        if (before !== result.hash) unequal.push(name);
      }
      return 'go on';
    });
  } finally {
    clearInterval(timer);
    progress('');
  }
  say(tally.summary());
  say(`run twice                ${compared}, of which ${unequal.length} ran another way`);
  for (const name of unequal) say(`  ${name}`);
  await tell(failed, settings);
  return failed.length === 0 && unequal.length === 0;
}

/** What is known of a walk that fails by a fault that is not mended yet; each stands in docs/failure-model.md, too. */
function openFaultOf({ seed, mix }: Result): string | undefined {
  return openFaults.faults.find((one) => one.seed === seed && one.mix === mix)?.about;
}

function failureOf(one: Result): string {
  return `FAILED ${nameOf(one)}: ${one.violations[0] ?? 'no reason'} (${one.violations.length})`;
}

async function tell(failed: readonly Result[], { mutant }: Settings): Promise<void> {
  if (failed.length === 0) return;
  if (mutant !== undefined) plantMutant(mutant);
  Error.stackTraceLimit = 0;
  process.on('unhandledRejection', () => undefined);
  const { planOf } = await import('./plan.ts');
  const { reportOf } = await import('./report.ts');
  for (const { seed, mix } of failed.slice(0, MOST_REPORTS)) {
    say(`\nmaking ${nameOf({ seed, mix })} shorter …`);
    say(await reportOf(planOf(seed, mix)));
  }
}

/** Each mutant must be caught; says by what, and how soon. */
async function hunt({ from, mix, mutant, workers }: Settings): Promise<boolean> {
  const survivors: string[] = [];
  const hunted = Object.entries(mutants).filter(
    ([name]) => mutant === undefined || mutant.split(',').includes(name),
  );
  for (const [name, { about }] of hunted) {
    const pool = new Pool({ mutant: name, ...(workers === undefined ? {} : { workers }) });
    let seeds = 0;
    let caught: Result | undefined;
    const tasks = tasksOf({ from, seeds: MUTANT_SEEDS, mix, mutant: name, workers });
    await pool.run(onceEach(tasks), (result) => {
      seeds += 1;
      if (result.violations.length === 0 || caught !== undefined) return 'go on';
      caught = result;
      return 'stop';
    });
    if (caught === undefined) survivors.push(name);
    const how =
      caught === undefined
        ? `SURVIVES ${seeds} seeds`
        : `seed ${String(seeds).padStart(4)} (${caught.mix})  ${caught.violations[0]?.slice(0, 120)}`;
    say(`${name.padEnd(32)} ${how}${caught === undefined ? `: ${about}` : ''}`);
  }
  say(`${hunted.length - survivors.length} of ${hunted.length} mutants were caught`);
  return survivors.length === 0;
}

function* onceEach(tasks: Iterable<Task>): Generator<Task> {
  let last: number | undefined;
  for (const task of tasks) {
    if (task.seed !== last) yield task;
    last = task.seed;
  }
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${line.padEnd(70)}\r`);
  else if (line !== '') process.stderr.write(`${line}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
