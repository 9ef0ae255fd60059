// What goes wrong in a walk. Each fault ends by itself after a time, or when the world heals; all may overlap.
import { operations } from '#actors/instance/operations/all.ts';
import { instances } from '#actors/instance/protocol.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { SimulatedOperation } from '#hypervisor/simulated/faults.ts';
import { type NetworkFaults, noFaults } from '#runtime/transport/memory/faults.ts';
import type { MemoryNetwork } from '#runtime/transport/memory/network.ts';
import { type Act, act, chosen } from './acts.ts';
import { STORE_MS, type StoreFaults } from './process.ts';
import { DISK_BYTES, POISON } from './world.ts';

const WIDE = 27_720;

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
  'migrations.begin',
  'migrations.prepare',
  'migrations.perform',
  'migrations.perform',
  'migrations.finish',
  'migrations.finish',
  'migrations.confirm',
  'migrations.cancelOutgoing',
  'migrations.cancelIncoming',
];
const codes = ['failed', 'connection-lost', 'timeout', 'no-space', 'wrong-state'] as const;
const guestEnds = ['crash', 'kill', 'power off', 'ignore', 'unheard'] as const;
const storeFaults = {
  away: { isUnavailable: true },
  full: { isFull: true },
  'loses replies': { lostReplyChance: 0.3, maxLatencyMs: STORE_MS },
  'loses most replies': { lostReplyChance: 0.7, maxLatencyMs: STORE_MS },
  'loses writes': { lostWriteChance: 0.3, maxLatencyMs: STORE_MS },
  'does writes late': { lateWriteChance: 0.3, maxLatencyMs: STORE_MS },
  slow: { minLatencyMs: 20, maxLatencyMs: 400 },
  'late to tell': { minLatencyMs: 200, maxLatencyMs: 3_000, isJournalOnly: true },
} satisfies Readonly<Record<string, StoreFaults>>;
const storeFaultNames = Object.keys(storeFaults) as (keyof typeof storeFaults)[];

const messageFaults = {
  late: { delayMs: [5, 300] },
  lost: { lossRate: 0.05 },
  repeated: { repeatRate: 0.2 },
  'out of turn': { reorderRate: 0.2, delayMs: [0.1, 20] },
  'late, lost, repeated and out of turn': {
    delayMs: [0.1, 50],
    lossRate: 0.02,
    repeatRate: 0.1,
    reorderRate: 0.1,
  },
} satisfies Readonly<Record<string, Partial<NetworkFaults>>>;
const messageFaultNames = Object.keys(messageFaults) as (keyof typeof messageFaults)[];

/** Mostly soon over; now and then longer than any lease or deadline. */
const times = (random: { below(limit: number): number; chance(p: number): boolean }): number =>
  random.chance(0.8) ? 1 + random.below(4_000) : random.below(60_000);

export const nemeses = {
  /** kill -9. */
  kill: act(
    (random) => ({ controller: random.below(WIDE), backMs: random.below(3_000) }),
    ({ world }, { controller, backMs }) => {
      const process = chosen(world.processes(), controller);
      if (process === undefined) return undefined;
      world.kill(process, backMs);
      return `${process.name}: kill -9`;
    },
  ),
  /** kill -9 at a boundary: between a decision and its append, an append and its answer, an order and its effect. */
  'die-at-boundary': act(
    (random) => ({ controller: random.below(WIDE), boundaries: 1 + random.below(60) }),
    ({ world }, { controller, boundaries }) => {
      const process = chosen(world.processes(), controller);
      if (process === undefined) return undefined;
      process.boundaries.arm(boundaries);
      return `${process.name}: dies at the ${boundaries}th boundary from here`;
    },
  ),
  /** SIGTERM and a new start. */
  restart: act(
    (random) => ({ controller: random.below(WIDE), backMs: random.below(3_000) }),
    ({ world }, { controller, backMs }) => {
      const process = chosen(world.processes(), controller);
      if (process?.phase !== 'serving') return undefined;
      world.shutDown(process, backMs);
      return `${process.name}: SIGTERM`;
    },
  ),
  /** SIGSTOP, shorter and longer than a lease, and SIGCONT. */
  pause: act(
    (random) => ({ controller: random.below(WIDE), forMs: times(random) }),
    ({ world }, { controller, forMs }) => {
      const process = chosen(world.processes(), controller);
      if (process === undefined || process.member.isPaused) return undefined;
      world.pause(process, forMs);
      return `${process.name}: SIGSTOP for ${forMs} ms`;
    },
  ),
  /** Its wall clock steps; nothing but what people read may care. */
  clock: act(
    (random) => ({ controller: random.below(WIDE), byMs: random.below(7_200_000) - 3_600_000 }),
    ({ world }, { controller, byMs }) => {
      const process = chosen(world.processes(), controller);
      if (process === undefined) return undefined;
      process.member.stepWallClock(byMs);
      return `${process.name}: clock steps by ${byMs} ms`;
    },
  ),
  /** One controller's store is slow, full or away, or its answers get lost. */
  store: act(
    (random) => ({
      controller: random.below(WIDE),
      fault: random.pick(storeFaultNames),
      forMs: random.below(20_000),
    }),
    ({ world }, { controller, fault, forMs }) => {
      const process = chosen(world.processes(), controller);
      if (process === undefined) return undefined;
      process.setStore(storeFaults[fault]);
      world.endLater(forMs, () => process.setStore({ maxLatencyMs: STORE_MS }));
      return `${process.name}: store ${fault} for ${forMs} ms`;
    },
  ),
  /** A message that breaks whoever handles it. */
  poison: act(
    (random) => ({ controller: random.below(WIDE), server: random.below(WIDE) }),
    ({ world, book }, { controller, server }) => {
      const process = world.serving(controller);
      const id = chosen(book.servers, server);
      if (process === undefined || id === undefined) return undefined;
      const command = { type: `instance.${POISON}` } as never;
      process.ask(
        () => process.assembly.router.ask(instances.ref(id), command, { requestId: 'req-poison' }),
        () => undefined,
      );
      return `${process.name}: poison for ${id}`;
    },
  ),
  /** Many at once to one server: its mailbox may overflow, nothing else may happen. */
  overload: act(
    (random) => ({
      controller: random.below(WIDE),
      server: random.below(WIDE),
      count: random.chance(0.1) ? 1_200 : 10 + random.below(50),
    }),
    ({ world, book }, { controller, server, count }) => {
      const process = world.serving(controller);
      const id = chosen(book.servers, server);
      if (process === undefined || id === undefined) return undefined;
      const command = {
        type: 'instance.observed',
        host: 'none',
        runEpoch: 1,
        power: 'running',
        reason: '',
      } as const;
      const askAll = (): Promise<unknown> =>
        Promise.allSettled(
          Array.from({ length: count }, () =>
            process.assembly.router.ask(instances.ref(id), command, { requestId: 'req-flood' }),
          ),
        );
      process.ask(askAll, () => undefined);
      return `${process.name}: ${count} messages at once for ${id}`;
    },
  ),
  /** A host's call fails, fails after its work, or hangs for a while. */
  'host-call': act(
    (random) => ({
      host: random.below(WIDE),
      call: random.pick(hostCalls),
      code: random.pick(codes),
      kind: random.pick(['refuse', 'lose-reply', 'hang', 'hang'] as const),
      forMs: random.below(random.chance(0.3) ? 100_000 : 10_000),
    }),
    ({ world }, { host: number, call, code, kind, forMs }) => {
      const host = world.host(number);
      const retryable = code !== 'failed' && code !== 'wrong-state';
      const fault = new HypervisorFault(code, `the seed made ${call} fail`, {
        retryable,
      });
      if (kind === 'refuse') host.faults.next(call, fault);
      else if (kind === 'lose-reply') host.faults.loseReply(call, fault);
      else {
        const release = host.faults.hang(call);
        world.endLater(forMs, release);
      }
      return `${host.name}: ${kind} ${call} ${kind === 'hang' ? `${forMs} ms` : code}`;
    },
  ),
  /** The hypervisor's connection is cut. */
  connection: act(
    (random) => ({ host: random.below(WIDE), forMs: times(random) }),
    ({ world }, { host: number, forMs }) => {
      const host = world.host(number);
      if (!host.connected) return undefined;
      host.loseConnection();
      world.endLater(forMs, () => host.restoreConnection());
      return `${host.name}: connection lost for ${forMs} ms`;
    },
  ),
  /** No guest's memory gets from one host to another; neither end notices by itself. */
  wire: act(
    (random) => ({ from: random.below(WIDE), to: random.below(WIDE), forMs: times(random) }),
    ({ world }, { from, to, forMs }) => {
      const [one, other] = [world.host(from), world.host(to)];
      if (one === other) return undefined;
      world.wire.cut(one.name, other.name);
      world.endLater(forMs, () => world.wire.heal());
      return `hosts: the wire of ${one.name} and ${other.name} is cut for ${forMs} ms`;
    },
  ),
  /** The machine goes dark with all its guests. */
  power: act(
    (random) => ({ host: random.below(WIDE), forMs: times(random) }),
    ({ world }, { host: number, forMs }) => {
      const host = world.host(number);
      if (!host.connected) return undefined;
      world.losePower(host, forMs);
      return `${host.name}: power lost for ${forMs} ms`;
    },
  ),
  /** A guest dies, or does not do what its power button asks. */
  guest: act(
    (random) => ({
      host: random.below(WIDE),
      guest: random.below(WIDE),
      kind: random.pick(guestEnds),
      forMs: times(random),
    }),
    ({ world }, { host: number, guest: which, kind, forMs }) => {
      const host = world.host(number);
      const guest = chosen(
        [...host.guests.all()].filter(({ power }) => power !== 'off'),
        which,
      );
      if (guest === undefined) return undefined;
      const { id } = guest;
      if (kind === 'ignore') {
        host.heedShutdown(id, false);
        host.heedUnplug(id, false);
        world.endLater(forMs, () => {
          host.heedShutdown(id, true);
          host.heedUnplug(id, true);
        });
      } else {
        if (kind === 'unheard') host.faults.loseEvents(1);
        if (kind === 'kill') host.killGuest(id);
        else if (kind === 'power off') host.powerOffGuest(id);
        else host.crashGuest(id);
      }
      return `${host.name}: guest ${id}: ${kind}`;
    },
  ),
  /** A host's disk has no room. */
  disk: act(
    (random) => ({ host: random.below(WIDE), forMs: times(random) }),
    ({ world }, { host: number, forMs }) => {
      const host = world.host(number);
      host.files.resize(1);
      world.endLater(forMs, () => host.files.resize(DISK_BYTES));
      return `${host.name}: disk full for ${forMs} ms`;
    },
  ),
  /** A host tells of a guest that is not its own, or not under this grant: nothing may come of it. */
  liar: act(
    (random) => ({
      controller: random.below(WIDE),
      server: random.below(WIDE),
      isOfHost: random.chance(0.5),
      power: random.pick(['running', 'shutdown', 'paused'] as const),
    }),
    ({ world, book }, { controller, server, isOfHost, power }) => {
      const process = world.serving(controller);
      const id = chosen(book.servers, server);
      const { grant } = id === undefined ? {} : world.witness.historyOf(id);
      if (process === undefined || id === undefined || grant === undefined) return undefined;
      const host = isOfHost ? grant.host : 'host-9';
      const runEpoch = isOfHost ? grant.runEpoch + 7 : grant.runEpoch;
      const command = {
        type: 'instance.observed',
        host,
        runEpoch,
        power,
        reason: 'a lie',
      } as const;
      process.ask(
        () => process.assembly.router.ask(instances.ref(id), command, { requestId: 'req-lie' }),
        ({ reply, error }) => {
          if (error === undefined && !isRefusal(reply))
            book.faults.push(`lie: ${host} was believed about ${id}@${runEpoch}`);
        },
      );
      return `${process.name}: ${host} tells that ${id}@${runEpoch} is ${power}`;
    },
  ),
  /** What came of an earlier try, or of an operation that is over, is told of the step under way: it must not count. */
  'late-report': act(
    (random) => ({
      controller: random.below(WIDE),
      server: random.below(WIDE),
      isOfTry: random.chance(0.5),
    }),
    ({ world, book }, { controller, server, isOfTry }) => {
      const process = world.serving(controller);
      const id = chosen(
        book.servers.filter((one) => world.witness.historyOf(one).operation !== undefined),
        server,
      );
      const { operation } = id === undefined ? {} : world.witness.historyOf(id);
      if (process === undefined || id === undefined || operation === undefined) return undefined;
      const step = operations[operation.name].steps[operation.step]?.name ?? '';
      const of = isOfTry ? { id: operation.id, attempt: 99 } : { id: 'of-before', attempt: 1 };
      const command = {
        type: 'instance.step-done',
        operationId: of.id,
        step,
        attempt: of.attempt,
        result: {},
      } as const;
      process.ask(
        () => process.assembly.router.ask(instances.ref(id), command, { requestId: 'req-late' }),
        ({ reply, error }) => {
          if (error === undefined && !isRefusal(reply))
            book.faults.push(
              `late report: ${step} of ${operation.id} ended by a report of ${of.id}`,
            );
        },
      );
      return `${process.name}: a report of try ${of.attempt} of ${of.id} for ${step} of ${id}`;
    },
  ),
  /** The store is set back to what it was some entries ago: a failover, or an old file. */
  rollback: act(
    (random) => ({ entries: 1 + random.below(40) }),
    ({ world }, { entries }) => {
      if (!world.isCluster || world.processes().some(({ phase }) => phase !== 'serving'))
        return undefined;
      world.disk.rollBack(entries);
      return `the store goes back by ${entries} entries`;
    },
  ),
  /** Members in one half reach none in the other. */
  partition: act(
    (random) => ({ half: 1 + random.below(WIDE), forMs: times(random) }),
    ({ world }, { half, forMs }) => {
      if (!world.isCluster) return undefined;
      const ids = world.memberIds();
      const groups = [0, 1].map((bit) => ids.filter((_, index) => ((half >> index) & 1) === bit));
      if (groups.some(({ length }) => length === 0)) return undefined;
      world.network.partition(groups);
      world.endLater(forMs, () => healBetween(world.network, ids));
      return `network: ${groups.map((group) => group.join('+')).join(' | ')} for ${forMs} ms`;
    },
  ),
  /** Nothing gets from one member to another; maybe not back, either. */
  cut: act(
    (random) => ({
      from: random.below(WIDE),
      to: random.below(WIDE),
      isOneWay: random.chance(0.6),
      forMs: times(random),
    }),
    ({ world }, { from, to, isOneWay, forMs }) => {
      const ids = world.memberIds();
      const [one, other] = [chosen(ids, from), chosen(ids, to)];
      if (!world.isCluster || one === undefined || other === undefined || one === other)
        return undefined;
      world.network.cut(one, other);
      if (!isOneWay) world.network.cut(other, one);
      world.endLater(forMs, () => healBetween(world.network, [one, other]));
      return `network: ${one} ${isOneWay ? '>' : '<>'} ${other} cut for ${forMs} ms`;
    },
  ),
  /** The link of two members breaks, and what was under way with it. */
  'break-link': act(
    (random) => ({ from: random.below(WIDE), to: random.below(WIDE) }),
    ({ world }, { from, to }) => {
      const ids = world.memberIds();
      const [one, other] = [chosen(ids, from), chosen(ids, to)];
      if (!world.isCluster || one === undefined || other === undefined || one === other)
        return undefined;
      world.network.breakLink(one, other);
      return `network: the link of ${one} and ${other} breaks`;
    },
  ),
  /** Messages are late, lost, repeated or out of turn. */
  messages: act(
    (random) => ({ kind: random.pick(messageFaultNames), forMs: times(random) }),
    ({ world }, { kind, forMs }) => {
      if (!world.isCluster) return undefined;
      world.network.setFaults({
        ...noFaults,
        ...messageFaults[kind],
      });
      world.endLater(forMs, () => world.network.setFaults(noFaults));
      return `network: messages ${kind} for ${forMs} ms`;
    },
  ),
} satisfies Readonly<Record<string, Act>>;

function healBetween(network: MemoryNetwork, ids: readonly string[]): void {
  for (const one of ids) for (const other of ids) network.heal(one, other);
}

export type NemesisName = keyof typeof nemeses;
