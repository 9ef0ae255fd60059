// Three times more creates than the cloud can take: what is over is told so at once, what is taken is as much as at the
// peak, and memory stays within its bound. One process, simulated hypervisor, journal on SQLite with full sync.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../e2e/launched-cloud.ts';
import { BenchCloud } from './bench-cloud.ts';
import { Connection } from './http.ts';
import type { LoadOrder, LoadReport } from './load-client.ts';
import { ms, type Row } from './table.ts';

const PEAK_CONCURRENCY = 64;
const LOAD_MS = 15_000;
/** Before each: a process that has just started runs slowly, and a load finds that in another proportion. */
const WARM_UP_MS = 4_000;
const MAX_SERVERS = 60_000;
const OVERLOAD_CONNECTIONS = 512;
const TIMES = 3;
const MEMORY_EVERY_MS = 500;
const TICKS_PER_SECOND = 100;
const REST_WITHIN_MS = 120_000;

interface Phase {
  readonly load: LoadReport;
  readonly peakMiB: number;
  /** Of the servers that came to be, until the last one was ACTIVE. */
  readonly bootedPerSecond: number;
}

export async function overload(): Promise<readonly Row[]> {
  const peak = await phase({ forMs: LOAD_MS, connections: PEAK_CONCURRENCY });
  const peakRate = peak.load.accepted / peak.load.seconds;
  const over = await phase({
    forMs: LOAD_MS,
    connections: OVERLOAD_CONNECTIONS,
    rate: TIMES * peakRate,
  });
  return rowsOf(peak, over);
}

function rowsOf(peak: Phase, over: Phase): readonly Row[] {
  const { load } = over;
  const peakRate = peak.load.accepted / peak.load.seconds;
  const rate = load.accepted / load.seconds;
  const part = (100 * rate) / peakRate;
  const isClean = load.failed === 0 && load.saidWhen === load.refused && load.refused > 0;
  return [
    {
      what: `creates offered at ${TIMES}× the peak for ${LOAD_MS / 1000} s: accepted (p99 ${ms(load.acceptedP99Ms)}; peak ${peakRate.toFixed(0)}/s, p99 ${ms(peak.load.acceptedP99Ms)}; all ACTIVE: ${over.bootedPerSecond.toFixed(0)}/s, peak ${peak.bootedPerSecond.toFixed(0)}/s)`,
      figure: `${rate.toFixed(0)}/s, ${part.toFixed(0)} % of peak`,
      bar: '≥ 90 % of peak',
      isMet: part >= 90,
    },
    {
      what: `the excess: 503 with Retry-After, p99 (p50 ${ms(load.refusedP50Ms)}; ${load.refused} refused, ${load.unsent} not sent, ${load.failed} failed)`,
      figure: ms(load.refusedP99Ms),
      bar: '≤ 50 ms, all with Retry-After, 0 failed',
      isMet: load.refusedP99Ms <= 50 && isClean,
    },
    {
      what: 'memory meanwhile, PSS of the process, highest',
      figure: `${over.peakMiB.toFixed(0)} MiB`,
      bar: '≤ 512 MB',
      isMet: over.peakMiB * 1.048576 <= 512,
    },
  ];
}

/** One load on a new cloud, so that both meet as many servers; ends when every server that came to be is ACTIVE. */
async function phase(load: Pick<LoadOrder, 'forMs' | 'connections' | 'rate'>): Promise<Phase> {
  const cloud = await BenchCloud.start({ cidr: '10.96.0.0/16', hypervisor: 'simulated' });
  await cloud.raiseQuotas(MAX_SERVERS);
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, pssMiB(cloud.pid));
  }, MEMORY_EVERY_MS);
  try {
    await offer(cloud, { forMs: WARM_UP_MS, connections: PEAK_CONCURRENCY });
    await until('the warm-up to be built', () => noneBuilding(cloud), REST_WITHIN_MS);
    const startMs = performance.now();
    const beforeSeconds = processorSeconds(cloud.pid);
    const report = await offer(cloud, load);
    const busy = (processorSeconds(cloud.pid) - beforeSeconds) / report.seconds;
    // Far below one, something else had the machine, and the figures tell of that.
    process.stderr.write(
      `the server had ${busy.toFixed(2)} processors: ${JSON.stringify(report)}\n`,
    );
    await until('all servers to be built', () => noneBuilding(cloud), REST_WITHIN_MS);
    const bootedPerSecond = (1_000 * report.accepted) / (performance.now() - startMs);
    return { load: report, peakMiB, bootedPerSecond };
  } finally {
    clearInterval(watch);
    await cloud.launched.remove();
  }
}

async function offer(
  cloud: BenchCloud,
  load: Pick<LoadOrder, 'forMs' | 'connections' | 'rate'>,
): Promise<LoadReport> {
  const order: LoadOrder = {
    url: cloud.url,
    headers: cloud.headers,
    body: cloud.createBody('load'),
    ...load,
  };
  const client = join(import.meta.dirname, 'load-client.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [client, JSON.stringify(order)]);
  return JSON.parse(stdout) as LoadReport;
}

async function noneBuilding(cloud: BenchCloud): Promise<true | undefined> {
  const connection = await Connection.open(cloud.url);
  const path = '/compute/v2.1/servers?status=BUILD&limit=1';
  const { status, body } = await connection.send('GET', path, cloud.headers);
  connection.close();
  if (status !== 200) throw new Error(`${path} was answered ${status}: ${body.toString()}`);
  const { servers } = JSON.parse(body.toString()) as { servers: readonly unknown[] };
  return servers.length === 0 ? true : undefined;
}

/** Of all threads, in user and kernel mode. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Private memory and its share of what is shared. */
export function pssMiB(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss: +(\d+)/m.exec(rollup)?.[1]) / 1024;
}
