// A random history of a cloud from one seed: users' requests, kills at any boundary, and trouble of hosts, connections,
// guests and the journal, several at once. Then everything heals, and nothing may be left broken, stuck or over.
import { operations } from '#actors/instance/operations/all.ts';
import type { VmState } from '#actors/domain/states.ts';
import { type OperationName, operationNames } from '#actors/instance/protocol.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { SimulatedOperation } from '#hypervisor/simulated/faults.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import type { MemoryJournalFaults } from '#runtime/journal/memory.ts';
import { seededRandom, type SeededRandom } from '#test/support/seeded-random.ts';
import { testFlavor } from '#test/support/servers.ts';
import { SimulatedCloud } from '#test/support/simulated-cloud.ts';
import { mirrorFaults } from './mirror.ts';

export interface Walk {
  readonly violations: readonly string[];
  /** Equal for equal runs. */
  readonly hash: string;
  /** What was done, for whoever looks at a failed seed. */
  readonly steps: readonly string[];
}

const STEPS = 60;
const SERVERS = 8;
const DISK_GIB = 1_024;

/** Calls that trouble may befall. */
const hostCalls: readonly SimulatedOperation[] = [
  'create',
  'destroy',
  'find',
  'list',
  'shutdown',
  'pause',
  'resume',
  'save',
  'restore',
  'ensureImage',
  'createOverlay',
  'createBlank',
  'createConfigDrive',
  'removeGuest',
  'removeSavedMemory',
  'hasSavedMemory',
  'plug',
  'unplug',
  'ensureNetwork',
  'listGuests',
];
const codes = ['failed', 'connection-lost', 'timeout', 'no-space', 'wrong-state'] as const;

/** In a calm walk the process never dies and its journal works: then there must be nothing for audits to mend. */
export async function walk(seed: number, options: { readonly calm?: boolean } = {}): Promise<Walk> {
  const walker = new Walker(seed, options.calm ?? false);
  try {
    return await walker.run();
  } finally {
    walker.cloud.dispose();
  }
}

class Walker {
  readonly cloud: SimulatedCloud;
  readonly #random: SeededRandom;
  readonly #steps: string[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #violations: string[] = [];
  readonly #isCalm: boolean;
  #created = 0;

  constructor(seed: number, isCalm: boolean) {
    this.#isCalm = isCalm;
    const random = seededRandom(`walk ${seed}`);
    this.#random = random.fork('choices');
    const slow = random.fork('latency');
    this.cloud = new SimulatedCloud({
      seed,
      hosts: 1 + random.below(3),
      host: {
        latencyMs: () => (slow.chance(0.5) ? 0 : slow.below(30)),
        shutdownMs: random.below(3_000),
        diskGiB: DISK_GIB,
      },
    });
  }

  async run(): Promise<Walk> {
    await this.#boot();
    for (let step = 0; step < STEPS; step += 1) {
      if (this.#isDead) await this.#boot();
      if (!this.#isDead) await this.#step();
    }
    await this.#heal();
    await this.#check('after healing');
    await this.#deleteAll();
    await this.#check('after deleting everything');
    return {
      violations: this.#violations,
      hash: this.cloud.env.traceHash(),
      steps: this.#steps,
    };
  }

  get #isDead(): boolean {
    return this.cloud.running?.isDead !== false;
  }

  async #boot(): Promise<void> {
    const dies = this.#random.chance(0.4) && !this.#isCalm;
    const dieAt = dies ? 1 + this.#random.below(80) : undefined;
    this.#note(`boot${dieAt === undefined ? '' : `, dies at boundary ${dieAt}`}`);
    const { journal } = await this.cloud.boot(dieAt);
    journal.setFaults({ maxLatencyMs: this.#random.below(6) });
  }

  async #step(): Promise<void> {
    const draw = this.#random.below(100);
    if (draw < 16) await this.#create();
    else if (draw < 60) await this.#operate();
    else if (draw < 70) this.#faultyCall();
    else if (draw < 74) this.#connection();
    else if (draw < 80) this.#guestTrouble();
    else if (draw < 82) this.#disk();
    else if (draw < 84) await this.#reserve();
    else if (draw < 90 || this.#isCalm) this.#release();
    else if (draw < 94) this.#journalTrouble();
    else if (draw < 99) this.#kill();
    else await this.#shutDown();
    if (this.#isDead) return;
    if (this.#random.chance(0.3)) await this.cloud.env.advance(this.#random.below(90_000));
    else await this.cloud.env.advance(this.#random.below(40));
  }

  async #create(): Promise<void> {
    if (this.#created >= SERVERS) return this.#operate();
    this.#created += 1;
    const flavor = {
      ...testFlavor,
      ephemeralGiB: this.#random.below(2),
      swapMiB: this.#random.below(2) * 512,
    };
    const id = serverId(this.#created);
    this.#note(`create ${id}`);
    const answer = await this.cloud.create(id, { flavor, configDrive: this.#random.chance(0.5) });
    this.#note(`  ${answer}`);
  }

  async #operate(): Promise<void> {
    if (this.#created === 0) return;
    const id = serverId(1 + this.#random.below(this.#created));
    const operation = this.#operationFor(this.cloud.server(id)?.vmState);
    this.#note(`${operation} ${id} (${this.cloud.server(id)?.vmState ?? 'unknown'})`);
    this.#note(`  ${await this.cloud.operate(id, operation)}`);
  }

  /** Mostly one that its table allows. */
  #operationFor(vmState: VmState | undefined): OperationName {
    if (this.#random.chance(0.08)) return 'delete';
    const others = operationNames.filter((name) => name !== 'create' && name !== 'delete');
    const fitting = others.filter((name) => {
      const { vmStates } = operations[name];
      return vmState !== undefined && vmStates !== 'any' && vmStates.includes(vmState);
    });
    const isFitting = fitting.length > 0 && this.#random.chance(0.9);
    return this.#random.pick(isFitting ? fitting : others);
  }

  #faultyCall(): void {
    const host = this.#host();
    const call = this.#random.pick(hostCalls);
    const code = this.#random.pick(codes);
    const fault = new HypervisorFault(code, `the seed made ${call} fail`, {
      retryable: code !== 'failed' && code !== 'wrong-state',
    });
    const kind = this.#random.pick(['refuse', 'lose-reply', 'delay', 'hang'] as const);
    this.#note(`${host.name}: ${kind} ${call} ${code}`);
    if (kind === 'refuse') host.faults.next(call, fault);
    else if (kind === 'lose-reply') host.faults.loseReply(call, fault);
    else if (kind === 'delay')
      host.faults.next(call, { kind, delayMs: this.#random.below(100_000) });
    else this.#releases.push(host.faults.hang(call));
  }

  #release(): void {
    this.#note('hung calls go on');
    for (const release of this.#releases.splice(0)) release();
  }

  #connection(): void {
    const host = this.#host();
    if (!host.connected) {
      this.#note(`${host.name}: connection is back`);
      return host.restoreConnection();
    }
    const isPower = this.#random.chance(0.2);
    this.#note(`${host.name}: ${isPower ? 'power' : 'connection'} is lost`);
    if (isPower) host.losePower();
    else host.loseConnection();
  }

  #guestTrouble(): void {
    const host = this.#host();
    const guests = [...host.guests.all()].filter(({ power }) => power !== 'off');
    if (guests.length === 0) return;
    const { id } = this.#random.pick(guests);
    const kind = this.#random.pick(['crash', 'kill', 'power off', 'ignore', 'heed', 'unheard']);
    this.#note(`${host.name}: guest ${id}: ${kind}`);
    if (kind === 'ignore' || kind === 'heed') return host.heedShutdown(id, kind === 'heed');
    if (kind === 'unheard') host.faults.loseEvents(1);
    if (kind === 'kill') host.killGuest(id);
    else if (kind === 'power off') host.powerOffGuest(id);
    else host.crashGuest(id);
  }

  #journalTrouble(): void {
    const { running } = this.cloud;
    if (running === undefined) return;
    const { journal, member } = running;
    const faults = this.#random.pick<MemoryJournalFaults>([
      { isUnavailable: true },
      { isFull: true },
      { lostReplyChance: 0.3 },
      { lostWriteChance: 0.3 },
      { lostReplyChance: 0.7 },
    ]);
    const isWorse = this.#random.chance(0.5);
    const lastsMs = this.#random.below(20_000);
    this.#note(`journal: ${JSON.stringify(faults)}${isWorse ? ', then away' : ''}`);
    journal.setFaults(faults);
    if (isWorse)
      member.env.timers.after(this.#random.below(150), () =>
        journal.setFaults({ isUnavailable: true }),
      );
    member.env.timers.after(lastsMs + 150, () => journal.setFaults({ maxLatencyMs: 3 }));
  }

  #disk(): void {
    const host = this.#host();
    const isFull = this.#random.chance(0.6);
    this.#note(`${host.name}: disk ${isFull ? 'full' : 'has room'}`);
    host.files.resize(isFull ? 1 : DISK_GIB * 1024 ** 3);
  }

  async #reserve(): Promise<void> {
    const id = serverId(100 + this.#random.below(100));
    this.#note(`reserve for ${id}, which is never made: ${await this.cloud.reserve(id)}`);
  }

  #kill(): void {
    this.#note('kill -9');
    this.cloud.kill();
  }

  async #shutDown(): Promise<void> {
    this.#note('SIGTERM');
    this.#release();
    await this.cloud.shutDown();
  }

  /** Nothing is wrong any more; what is under way comes to rest. */
  async #heal(): Promise<void> {
    this.#note('heal');
    this.#release();
    for (const host of this.cloud.hosts) {
      host.faults.clear();
      host.files.resize(DISK_GIB * 1024 ** 3);
      host.restoreConnection();
    }
    if (this.#isDead || (this.#random.chance(0.3) && !this.#isCalm)) {
      this.cloud.kill();
      await this.cloud.boot();
    }
    this.cloud.running?.boundaries.disarm();
    this.cloud.running?.journal.setFaults({});
    await this.cloud.quiet(7_200_000);
  }

  async #deleteAll(): Promise<void> {
    for (const { id, existence } of this.cloud.servers())
      if (existence === 'exists')
        this.#note(`delete ${id}: ${await this.cloud.operate(id, 'delete')}`);
    await this.cloud.quiet();
    for (const { id, existence, fault } of this.cloud.servers())
      if (existence === 'exists')
        this.#violations.push(`server ${id} can't be deleted: ${fault?.message ?? 'no reason'}`);
  }

  async #check(when: string): Promise<void> {
    const { running } = this.cloud;
    const found = await this.cloud.violations();
    const mirrored = running === undefined ? [] : await mirrorFaults(this.cloud.env, running);
    const mended = this.#isCalm ? this.cloud.alarms.splice(0) : [];
    this.#violations.push(...[...found, ...mirrored, ...mended].map((one) => `${when}: ${one}`));
  }

  #host(): SimulatedHost {
    return this.#random.pick(this.cloud.hosts);
  }

  #note(step: string): void {
    const { env } = this.cloud;
    this.#steps.push(`${Math.round(env.clock.monotonic())} ${step}`);
    env.trace(step);
  }
}

function serverId(number: number): string {
  // Guests are named by the first digits.
  return `aaaa${String(number).padStart(4, '0')}-0000-4000-8000-000000000000`;
}
