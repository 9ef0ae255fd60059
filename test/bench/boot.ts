// From the command to APIs that answer, on a host that is set up already; and what the idle cloud costs.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCloud } from './bench-cloud.ts';
import { quantile, type Row } from './table.ts';

const RUNS = 7;
const IDLE_MS = 10_000;

export async function bootSpeed(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({ cidr: '10.92.0.0/24' });
  try {
    const seconds: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      await cloud.launched.kilonova('down');
      const startMs = performance.now();
      await cloud.launched.up();
      seconds.push((performance.now() - startMs) / 1000);
    }
    await cloud.connect();
    await sleep(IDLE_MS);
    const pssMiB =
      Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${cloud.pid}/smaps_rollup`, 'utf8'))?.[1]) /
      1024;
    const median = quantile(seconds, 0.5);
    return [
      {
        what: '`up` warm, libvirt, command to API ready (median)',
        figure: `${median.toFixed(2)} s`,
        bar: '≤ 1.0 s',
        isMet: median <= 1,
      },
      {
        what: 'idle all-in-one, one process, PSS',
        figure: `${pssMiB.toFixed(0)} MiB`,
        bar: '≤ 120 MB',
        isMet: pssMiB * 1.048576 <= 120,
      },
    ];
  } finally {
    await cloud.launched.remove();
  }
}
