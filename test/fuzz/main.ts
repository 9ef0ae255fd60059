// `npm run fuzz -- --requests 100000 [--seed N] [--only 'image POST /image/v2/tasks']`: fuzzed requests to a whole cloud in
// this process. Ends with 1 if an answer was wrong or memory grew.
import { parseArgs } from 'node:util';
import { fuzz, type FuzzReport } from './run.ts';
import { growthComplaint } from './growth.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    only: { type: 'string', default: '.' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const requests = Number(values.requests);
const seed = Number(values.seed);
if (!Number.isSafeInteger(requests) || requests < 1 || !Number.isSafeInteger(seed))
  throw new Error('--requests wants a number from 1, --seed a whole number');

say(`seed ${seed}`);
const started = performance.now();
const report = await fuzz({ requests, seed, only: new RegExp(values.only), onProgress: say });
tell(report, (performance.now() - started) / 1_000);
const growth = growthComplaint(report);
if (growth !== undefined) say(`FAILED ${growth}`);
process.exitCode = report.complaints.size === 0 && growth === undefined ? 0 : 1;

function tell(
  { byStatus, byFault, overloaded, complaints, heapMiB }: FuzzReport,
  seconds: number,
): void {
  for (const [kind, { first, count }] of complaints) say(`FAILED ${count} x ${kind}\n  ${first}`);
  say(`by status: ${figures(byStatus)}`);
  say(`by fault: ${figures(byFault)}`);
  say(
    `${requests} requests in ${seconds.toFixed(0)} s, ${overloaded} of them refused for overload; heap ${heapMiB.map((each) => each.toFixed(1)).join(' -> ')} MiB; ${complaints.size} kinds of complaint`,
  );
}

function figures(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
