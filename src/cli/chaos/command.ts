// `kilonova chaos`: runs it in a directory of its own, says each second what goes on, and ends with a table and each
// violation in words. Exit code 1 if there is one. Ctrl-C ends all of its processes.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ChaosArguments } from '../arguments.ts';
import { table } from '../table.ts';
import { type ChaosReport, runChaos } from './chaos.ts';

const MINUTE_MS = 60_000;

export async function chaos(options: ChaosArguments): Promise<number> {
  const seed =
    options.seed === undefined ? Date.now() % 1_000_000 : positive('--seed', options.seed);
  const directory = directoryOf(options.data);
  const isOurs = options.data === undefined;
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => ending.abort(new Error(`ended by ${signal}`)));
  let isWell = false;
  try {
    say(`seed ${seed}`);
    const report = await runChaos({
      directory,
      seed,
      forMs: positive('--minutes', options.minutes) * MINUTE_MS,
      controllers: positive('--controllers', options.controllers),
      computes: positive('--computes', options.computes),
      rate: positive('--rate', options.rate),
      say,
      signal: ending.signal,
    });
    sayReport(report);
    isWell = report.violations.length === 0;
    return isWell ? 0 : 1;
  } finally {
    if (isOurs && isWell && options.keep !== true)
      rmSync(directory, { recursive: true, force: true });
    else say(`logs, requests and faults are in ${directory}`);
  }
}

/** A new one in the temporary directory, or the one that was named if it is empty. */
function directoryOf(data: string | undefined): string {
  if (data === undefined) return mkdtempSync(join(tmpdir(), 'kilonova-chaos-'));
  const directory = resolve(data);
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0)
    throw new Error(`${directory} is not empty: chaos begins with a new cluster; name another one`);
  return directory;
}

export function sayReport(report: ChaosReport): void {
  const { seed, faults, acknowledged, refused, unknown, reads, servers } = report;
  const { healedMs, journal, looksAtGuests, surprises, violations } = report;
  say(
    table(
      ['CHAOS', ''],
      [
        ['seed', seed],
        ['faults', faults],
        ['changes acknowledged', acknowledged],
        ['changes refused, without effect', refused],
        ['changes of unknown outcome', unknown],
        ['reads', reads],
        ['servers at the end', servers],
        ['at rest after the last fault', `${(healedMs / 1000).toFixed(1)} s`],
        ['looks at running guests', looksAtGuests],
        ['journal', `${journal.entries} entries, ${journal.streams} streams`],
        ['processes that ended by themselves', surprises.length],
      ],
    ),
  );
  for (const surprise of surprises) say(surprise);
  for (const violation of violations) say(`VIOLATION ${violation}`);
  say(`${violations.length} violations`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`${option} wants a number above 0, not ${text}`);
  return value;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
