// Creates through the APIs of two controllers on one Redis with full sync: how fast they are taken, and how soon all of
// them are ACTIVE on simulated hosts.
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCluster } from './bench-cluster.ts';
import type { BenchCloud } from './bench-cloud.ts';
import { Connection } from './http.ts';
import { ms, quantile, type Row } from './table.ts';

const SERVERS = 10_000;
const CONNECTIONS = 64;
/** Offered, evenly: what is accepted faster than it can be built is turned away after a while, and rightly so. */
const PER_SECOND = 305;
/** Before the clock starts: a process that has just started runs slowly, and turns some away. */
const WARM_UP = 600;
const AGAIN_AFTER_MS = 100;
const PAGE = 1_000;
const GIVE_UP_MS = 240_000;

export async function clusterStorm(): Promise<readonly Row[]> {
  const cluster = await BenchCluster.start({ controllers: 2, hosts: 3, cidr: '10.96.0.0/18' });
  try {
    const { cloud, controllers } = cluster;
    await cloud.raiseQuotas(SERVERS + WARM_UP);
    await warmUp(
      cloud,
      controllers.map(({ url }) => url),
    );
    const startMs = performance.now();
    const times: number[] = [];
    const refusals = new Map<number, number>();
    let next = 0;
    const post = async (url: string): Promise<void> => {
      const connection = await Connection.open(url);
      while (next < SERVERS) {
        next += 1;
        const dueMs = startMs + (next * 1_000) / PER_SECOND;
        await sleep(Math.max(0, dueMs - performance.now()));
        const sentMs = performance.now();
        const { status } = await cloud.create(connection, `storm-${next}`);
        if (status === 202) times.push(performance.now() - sentMs);
        else refusals.set(status, (refusals.get(status) ?? 0) + 1);
      }
      connection.close();
    };
    const urlOf = (index: number): string => controllers[index % controllers.length]!.url;
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => post(urlOf(index))));
    const acceptedS = (performance.now() - startMs) / 1000;
    await allActive(cloud, urlOf(1), times.length + WARM_UP, startMs);
    const activeS = (performance.now() - startMs) / 1000;
    const errors = [...refusals].map(([status, count]) => `${count} × ${status}`).join(', ');
    const p99 = quantile(times, 0.99);
    const perSecond = times.length / acceptedS;
    return [
      {
        what: 'creates through 2 API processes, Redis AOF always, accepted',
        figure: `${perSecond.toFixed(0)}/s, p99 ${ms(p99)}, ${errors === '' ? '0 errors' : errors}`,
        bar: '≥ 300/s, p99 ≤ 250 ms, 0 errors',
        isMet: perSecond >= 300 && p99 <= 250 && times.length === SERVERS,
      },
      {
        what: `${times.length} boots, all ACTIVE`,
        figure: `${activeS.toFixed(1)} s`,
        bar: '≤ 60 s',
        isMet: activeS <= 60 && times.length === SERVERS,
      },
    ];
  } finally {
    await cluster.remove();
  }
}

async function warmUp(cloud: BenchCloud, urls: readonly string[]): Promise<void> {
  let done = 0;
  const post = async (url: string): Promise<void> => {
    const connection = await Connection.open(url);
    while (done < WARM_UP) {
      done += 1;
      const { status, body } = await cloud.create(connection, `warm-up-${done}`);
      if (status === 202) continue;
      done -= 1;
      if (status !== 503) throw new Error(`a create was answered ${status}: ${body.toString()}`);
      await sleep(AGAIN_AFTER_MS);
    }
    connection.close();
  };
  await Promise.all([...urls, ...urls, ...urls, ...urls].map(post));
}

/** Seen through one controller; throws when a server is in ERROR, or it takes for ever. */
async function allActive(
  cloud: BenchCloud,
  url: string,
  servers: number,
  startMs: number,
): Promise<void> {
  const connection = await Connection.open(url);
  const list = async (query: string): Promise<readonly { readonly id: string }[]> => {
    const reply = await connection.send('GET', `/compute/v2.1/servers?${query}`, cloud.headers);
    return (JSON.parse(reply.body.toString()) as { servers: { id: string }[] }).servers;
  };
  while ((await list('status=BUILD&limit=1')).length > 0)
    if (performance.now() - startMs > GIVE_UP_MS) throw new Error('some servers stay in BUILD');
  let active = 0;
  let marker = '';
  for (;;) {
    const page = await list(`status=ACTIVE&limit=${PAGE}${marker}`);
    active += page.length;
    if (page.length < PAGE) break;
    marker = `&marker=${page.at(-1)?.id}`;
  }
  if (active === servers) return connection.close();
  const reply = await connection.send(
    'GET',
    '/compute/v2.1/servers/detail?status=ERROR&limit=1',
    cloud.headers,
  );
  throw new Error(`${active} of ${servers} servers are ACTIVE: ${reply.body.toString()}`);
}
