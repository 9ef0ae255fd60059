// Creates on the simulated hypervisor with the journal on SQLite, full sync: one at a time, and a storm.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BenchCloud } from './bench-cloud.ts';
import { Connection } from './http.ts';
import { ms, quantile, type Row } from './table.ts';

const ONE_BY_ONE = 200;
const STORM = 1_000;
const CONCURRENCY = 16;

/** What the disk takes for one small synced write: the floor that durable appends stand on. */
export function syncTimes(directory: string, count: number): readonly number[] {
  const file = openSync(join(directory, 'sync-probe'), 'w');
  const page = Buffer.alloc(4_096, 1);
  const times = Array.from({ length: count }, (_, index) => {
    const startMs = performance.now();
    writeSync(file, page, 0, page.length, index * page.length);
    fdatasyncSync(file);
    return performance.now() - startMs;
  });
  closeSync(file);
  return times;
}

export async function createLatency(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({ cidr: '10.93.0.0/20', hypervisor: 'simulated' });
  try {
    const connection = await Connection.open(cloud.url);
    const times: number[] = [];
    const syncs: number[] = [];
    for (let run = 0; run < ONE_BY_ONE; run += 1) {
      if (run % 20 === 0) syncs.push(...syncTimes(cloud.launched.data, 20));
      const reply = await cloud.create(connection, `one-${run}`);
      const acceptedMs = performance.now();
      const id = idOf(reply.status, reply.body);
      while ((await cloud.status(connection, id)) !== 'ACTIVE');
      times.push(performance.now() - acceptedMs);
    }
    connection.close();
    const syncMs = quantile(syncs, 0.5);
    const barMs = 10 + 4 * syncMs;
    const p50 = quantile(times, 0.5);
    return [
      {
        what: `create accepted → ACTIVE, one at a time, p50 (p99 ${ms(quantile(times, 0.99))})`,
        figure: ms(p50),
        bar: `≤ 10 ms + 4 × fsync ${ms(syncMs)} = ${ms(barMs)}`,
        isMet: p50 <= barMs,
      },
    ];
  } finally {
    await cloud.launched.remove();
  }
}

export async function createStorm(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({ cidr: '10.93.0.0/20', hypervisor: 'simulated' });
  try {
    const startMs = performance.now();
    let next = 0;
    let errors = 0;
    const ids: string[] = [];
    const post = async (): Promise<void> => {
      const connection = await Connection.open(cloud.url);
      while (next < STORM) {
        next += 1;
        const reply = await cloud.create(connection, `storm-${next}`);
        if (reply.status === 202) ids.push(idOf(reply.status, reply.body));
        else errors += 1;
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, post));
    const acceptedMs = performance.now() - startMs;
    const connection = await Connection.open(cloud.url);
    for (const id of ids) while ((await cloud.status(connection, id)) !== 'ACTIVE');
    connection.close();
    const perSecond = (STORM * 1_000) / (performance.now() - startMs);
    return [
      {
        what: `${STORM} creates at concurrency ${CONCURRENCY}, all ACTIVE (accepted after ${(acceptedMs / 1000).toFixed(1)} s)`,
        figure: `${perSecond.toFixed(0)}/s, ${errors} errors`,
        bar: '≥ 150/s, 0 errors',
        isMet: perSecond >= 150 && errors === 0 && ids.length === STORM,
      },
    ];
  } finally {
    await cloud.launched.remove();
  }
}

export function idOf(status: number, body: Buffer): string {
  if (status !== 202) throw new Error(`a create was answered ${status}: ${body.toString()}`);
  return (JSON.parse(body.toString()) as { server: { id: string } }).server.id;
}
