// The planted faults are up to date, and planting works: one of them is found at once. All are hunted by
// npm run sim -- --mutants.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutants } from './mutants.ts';
import { Pool } from './pool.ts';

const root = join(import.meta.dirname, '../..');

describe('planted faults', () => {
  it.each(Object.entries(mutants))(
    '%s is in its file exactly once',
    (_name, { file, text, by }) => {
      const parts = readFileSync(join(root, file), 'utf8').split(text);
      expect(parts.length - 1).toBe(1);
      expect(by).not.toBe(text);
    },
  );

  it('are at least twenty', () => {
    expect(Object.keys(mutants).length).toBeGreaterThanOrEqual(20);
  });

  it('turn walks red', { timeout: 60_000 }, async () => {
    const found: string[] = [];
    const tasks = [1, 2, 3, 4].map((seed) => ({ seed, mix: 'alone' as const }));
    await new Pool({ mutant: 'run-epoch-reused', workers: 1 }).run(tasks, ({ violations }) => {
      found.push(...violations);
      return violations.length > 0 ? 'stop' : 'go on';
    });
    expect(found[0]).toMatch(/^grant: aaaa\d{4}-.*@1 was given after 1$/);
  });
});
