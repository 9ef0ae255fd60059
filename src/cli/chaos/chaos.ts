// Chaos with real processes: a private cluster under the load of its users, a nemesis that kills and freezes its processes
// by a plan from a seed, then healing, and then the check of every acknowledged request. No process is left behind.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { realEnv } from '#runtime/env/real.ts';
import { seededRandom } from '#runtime/env/seeded-random.ts';
import { openRedisJournal } from '#runtime/journal/redis/journal.ts';
import { type ApiClient, listServers, type ServerRow } from './api-client.ts';
import {
  checkHeld,
  checkHosts,
  checkNames,
  checkRequests,
  checkRest,
  checkSame,
  checkServers,
  type Looking,
  see,
} from './checks.ts';
import { Front } from './front.ts';
import { GuestWatch } from './guest-watch.ts';
import { checkJournal, type JournalReport } from './journal-check.ts';
import { Nemesis } from './nemesis.ts';
import { planFaults } from './plan.ts';
import { isServing, PrivateCluster } from './private-cluster.ts';
import { Record } from './record.ts';
import { findOffer, Users } from './users.ts';

export interface ChaosOptions {
  readonly directory: string;
  readonly seed: number;
  /** Of faults. */
  readonly forMs: number;
  readonly controllers: number;
  readonly computes: number;
  /** Requests per second of all users. */
  readonly rate: number;
  readonly say: (line: string) => void;
  /** The run ends early, with its processes: Ctrl-C. */
  readonly signal?: AbortSignal;
}

export interface ChaosReport {
  readonly seed: number;
  readonly faults: number;
  /** Changes. */
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly reads: number;
  readonly servers: number;
  readonly healedMs: number;
  readonly looksAtGuests: number;
  readonly journal: Pick<JournalReport, 'entries' | 'streams'>;
  /** Processes that ended by themselves and were started again. */
  readonly surprises: readonly string[];
  /** In words; none is what is promised. */
  readonly violations: readonly string[];
}

const USERS = 24;
/** A client that hears nothing for so long gives up. */
const ANSWER_WITHIN_MS = 10_000;
/** Every operation has ended by then: the longest has a deadline of two minutes. */
const HEALED_WITHIN_MS = 180_000;
/** A reservation whose server never came to be is given back after half a minute. */
const SETTLED_WITHIN_MS = 90_000;
const LOOK_MS = 250;
const SETTLE_LOOK_MS = 1_000;
const MOST_VIOLATIONS = 200;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { directory, controllers, computes, say, signal } = options;
  const cluster = await PrivateCluster.prepare(directory, { controllers, computes });
  const onAbort = (): void => void cluster.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    say(
      `starting ${controllers} controllers, ${computes} compute members and Redis in ${directory}`,
    );
    await cluster.up();
    return await new Run(cluster, options).whole();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await cluster.kill();
  }
}

class Run {
  readonly #cluster: PrivateCluster;
  readonly #options: ChaosOptions;
  readonly #record: Record;
  readonly #startMs = performance.now();

  constructor(cluster: PrivateCluster, options: ChaosOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#record = new Record((line) => this.#keep('requests.jsonl', line));
  }

  async whole(): Promise<ChaosReport> {
    const looking = await this.#login();
    const users = await this.#users(looking);
    const watch = new GuestWatch(this.#cluster.statePaths);
    watch.start();
    let faults: number;
    let rows: readonly ServerRow[];
    const healing = { fromMs: 0, tookMs: 0 };
    try {
      faults = await this.#storm(users);
      healing.fromMs = performance.now();
      rows = await this.#heal(looking.demo);
      healing.tookMs = performance.now() - healing.fromMs;
    } finally {
      watch.stop();
    }
    this.#say(`healed after ${(healing.tookMs / 1000).toFixed(1)} s; checking`);
    const journal = await this.#readJournal();
    const found = await this.#check(users, looking, { rows, journal });
    const { acknowledged, refused, unknown, reads, wrong } = this.#record;
    return {
      seed: this.#options.seed,
      faults,
      acknowledged,
      refused,
      unknown,
      reads,
      servers: rows.length,
      healedMs: Math.round(healing.tookMs),
      looksAtGuests: watch.looks,
      journal,
      surprises: this.#surprises(),
      violations: [...wrong, ...watch.violations, ...found].slice(0, MOST_VIOLATIONS),
    };
  }

  async #login(): Promise<Looking> {
    const [demo, admin] = await Promise.all(
      (['demo', 'admin'] as const).map((name) => this.#cluster.login(name, ANSWER_WITHIN_MS)),
    );
    if (demo === undefined || admin === undefined) throw new Error('nobody could log in');
    return { demo, admin };
  }

  async #users({ demo, admin }: Looking): Promise<Users> {
    const { seed, rate, controllers } = this.#options;
    const random = seededRandom(seed).fork('users');
    const front = new Front({
      urls: this.#cluster.urls,
      random: random.fork('front'),
      record: this.#record,
      share: Math.ceil(USERS / controllers),
    });
    return new Users({
      random,
      count: USERS,
      rate,
      front,
      record: this.#record,
      offer: await findOffer(demo),
      demo,
      admin,
      account: this.#cluster.accounts().demo,
    });
  }

  /** Load and faults together; the answer is how many faults there were. */
  async #storm(users: Users): Promise<number> {
    const { seed, forMs, controllers, computes } = this.#options;
    const random = seededRandom(seed).fork('faults');
    const nemesis = new Nemesis({
      faults: planFaults({ random, forMs, controllers, computes }),
      processOf: (target) => this.#cluster.processOf(target),
      canSpare: (target) => this.#cluster.canSpare(target),
      serves: (target) => this.#cluster.serves(target),
      tell: (words) => this.#keep('faults.log', `${(this.#now() / 1000).toFixed(2)} ${words}`),
    });
    const load = users.run();
    nemesis.start();
    const endMs = performance.now() + forMs;
    const total = (): number => this.#record.acknowledged + this.#record.reads;
    let before = total();
    try {
      while (performance.now() < endMs) {
        await new Promise((done) => setTimeout(done, 1_000));
        this.#options.signal?.throwIfAborted();
        await this.#progress(nemesis.begun, total() - before);
        before = total();
      }
    } finally {
      nemesis.stop();
      users.stop();
    }
    this.#mend();
    await load;
    return nemesis.begun;
  }

  async #progress(faults: number, perSecond: number): Promise<void> {
    const { controllers, computes, redis } = this.#cluster;
    const up = (members: PrivateCluster['members']): string => {
      return `${members.filter(isServing).length}/${members.length}`;
    };
    const shards = await this.#cluster.servedShards();
    const { acknowledged, refused, unknown, reads } = this.#record;
    this.#say(
      `${perSecond}/s; changes: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown; ${reads} reads; ${faults} faults; controllers ${up(controllers)}, compute ${up(computes)}, redis ${redis.isRunning && !redis.isFrozen ? 'up' : 'away'}, shards ${shards === undefined ? '?' : `${shards.served}/${shards.all}`}`,
    );
  }

  #mend(): void {
    for (const one of this.#cluster.processes) {
      one.thaw();
      one.start();
    }
  }

  /** Everything runs and every server rests; rejects with what does not. */
  async #heal(demo: ApiClient): Promise<readonly ServerRow[]> {
    const deadline = performance.now() + HEALED_WITHIN_MS;
    await Promise.all(this.#cluster.members.map((member) => this.#cluster.ready(member)));
    for (let trouble = 'no controller has answered yet'; ; ) {
      try {
        const rows = await listServers(demo);
        const moving = checkRest(rows);
        if (moving.length === 0) return rows;
        trouble = moving.join('; ');
      } catch (error) {
        trouble = String(error);
      }
      this.#options.signal?.throwIfAborted();
      if (performance.now() > deadline)
        throw new Error(
          `not at rest ${HEALED_WITHIN_MS / 1000} s after the last fault: ${trouble}`,
        );
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  async #readJournal(): Promise<JournalReport> {
    const journal = await openRedisJournal({
      env: realEnv(silentLog),
      url: this.#cluster.redisUrl,
    });
    try {
      return await checkJournal(journal);
    } finally {
      await journal.close();
    }
  }

  async #check(
    users: Users,
    looking: Looking,
    { rows, journal }: { readonly rows: readonly ServerRow[]; readonly journal: JournalReport },
  ): Promise<readonly string[]> {
    const all = await this.#settled(looking);
    const [first] = all;
    if (first === undefined) throw new Error('no controller was looked at');
    return [
      ...journal.violations,
      ...checkRequests(users.servers, journal),
      ...checkRest(rows),
      ...(await checkServers(users.servers, first.servers, looking.demo)),
      ...checkNames(users, first),
      ...checkSame(all),
      ...checkHeld(first),
      ...checkHosts(first.servers, this.#cluster.statePaths),
    ];
  }

  /**
   * What all controllers show once nothing is held for nobody, and servers and hosts agree: a guest that was told of wrongly
   * is looked at again within a minute. Or as it is when that takes too long.
   */
  async #settled(looking: Looking): ReturnType<typeof seeAll> {
    const deadline = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      const all = await seeAll(looking, this.#cluster.urls);
      const open = all.flatMap((seen) => [
        ...checkHeld(seen),
        ...checkHosts(seen.servers, this.#cluster.statePaths),
      ]);
      if (open.length === 0 || performance.now() > deadline) return all;
      this.#options.signal?.throwIfAborted();
      await new Promise((done) => setTimeout(done, SETTLE_LOOK_MS));
    }
  }

  #surprises(): readonly string[] {
    return this.#cluster.processes.flatMap(({ name, surprises }) =>
      surprises.map((how) => `${name} ended by itself: ${how}`),
    );
  }

  #now(): number {
    return performance.now() - this.#startMs;
  }

  #say(words: string): void {
    this.#options.say(`${(this.#now() / 1000).toFixed(0).padStart(4)} s  ${words}`);
  }

  #keep(file: string, line: string): void {
    appendFileSync(join(this.#options.directory, file), `${line}\n`);
  }
}

function seeAll(
  looking: Looking,
  urls: readonly string[],
): Promise<Awaited<ReturnType<typeof see>>[]> {
  return Promise.all(urls.map((url) => see(looking, url)));
}
