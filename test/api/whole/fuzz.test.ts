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
    for (const status of [200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 415])
      expect(byStatus[status], `answers of ${status}`).toBeGreaterThan(0);
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
