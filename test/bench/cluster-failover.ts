// How long the actors of a controller do not answer: when it is killed, when it hands its shards over, and what a rolling
// restart of all controllers costs the users. Real processes, Redis with full sync, clients that pass over a controller
// that takes no connection, as a load balancer does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, findServer } from '#cli/chaos/api-client.ts';
import { Front } from '#cli/chaos/front.ts';
import { isServing, type Member, PrivateCluster } from '#cli/chaos/private-cluster.ts';
import { Record } from '#cli/chaos/record.ts';
import { findOffer } from '#cli/chaos/users.ts';
import { ask } from '#cli/control-client.ts';
import { shardOf } from '#runtime/directory/shards.ts';
import { seededRandom } from '#runtime/env/seeded-random.ts';
import { until } from '../e2e/launched-cloud.ts';
import { ms, quantile, type Row } from './table.ts';

const CONTROLLERS = 3;
const KILLS = 12;
/** One third of them lives on each controller. */
const SERVERS = 24;
const PROBED = 12;
const PROBE_PAUSE_MS = 40;
/** Answers that were under way when a shard was handed over have come by then. */
const SETTLE_MS = 500;
/** Logs tell whole milliseconds, and askers look again every few. */
const LOOK_AROUND_MS = 10;
const RETRY_MS = 20;
const ANSWER_WITHIN_MS = 15_000;
const SETTLED_WITHIN_MS = 60_000;
/** Under load before the first restart. */
const QUIET_MS = 3_000;
const PATH = '/compute/v2.1/servers';

interface Shard {
  readonly shard: number;
  readonly state: string;
  readonly owner?: string;
}

class Scene {
  readonly cluster: PrivateCluster;
  readonly demo: ApiClient;
  readonly ids: readonly string[];
  #marks = 0;

  private constructor(cluster: PrivateCluster, demo: ApiClient, ids: readonly string[]) {
    this.cluster = cluster;
    this.demo = demo;
    this.ids = ids;
  }

  static async open(directory: string): Promise<Scene> {
    const cluster = await PrivateCluster.prepare(directory, {
      controllers: CONTROLLERS,
      computes: 1,
    });
    await cluster.up();
    const demo = await cluster.login('demo', ANSWER_WITHIN_MS);
    const { imageId: imageRef, flavorId: flavorRef, networkId: uuid } = await findOffer(demo);
    const server = { imageRef, flavorRef, networks: [{ uuid }] };
    const made = await Promise.all(
      Array.from({ length: SERVERS }, (_, index) =>
        demo.ask<{ server: { id: string } }>('POST', PATH, {
          server: { ...server, name: `b-${index}` },
        }),
      ),
    );
    const ids = made.map((one) => one.server.id);
    for (const id of ids)
      await until(`server ${id} to be ACTIVE`, async () =>
        (await findServer(demo, id))?.status === 'ACTIVE' ? true : undefined,
      );
    return new Scene(cluster, demo, ids);
  }

  /** A change of the server: its actor must answer. */
  get change(): { readonly method: string; readonly body: object } {
    this.#marks += 1;
    return { method: 'POST', body: { metadata: { mark: `m-${this.#marks}` } } };
  }

  /** Every controller serves, and owns what it should. */
  async settled(): Promise<void> {
    await until(
      'all controllers to serve their shards',
      async () => {
        const shards = await this.shards();
        const owners = new Set(shards.map(({ owner }) => owner));
        const isWhole = shards.every(({ state }) => state === 'served');
        const all = this.cluster.controllers.every(isServing);
        return all && isWhole && owners.size === CONTROLLERS ? true : undefined;
      },
      SETTLED_WITHIN_MS,
    );
  }

  async shards(): Promise<readonly Shard[]> {
    const one = this.cluster.controllers.find(isServing);
    if (one === undefined) throw new Error('no controller serves');
    return (await ask<{ readonly shards: readonly Shard[] }>(one.data, 'GET', '/shards')).shards;
  }
}

/** From the kill until every server has taken a change, those of the killed controller last. */
async function killOne(scene: Scene, victim: Member): Promise<number> {
  const { cluster, demo, ids } = scene;
  const others = cluster.controllers.filter((member) => member !== victim);
  await victim.process.kill();
  const startMs = performance.now();
  const answered = ids.map(async (id, index) => {
    const client = demo.at(others[index % others.length]?.url ?? '');
    for (;;) {
      const { method, body } = scene.change;
      const { status } = await client.call(method, `${PATH}/${id}/metadata`, body);
      if (status === 200) return;
      if (status !== 503) throw new Error(`a change of ${id} was answered ${status}`);
      await sleep(RETRY_MS);
    }
  });
  await Promise.all(answered);
  return performance.now() - startMs;
}

async function failover(scene: Scene): Promise<Row> {
  const times: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const victim = scene.cluster.controllers[kill % CONTROLLERS];
    if (victim === undefined) throw new Error('there is no such controller');
    times.push(await killOne(scene, victim));
    victim.process.start();
    await scene.cluster.ready(victim);
    await scene.settled();
  }
  const p99 = quantile(times, 0.99);
  return {
    what: `controller kill -9 → all of its actors answer elsewhere, p99 of ${KILLS} kills (p50 ${ms(quantile(times, 0.5))})`,
    figure: ms(p99),
    bar: '≤ 5 s',
    isMet: p99 <= 5_000,
  };
}

interface Probe {
  readonly id: string;
  readonly fromMs: number;
  readonly tookMs: number;
}

/** Changes of some servers, one after the other for each, all the time until `stop`. */
class Probes {
  readonly record = new Record();
  readonly all: Probe[] = [];
  readonly #failed: string[] = [];
  #isOver = false;

  async run(scene: Scene): Promise<void> {
    const front = new Front({
      urls: scene.cluster.urls,
      random: seededRandom('probes'),
      record: this.record,
      share: PROBED,
    });
    const probe = async (id: string): Promise<void> => {
      while (!this.#isOver) {
        const fromMs = performance.now();
        const question = { ...scene.change, path: `${PATH}/${id}/metadata`, as: scene.demo };
        const noted = await front.send({ ...question, what: 'metadata', subject: id });
        this.all.push({ id, fromMs, tookMs: performance.now() - fromMs });
        if (noted.verdict !== 'acknowledged')
          this.#failed.push(`${noted.verdict} ${noted.reply?.status ?? 'no answer'}`);
        await sleep(PROBE_PAUSE_MS);
      }
    };
    await Promise.all(scene.ids.slice(0, PROBED).map(probe));
  }

  stop(): void {
    this.#isOver = true;
  }

  get failed(): readonly string[] {
    return this.#failed;
  }

  /** The longest answer about a server that was under way in a span of time. */
  longest(id: string, [fromMs, toMs]: readonly [number, number]): number {
    const during = this.all.filter(
      (one) => one.id === id && one.fromMs < toMs && one.fromMs + one.tookMs > fromMs,
    );
    return Math.max(0, ...during.map(({ tookMs }) => tookMs));
  }
}

async function rollingRestart(scene: Scene): Promise<readonly Row[]> {
  const probes = new Probes();
  const load = probes.run(scene);
  const gaps: number[] = [];
  const startMs = performance.now();
  try {
    await sleep(QUIET_MS);
    for (const member of scene.cluster.controllers)
      gaps.push(...(await restart(scene, member, probes)));
  } finally {
    probes.stop();
    await load;
  }
  const seconds = (performance.now() - startMs) / 1000;
  const worst = Math.max(...gaps);
  const { failed } = probes;
  return [
    {
      what: `planned handoff of a shard: how much longer its entity did not answer than those that stayed, worst of ${gaps.length} (p50 ${ms(quantile(gaps, 0.5))}, p90 ${ms(quantile(gaps, 0.9))})`,
      figure: ms(worst),
      bar: '≤ 50 ms',
      isMet: worst <= 50,
    },
    {
      what: `rolling restart of ${CONTROLLERS} controllers under load (${probes.all.length} changes in ${seconds.toFixed(0)} s): failed requests${failed.length === 0 ? '' : ` (${[...new Set(failed)].join(', ')})`}`,
      figure: String(failed.length),
      bar: '0',
      isMet: failed.length === 0,
    },
  ];
}

/** One shard on its way to another controller: from the last command at the old owner to the first at the new one. */
interface Handoff {
  readonly shard: number;
  readonly span: readonly [fromMs: number, toMs: number];
}

interface LogLine {
  readonly msg?: string;
  readonly time?: string;
  readonly shards?: readonly number[];
  readonly tookMs?: number;
}

/** As the controllers' logs tell, in the time of `performance.now`. */
function handoffs(controllers: readonly Member[], sinceMs: number): readonly Handoff[] {
  const lines = controllers
    .flatMap(({ process }) => process.log.split('\n'))
    .filter((line) => line.startsWith('{') && line.includes('"shards"'))
    .map((line) => JSON.parse(line) as LogLine)
    .map((line) => ({ ...line, atMs: Date.parse(line.time ?? '') - performance.timeOrigin }))
    .filter(({ atMs }) => atMs >= sinceMs);
  const served = lines.filter(({ msg }) => msg === 'shards are served here now');
  return lines
    .filter(({ msg }) => msg === 'shards were handed over')
    .flatMap(({ shards = [], tookMs = 0, atMs }) =>
      shards.flatMap((shard) => {
        const isTaken = (line: (typeof served)[number]): boolean =>
          line.atMs > atMs - tookMs && line.shards?.includes(shard) === true;
        const toMs = Math.min(...served.filter(isTaken).map((line) => line.atMs));
        return Number.isFinite(toMs) ? [{ shard, span: [atMs - tookMs, toMs] as const }] : [];
      }),
    );
}

/** In order, and back; the answer is the wait of each server that moved, beyond what the others waited at that moment. */
async function restart(scene: Scene, member: Member, probes: Probes): Promise<readonly number[]> {
  const ids = scene.ids.slice(0, PROBED);
  const startMs = performance.now();
  await member.process.stop();
  member.process.start();
  await scene.cluster.ready(member);
  await scene.settled();
  await sleep(SETTLE_MS);
  const shards = (await scene.shards()).length;
  const moves = handoffs(scene.cluster.controllers, startMs);
  return ids.flatMap((id) =>
    moves
      .filter(({ shard }) => shard === shardOf(`instance/${id}`, shards))
      .map(({ span: [fromMs, toMs] }) => {
        const span = [fromMs, toMs + LOOK_AROUND_MS] as const;
        const isAway = (other: string): boolean =>
          moves.some(
            (move) =>
              move.shard === shardOf(`instance/${other}`, shards) &&
              move.span[0] < span[1] &&
              move.span[1] > span[0],
          );
        const stayed = ids.filter((other) => !isAway(other)).map((o) => probes.longest(o, span));
        return Math.max(0, probes.longest(id, span) - quantile(stayed, 0.5));
      }),
  );
}

export async function clusterFailover(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kilonova-bench-'));
  const scene = await Scene.open(directory);
  try {
    await scene.settled();
    return [await failover(scene), ...(await rollingRestart(scene))];
  } finally {
    await scene.cluster.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}
