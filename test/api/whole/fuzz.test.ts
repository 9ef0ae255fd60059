// The quick form of `npm run fuzz`: some thousand requests made from every service's schemas, most with a fault in them.
import { expect, it } from 'vitest';
import { fuzz } from '#test/fuzz/run.ts';
import { growthComplaint } from '#test/fuzz/growth.ts';

const REQUESTS = 3_000;
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_129);
/** Some seconds on an idle machine. */
const FUZZ_WITHIN_MS = 180_000;

it(
  `fuzzed requests from the schemas are answered in the services' forms, seed ${seed}`,
  async () => {
    const report = await fuzz({ requests: REQUESTS, seed });
    expect(Object.fromEntries(report.complaints)).toEqual({});
    expect(growthComplaint(report)).toBeUndefined();
    const { byStatus, byFault, requests, overloaded } = report;
    expect(requests).toBe(REQUESTS);
    expect(overloaded).toBeLessThan(REQUESTS / 10);
    // It reaches what is behind the checks, and it meets the checks.
    const answers = (least: number, below: number): number =>
      Object.entries(byStatus)
        .filter(([status]) => Number(status) >= least && Number(status) < below)
        .reduce((sum, [, count]) => sum + count, 0);
    expect(answers(200, 300)).toBeGreaterThan(REQUESTS / 20);
    expect(answers(400, 401)).toBeGreaterThan(REQUESTS / 20);
    expect(answers(401, 500)).toBeGreaterThan(REQUESTS / 20);
    expect(Object.keys(byFault).length).toBeGreaterThan(25);
  },
  FUZZ_WITHIN_MS,
);

it('memory that grows with the number of requests is told', () => {
  expect(growthComplaint({ requests: 90_000, heapMiB: [60, 75] })).toBeUndefined();
  expect(growthComplaint({ requests: 90_000, heapMiB: [60, 300] })).toBe(
    'memory grew from 60.0 to 300.0 MiB in 60000 requests; at most 23.4 MiB more was expected',
  );
});
