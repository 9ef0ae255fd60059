// GET /servers/detail with 100 servers, and a full page of 1 000. The server is one thread, so this is one core.
import { BenchCloud } from './bench-cloud.ts';
import { idOf } from './create.ts';
import { Connection } from './http.ts';
import { ms, quantile, type Row } from './table.ts';

const SERVERS = 100;
/** As many as one page may have. */
const FULL_PAGE = 1_000;
const CONCURRENCY = 16;
const WARM_MS = 2_000;
const MEASURE_MS = 6_000;

export async function listSpeed(): Promise<readonly Row[]> {
  const cloud = await BenchCloud.start({ cidr: '10.93.0.0/20', hypervisor: 'simulated' });
  try {
    const connection = await Connection.open(cloud.url);
    const ids = await createServers(cloud, connection, 0, SERVERS);
    await hammer(cloud, '/compute/v2.1/servers/detail', WARM_MS);
    const lists = await hammer(cloud, '/compute/v2.1/servers/detail', MEASURE_MS);
    const shows = await hammer(cloud, `/compute/v2.1/servers/${ids[0]}`, MEASURE_MS, 1);
    const showP99 = quantile(shows, 0.99);
    await createServers(cloud, connection, SERVERS, FULL_PAGE);
    connection.close();
    await hammer(cloud, '/compute/v2.1/servers/detail', WARM_MS, 1);
    const pages = await hammer(cloud, '/compute/v2.1/servers/detail', MEASURE_MS, 1);
    const pageP99 = quantile(pages, 0.99);
    const listsPerSecond = (lists.length * 1_000) / MEASURE_MS;
    return [
      {
        what: `GET /servers/detail, ${SERVERS} servers, concurrency ${CONCURRENCY} (p50 ${ms(quantile(lists, 0.5))}, p99 ${ms(quantile(lists, 0.99))})`,
        figure: `${listsPerSecond.toFixed(0)}/s`,
        bar: '≥ 1 500/s',
        isMet: listsPerSecond >= 1_500,
      },
      {
        what: `GET /servers/{id}, one at a time, p99 (p50 ${ms(quantile(shows, 0.5))})`,
        figure: ms(showP99),
        bar: '≤ 3 ms',
        isMet: showP99 <= 3,
      },
      {
        what: `GET /servers/detail, ${FULL_PAGE} servers, one at a time, p99 (p50 ${ms(quantile(pages, 0.5))})`,
        figure: ms(pageP99),
        bar: '≤ 50 ms',
        isMet: pageP99 <= 50,
      },
    ];
  } finally {
    await cloud.launched.remove();
  }
}

/** Those with numbers from `from` to before `to`; all run when it is done. */
async function createServers(
  cloud: BenchCloud,
  connection: Connection,
  from: number,
  to: number,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = from; index < to; index += 1) {
    const reply = await cloud.create(connection, `list-${index}`);
    ids.push(idOf(reply.status, reply.body));
  }
  for (const id of ids) while ((await cloud.status(connection, id)) !== 'ACTIVE');
  return ids;
}

async function hammer(
  cloud: BenchCloud,
  path: string,
  forMs: number,
  concurrency = CONCURRENCY,
): Promise<readonly number[]> {
  const times: number[] = [];
  const endMs = performance.now() + forMs;
  const one = async (): Promise<void> => {
    const connection = await Connection.open(cloud.url);
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      const { status, body } = await connection.send('GET', path, cloud.headers);
      if (status !== 200) throw new Error(`${path} was answered ${status}: ${body.toString()}`);
      const doneMs = performance.now();
      times.push(doneMs - nowMs);
      nowMs = doneMs;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return times;
}
