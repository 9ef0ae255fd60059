// A process of the runner (main.ts): runs the walks that it is handed, one at a time, and tells what came of each. A
// planted fault, if there is one, is put into the production code while that is being loaded.
import { plantMutant } from './mutate.ts';
import type { MixName } from './mixes.ts';

export interface Task {
  readonly seed: number;
  readonly mix: MixName;
}

/** What a walk was, without its story. */
export interface Result extends Task {
  readonly violations: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
}

// Stacks are made for thousands of expected faults and read by nobody.
Error.stackTraceLimit = 0;
const mutant = process.argv[2];
if (mutant !== undefined && mutant !== '') plantMutant(mutant);

const { planOf } = await import('./plan.ts');
const { runPlan } = await import('./walk.ts');

/** Rejections that nobody handles, and errors that nobody catches, are faults of the walk that is under way. */
const troubles: string[] = [];
process.on('unhandledRejection', (reason) => troubles.push(`unhandled: ${wordsOf(reason)}`));
process.on('uncaughtException', (error) => troubles.push(`uncaught: ${wordsOf(error)}`));

process.on('message', (task: Task) => {
  void run(task).then((result) => process.send?.(result));
});

async function run({ seed, mix }: Task): Promise<Result> {
  troubles.length = 0;
  const {
    violations,
    story: _story,
    stepsRun: _stepsRun,
    ...outcome
  } = await runPlan(planOf(seed, mix));
  return { seed, mix, ...outcome, violations: [...violations, ...troubles] };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
