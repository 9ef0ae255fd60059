// `kilonova test`: sets up what the tests need, then runs checks and every suite. Its last line counts the tests.
// A missing dependency is a failure, never a skip.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installNeeds, missingNeeds } from './debian.ts';
import { tinyImage } from './prepare.ts';
import { root } from './settings.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

/** Walks of the simulator: ten thousand where nobody waits for them. */
const CI_SEEDS = 10_000;
const LOCAL_SEEDS = 1_000;

export async function test(filter: readonly string[]): Promise<number> {
  await setUp();
  const isWhole = filter.length === 0;
  const checks = isWhole ? await runChecks() : 0;
  const report = await runSuites(filter);
  const simulations = isWhole ? await runSimulations() : { passed: 0, failed: 0 };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  for (const file of brokenFiles) say(`FAILED ${file.name}: ${file.message}`);
  for (const one of report.testResults.flatMap((file) => file.assertionResults))
    if (one.status === 'failed') say(`FAILED ${one.fullName}`);
  const skipped = report.numPendingTests + report.numTodoTests;
  const failed = report.numFailedTests + brokenFiles.length + checks + simulations.failed;
  const passed = report.numPassedTests + simulations.passed;
  say(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
  return failed === 0 && report.numPassedTests > 0 ? 0 : 1;
}

async function setUp(): Promise<void> {
  const missing = missingNeeds({ tests: true });
  if (missing.length > 0 && process.getuid?.() !== 0) {
    throw new Error(
      `the tests need Debian packages that are missing: ${missing.map((need) => need.package).join(' ')}. Run this as root, or install them.`,
    );
  }
  await installNeeds(missing, say);
  await tinyImage(say);
}

/** Types, format, lint: one failure each. */
async function runChecks(): Promise<number> {
  let failed = 0;
  for (const script of ['check:types', 'check:format', 'check:lint']) {
    const code = await run('npm', ['run', '--silent', script]);
    say(`${code === 0 ? 'ok    ' : 'FAILED'} npm run ${script}`);
    if (code !== 0) failed += 1;
  }
  return failed;
}

/** Disasters by the thousand, and proof that the simulator would see a fault: each of the two counts as one test. */
async function runSimulations(): Promise<{ readonly passed: number; readonly failed: number }> {
  const seeds = process.env['CI'] === undefined ? LOCAL_SEEDS : CI_SEEDS;
  const runs = [['--seeds', String(seeds)], ['--mutants']];
  let failed = 0;
  for (const args of runs) {
    const code = await run(process.execPath, [join(root, 'test/sim/main.ts'), ...args]);
    say(`${code === 0 ? 'ok    ' : 'FAILED'} npm run sim -- ${args.join(' ')}`);
    if (code !== 0) failed += 1;
  }
  return { passed: runs.length - failed, failed };
}

async function runSuites(filter: readonly string[]): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'kilonova-test-'));
  const path = join(directory, 'report.json');
  try {
    await run(process.execPath, [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...filter,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${path}`,
    ]);
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
