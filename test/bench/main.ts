// `npm run bench`: every bar of the product on this machine, printed as a table with the bar beside the figure.
// Ratios are against a floor measured in the same run. `npm run bench -- NAME…` runs only measures whose name has it.
import { bootSpeed } from './boot.ts';
import { candidateSpeed } from './candidates.ts';
import { clusterFailover } from './cluster-failover.ts';
import { clusterStorm } from './cluster-storm.ts';
import { createLatency, createStorm } from './create.ts';
import { journalSpeed } from './journal.ts';
import { largeCloud } from './large-cloud.ts';
import { listSpeed } from './list.ts';
import { overload } from './overload.ts';
import { recovery } from './recovery.ts';
import { realGuest } from './real-guest.ts';
import { schedulerSpeed } from './scheduler.ts';
import { printTable, type Row } from './table.ts';
import { tokenSpeed } from './tokens.ts';
import { transportSpeed } from './transport.ts';

const measures: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  up: bootSpeed,
  create: createLatency,
  storm: createStorm,
  journal: journalSpeed,
  list: listSpeed,
  candidates: candidateSpeed,
  tokens: tokenSpeed,
  overload,
  scheduler: schedulerSpeed,
  transport: transportSpeed,
  'cluster-storm': clusterStorm,
  'cluster-failover': clusterFailover,
  recovery,
  guest: realGuest,
};

/** Those that take too long for a run of all. */
const longMeasures: typeof measures = { 'large-cloud': largeCloud };

const wanted = process.argv.slice(2);
const rows: Row[] = [];
const choice = wanted.length === 0 ? measures : { ...measures, ...longMeasures };
for (const [name, measure] of Object.entries(choice)) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  process.stderr.write(`measuring ${name} …\n`);
  rows.push(...(await measure()));
}
printTable(rows);
process.exitCode = rows.every((row) => row.isMet) ? 0 : 1;
