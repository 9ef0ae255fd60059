// A cluster of real processes under load, killed and frozen at random for a minute: every acknowledged request is there
// afterwards, and nothing else. CHAOS_SEED repeats a run, as far as real processes allow. A longer one: kilonova chaos.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChaos } from '#cli/chaos/chaos.ts';

const FAULTS_FOR_MS = 60_000;
const seed = Number(process.env['CHAOS_SEED'] ?? 20_261);

describe(`chaos, seed ${seed}`, () => {
  it('loses no acknowledged request, runs no guest twice and comes to rest', {
    timeout: 420_000,
  }, async ({ onTestFinished, task }) => {
    const directory = mkdtempSync(join(tmpdir(), 'kilonova-chaos-'));
    onTestFinished(() => {
      if (task.result?.state === 'pass') rmSync(directory, { recursive: true, force: true });
      else process.stdout.write(`logs, requests and faults are in ${directory}\n`);
    });
    const report = await runChaos({
      directory,
      seed,
      forMs: FAULTS_FOR_MS,
      controllers: 3,
      computes: 3,
      rate: 60,
      say: (line) => process.stdout.write(`${line}\n`),
    });
    expect(report.violations).toEqual([]);
    // It must have been a load, and a storm.
    expect(report.acknowledged).toBeGreaterThan(200);
    expect(report.faults).toBeGreaterThan(10);
    expect(report.journal.entries).toBeGreaterThan(report.acknowledged);
  });
});
