// A cloud of 10 000 simulated hosts with 100 000 servers, all made through the API: what a controller needs for it, and
// how soon a page of a list is there. For that the process is started anew with one of the hosts, so that the simulated
// hypervisors of all the others are not counted. Takes a quarter of an hour and more, so it runs only when it is named.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCloud } from './bench-cloud.ts';
import { Connection } from './http.ts';
import { pssMiB } from './overload.ts';
import { ms, quantile, type Row } from './table.ts';

const HOSTS = 10_000;
const SERVERS = 100_000;
const CONNECTIONS = 64;
const AGAIN_AFTER_MS = 200;
const BUILT_WITHIN_MS = 120_000;
/** After its start, for what that has left behind to be given back. */
const REST_MS = 10_000;
const PAGE = 1_000;
const PAGES = 200;

export async function largeCloud(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({
    cidr: '10.0.0.0/14',
    hypervisor: 'simulated',
    hosts: HOSTS,
  });
  try {
    await cloud.raiseQuotas(SERVERS);
    await fill(cloud);
    await restartWithOneHost(cloud);
    await cloud.connect();
    await sleep(REST_MS);
    const idleMiB = pssMiB(cloud.pid);
    const details = await pages(cloud, '/compute/v2.1/servers/detail');
    const names = await pages(cloud, '/compute/v2.1/servers');
    const peakMiB = Math.max(idleMiB, pssMiB(cloud.pid));
    const p99 = quantile(details, 0.99);
    return [
      {
        what: `${HOSTS} hosts and ${SERVERS} servers in the memory of one controller, PSS (${idleMiB.toFixed(0)} MiB before any request)`,
        figure: `${peakMiB.toFixed(0)} MiB`,
        bar: '≤ 1.5 GB',
        isMet: peakMiB * 1.048576 <= 1_500,
      },
      {
        what: `there: a page of ${PAGE} servers with detail, p99 (p50 ${ms(quantile(details, 0.5))}; without detail p99 ${ms(quantile(names, 0.99))})`,
        figure: ms(p99),
        bar: '≤ 50 ms',
        isMet: p99 <= 50,
      },
    ];
  } finally {
    await cloud.launched.remove();
  }
}

async function restartWithOneHost({ launched }: BenchCloud): Promise<void> {
  await launched.kilonova('down');
  const config = readFileSync(launched.config, 'utf8');
  writeFileSync(launched.config, config.replace(`"hosts":${HOSTS}`, '"hosts":1'));
  await launched.up();
}

/** Resolves when all servers are ACTIVE. */
async function fill(cloud: BenchCloud): Promise<void> {
  let sent = 0;
  const post = async (): Promise<void> => {
    const connection = await Connection.open(cloud.url);
    while (sent < SERVERS) {
      sent += 1;
      const { status, body } = await cloud.create(connection, `large-${sent}`);
      if (status === 202) continue;
      if (status !== 503) throw new Error(`a create was answered ${status}: ${body.toString()}`);
      sent -= 1;
      await sleep(AGAIN_AFTER_MS);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, post));
  const connection = await Connection.open(cloud.url);
  const untilMs = performance.now() + BUILT_WITHIN_MS;
  for (const status of ['BUILD', 'ERROR']) {
    const path = `/compute/v2.1/servers?status=${status}&limit=1`;
    for (;;) {
      const { body } = await connection.send('GET', path, cloud.headers);
      const { servers } = JSON.parse(body.toString()) as { servers: readonly unknown[] };
      if (servers.length === 0) break;
      if (status === 'ERROR' || performance.now() > untilMs)
        throw new Error(`there are servers in ${status}: ${body.toString()}`);
      await sleep(AGAIN_AFTER_MS);
    }
  }
  connection.close();
}

/** Times of pages, each behind the one before, from the start again after the last. */
async function pages(cloud: BenchCloud, path: string): Promise<readonly number[]> {
  const connection = await Connection.open(cloud.url);
  const times: number[] = [];
  let marker = '';
  while (times.length < PAGES) {
    const startMs = performance.now();
    const reply = await connection.send('GET', `${path}?limit=${PAGE}${marker}`, cloud.headers);
    times.push(performance.now() - startMs);
    const { servers } = JSON.parse(reply.body.toString()) as { servers: { id: string }[] };
    marker = servers.length < PAGE ? '' : `&marker=${servers.at(-1)?.id}`;
  }
  connection.close();
  return times;
}
