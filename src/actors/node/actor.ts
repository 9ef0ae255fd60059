// The node actor of one host: takes orders for its guests (a child actor per guest keeps their order), keeps the
// ledger of grants, and tells instances what it sees. Relisting is the truth; events only make it quick (DESIGN §6).
import type { GuestEvent } from '#hypervisor/port.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { ActorRef, ActorSystem } from '#runtime/system/system.ts';
import { emptyBuckets } from '../domain/bucket-map.ts';
import type { PowerState } from '../domain/states.ts';
import { instances } from '../instance/protocol.ts';
import { nodeFaultOf } from './faults.ts';
import { GuestExecutor, type Grants, type Rank, staleOwner, type GuestWork } from './guest.ts';
import {
  isOver,
  isStaleOwner,
  ledgers,
  type LedgerState,
  newestEpoch,
  openGrant,
} from './ledger.ts';
import type { Machine } from './machine.ts';
import { removeLeftovers, tendNetworks } from './tasks/housekeeping.ts';
import { isBesideCopy } from './tasks/handover.ts';
import { oldCopyOf } from './guest-moves.ts';
import { type DiskRange, NodeFault, type NodeOrder, type NodeReport } from './protocol.ts';
import { type Finding, reconcile } from './reconcile.ts';
import { type Inventories, registerHost } from './registration.ts';

export interface NodeActorOptions {
  readonly machine: Machine;
  readonly system: ActorSystem;
  /** Reaches the controllers' entities. */
  readonly router: Router;
  /** Reaches this host's own ledger, on its own disk. */
  readonly ledger: Router;
  readonly ledgerStates: StateView<LedgerState>;
  readonly availabilityZone: string;
  /** Address that the hypervisor tells as its own. */
  readonly hostIp: string;
  readonly inventories: Inventories;
}

interface OrderMessage {
  readonly order: GuestWork;
  readonly done: (report: NodeReport) => void;
  readonly failed: (error: unknown) => void;
}

interface Slot {
  readonly ref: ActorRef<OrderMessage>;
  /** Ends the order in hand early. */
  abort: AbortController;
  inHand: GuestWork['type'] | undefined;
}

const RELIST_MS = 60_000;
const REGISTER_RETRY_MS = 2_000;
/** A host that does not answer holds up nobody's start for longer. */
const FIRST_LOOK_MS = 5_000;
/** What was seen while an operation ran is not believed; by then it is over. */
const SECOND_LOOK_MS = 2_000;
const REMEMBERED_ORDERS = 2_000;
const ORDERS_PER_GUEST = 16;

export class NodeActor implements Grants {
  readonly #options: NodeActorOptions;
  readonly #ref: ActorRef<OrderMessage>;
  readonly #slots = new Map<string, Slot>();
  /** Servers whose guests are on their way here, without a grant yet. */
  readonly #expected = new Set<string>();
  /** Orders under way, so that a repeat joins; and the last ones done, so that it is not done again. */
  readonly #underWay = new Map<string, Promise<NodeReport>>();
  readonly #done = new Map<string, NodeReport>();
  #isRegistered = false;
  #isConnected = true;
  readonly #upListeners = new Set<(isUp: boolean) => void>();
  /** Per look that is under way: the servers that got an order since it began. */
  readonly #ordered = new Set<Set<string>>();
  readonly #secondLooks = new Map<string, () => void>();
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(options: NodeActorOptions) {
    this.#options = options;
    this.#ref = options.system.spawn<OrderMessage>({
      name: `node/${options.machine.host}`,
      capacity: 10_000,
      handler: (message) => this.#dispatch(message),
    });
  }

  get host(): string {
    return this.#options.machine.host;
  }

  /** Registered, and the hypervisor answers. */
  get isUp(): boolean {
    return this.#isRegistered && this.#isConnected;
  }

  /** Hears of every change of `isUp`. Returns the way out. */
  onUp(listener: (isUp: boolean) => void): () => void {
    this.#upListeners.add(listener);
    return () => this.#upListeners.delete(listener);
  }

  get machine(): Machine {
    return this.#options.machine;
  }

  /**
   * Registers the host and adopts what runs on it. Resolves after the first try, or when that takes long; goes on
   * trying if it failed.
   */
  async start(): Promise<void> {
    const { hypervisor, env } = this.machine;
    this.#unsubscribe = hypervisor.subscribe((event) => this.#hear(event));
    await new Promise<void>((resolve) => {
      const cancel = env.timers.after(FIRST_LOOK_MS, resolve);
      void this.#registerAndRelist().finally(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Registers if that is still to do, and tells what runs; for when controllers could not be told for a while. */
  lookOver(): Promise<void> {
    return this.#isStopped ? Promise.resolve() : this.#registerAndRelist();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#unsubscribe();
    for (const cancel of this.#secondLooks.values()) cancel();
    for (const slot of this.#slots.values()) slot.abort.abort();
    await this.#options.system.stop(this.#ref);
  }

  perform(order: NodeOrder): Promise<NodeReport> {
    const remembered = this.#done.get(order.orderId);
    if (remembered !== undefined) return Promise.resolve(remembered);
    const joined = this.#underWay.get(order.orderId);
    if (joined !== undefined) return joined;
    if (isBesideCopy(order)) return this.#performBeside(order);
    const performed = new Promise<NodeReport>((done, failed) => {
      if (!this.#ref.tell({ order, done, failed })) {
        failed(
          new NodeFault('host-unreachable', `host ${this.host} takes no more orders now`, {
            retryable: true,
          }),
        );
      }
    }).finally(() => this.#underWay.delete(order.orderId));
    this.#underWay.set(order.orderId, performed);
    return performed;
  }

  /** The guest's own turn is taken by the copy that it is about. */
  #performBeside(order: NodeOrder): Promise<NodeReport> {
    const executor = new GuestExecutor(this.machine, this, order.serverId);
    return executor.perform(order, new AbortController().signal);
  }

  async admit(rank: Rank): Promise<void> {
    const { serverId, runEpoch, ownerEpoch } = rank;
    const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
    if (!this.isAdmitted(serverId, runEpoch) && !this.isOver(serverId, runEpoch))
      await this.machine.storage.closeRuns(serverId, runEpoch - 1);
    const answer = await this.#options.ledger.ask(
      ledgers.ref(this.host),
      { type: 'ledger.admit', serverId, runEpoch, ...owner },
      { requestId: `grant-${serverId}` },
    );
    if (!isRefusal(answer)) return;
    if (answer.refused === 'stale-owner') throw staleOwner(rank);
    throw new NodeFault(
      'stale-grant',
      `host ${this.host} refuses run-epoch ${runEpoch} of server ${serverId}: it is over`,
      { retryable: false },
    );
  }

  async heed(rank: Rank): Promise<void> {
    const { serverId, ownerEpoch } = rank;
    if (ownerEpoch === undefined) return;
    const answer = await this.#options.ledger.ask(
      ledgers.ref(this.host),
      { type: 'ledger.heed', serverId, ownerEpoch },
      { requestId: `grant-${serverId}` },
    );
    if (isRefusal(answer)) throw staleOwner(rank);
  }

  async close(serverId: string, runEpoch: number, keepsFiles = false): Promise<void> {
    await this.machine.storage.closeRuns(serverId, runEpoch);
    await this.#options.ledger.ask(
      ledgers.ref(this.host),
      { type: 'ledger.close', serverId, runEpoch, ...(keepsFiles ? { keepsFiles } : {}) },
      { requestId: `grant-${serverId}` },
    );
  }

  isAdmitted(serverId: string, runEpoch: number): boolean {
    return openGrant(this.#ledgerState(), serverId) === runEpoch;
  }

  /** For the other end of a move. */
  async readDisk({ serverId: guestId, name, ...range }: DiskRange): Promise<Uint8Array> {
    try {
      return await this.machine.storage.readDisk({ guestId, name }, range);
    } catch (error) {
      throw nodeFaultOf(error, `Reading disk ${name} of server ${guestId}`);
    }
  }

  isKnown(serverId: string): boolean {
    return newestEpoch(this.#ledgerState(), serverId) > 0;
  }

  expect(serverId: string, isExpected: boolean): void {
    if (isExpected) this.#expected.add(serverId);
    else this.#expected.delete(serverId);
  }

  isOver(serverId: string, runEpoch: number): boolean {
    return isOver(this.#ledgerState(), serverId, runEpoch);
  }

  isStaleOwner({ serverId, ownerEpoch }: Rank): boolean {
    return isStaleOwner(this.#ledgerState(), serverId, ownerEpoch);
  }

  isSuperseded(serverId: string, runEpoch: number): boolean {
    return newestEpoch(this.#ledgerState(), serverId) > runEpoch;
  }

  #dispatch(message: OrderMessage): void {
    const { serverId, type } = message.order;
    for (const ordered of this.#ordered) ordered.add(serverId);
    const slot = this.#slots.get(serverId) ?? this.#openSlot(serverId);
    if (type === 'node.destroy' || (type === 'node.keep' && slot.inHand === 'node.copy'))
      slot.abort.abort();
    if (!slot.ref.tell(message)) {
      message.failed(
        new NodeFault('host-unreachable', `server ${serverId} has too many orders waiting`, {
          retryable: true,
        }),
      );
    }
  }

  #openSlot(serverId: string): Slot {
    const executor = new GuestExecutor(this.machine, this, serverId);
    const ref = this.#options.system.spawn<OrderMessage>({
      name: `guest/${serverId}`,
      parent: this.#ref,
      capacity: ORDERS_PER_GUEST,
      handler: async (message, context) => {
        slot.abort = new AbortController();
        slot.inHand = message.order.type;
        try {
          const report = await executor.perform(message.order, slot.abort.signal);
          const { type } = message.order;
          if (type !== 'stale-memory' && type !== 'old-copy')
            this.#remember(message.order.orderId, report);
          message.done(report);
        } catch (error) {
          message.failed(error);
        }
        if (context.self.backlog > 1) return;
        this.#slots.delete(serverId);
        context.stop();
      },
    });
    const slot: Slot = { ref, abort: new AbortController(), inHand: undefined };
    this.#slots.set(serverId, slot);
    return slot;
  }

  #remember(orderId: string, report: NodeReport): void {
    this.#done.set(orderId, report);
    if (this.#done.size <= REMEMBERED_ORDERS) return;
    for (const oldest of this.#done.keys()) {
      this.#done.delete(oldest);
      break;
    }
  }

  #hear(event: GuestEvent): void {
    if (event.type === 'connection.down') {
      this.#noteUp(() => (this.#isConnected = false));
      this.machine.env.log.warn(
        { host: this.host, reason: event.reason },
        'hypervisor connection lost',
      );
    } else if (event.type === 'connection.up') {
      this.#noteUp(() => (this.#isConnected = true));
      void this.#registerAndRelist();
    } else {
      const crashed = event.type === 'guest.stopped' && event.detail === 'crashed';
      const whenGone = crashed ? 'crashed' : 'shutdown';
      if (!this.#slots.has(event.id)) void this.#look(event.id, whenGone, event.type);
      if (event.type === 'guest.stopped') this.#lookAgain(event.id, whenGone, event.type);
    }
  }

  #noteUp(change: () => void): void {
    const before = this.isUp;
    change();
    if (this.isUp !== before) for (const listener of this.#upListeners) listener(this.isUp);
  }

  #lookAgain(serverId: string, whenGone: PowerState, reason: string): void {
    this.#secondLooks.get(serverId)?.();
    const cancel = this.machine.env.timers.after(SECOND_LOOK_MS, () => {
      this.#secondLooks.delete(serverId);
      if (!this.#slots.has(serverId)) void this.#look(serverId, whenGone, reason);
    });
    this.#secondLooks.set(serverId, cancel);
  }

  async #look(serverId: string, whenGone: PowerState, reason: string): Promise<void> {
    const runEpoch = openGrant(this.#ledgerState(), serverId);
    if (runEpoch === undefined) return;
    const ordered = this.#watchOrders();
    try {
      const found = await this.machine.hypervisor.find(serverId);
      if (found?.isInMigration === true) return;
      const power = found?.power ?? whenGone;
      if (!ordered.has(serverId))
        await this.#tell({ type: 'observed', serverId, runEpoch, power }, reason);
    } catch (error) {
      this.machine.env.log.warn(
        { err: error, serverId },
        'a guest could not be looked at; the next relisting will',
      );
    } finally {
      this.#ordered.delete(ordered);
    }
  }

  /** What is seen of a server that gets an order in the meantime is out of date: the order's report counts. */
  #watchOrders(): Set<string> {
    const ordered = new Set(this.#slots.keys());
    this.#ordered.add(ordered);
    return ordered;
  }

  async #registerAndRelist(): Promise<void> {
    const { machine, router, availabilityZone, hostIp, inventories } = this.#options;
    this.#cancelTimer();
    try {
      if (!this.#isRegistered) {
        await registerHost(machine, { router, availabilityZone, hostIp, inventories });
        this.#noteUp(() => (this.#isRegistered = true));
      }
      await this.relist();
      void this.#tidyUp();
      this.#lookOverIn(RELIST_MS);
    } catch (error) {
      machine.env.log.warn(
        { err: error, host: this.host },
        'the host could not be looked over; trying again',
      );
      this.#lookOverIn(REGISTER_RETRY_MS);
    }
  }

  #lookOverIn(waitMs: number): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    this.#cancelTimer = this.machine.env.timers.after(waitMs, () => void this.#registerAndRelist());
  }

  /** Compares what runs with what may run, and acts on the differences. One that makes trouble hides no other. */
  async relist(): Promise<void> {
    const { cluster, host, hypervisor } = this.machine;
    const ordered = this.#watchOrders();
    const troubles: unknown[] = [];
    try {
      const guests = await hypervisor.list();
      for (const finding of reconcile(guests, this.#ledgerState(), { cluster, host })) {
        if (ordered.has(finding.serverId)) continue;
        await this.#act(finding).catch((error: unknown) => troubles.push(error));
      }
    } finally {
      this.#ordered.delete(ordered);
    }
    if (troubles.length > 0)
      throw new AggregateError(troubles, `${troubles.length} findings on host ${host} remain`);
  }

  /** Housekeeping beside everything else: nobody waits for it, and the next relisting does what failed. */
  async #tidyUp(): Promise<void> {
    const { machine, ledger } = this.#options;
    try {
      await tendNetworks(machine);
      await removeLeftovers(
        machine,
        () => this.#ledgerState(),
        (serverId) => this.#slots.has(serverId) || this.#expected.has(serverId),
      );
      await machine.storage.pruneImages(await machine.imageIds());
      await ledger.ask(ledgers.ref(this.host), { type: 'ledger.prune' }, { requestId: 'tidy-up' });
    } catch (error) {
      machine.env.log.warn(
        { err: error, host: this.host },
        'housekeeping failed; the next round will do it',
      );
    }
  }

  async #act(finding: Finding): Promise<void> {
    const { env, hypervisor } = this.machine;
    switch (finding.type) {
      case 'observed':
        return this.#tell(finding, 'relisted');
      case 'superseded':
        env.log.warn({ host: this.host, ...finding }, 'a guest whose grant is over is taken away');
        return hypervisor.destroy(finding.serverId);
      case 'quarantined':
        env.log.error(
          { host: this.host, ...finding },
          'an unknown guest is left alone; look at it',
        );
    }
  }

  async #tell(finding: Extract<Finding, { type: 'observed' }>, reason: string): Promise<void> {
    const { serverId, runEpoch, power } = finding;
    if (power === 'running') await this.#dropStaleMemory(serverId, runEpoch);
    const command = {
      type: 'instance.observed',
      host: this.host,
      runEpoch,
      power,
      reason,
    } as const;
    const ordered = this.#watchOrders();
    try {
      const answer = await this.#options.router.ask(instances.ref(serverId), command, {
        requestId: `observed-${serverId}`,
      });
      if (isRefusal(answer) && answer.refused === 'instance-grant-over')
        void this.#leaveToOthers(serverId, runEpoch, answer.detail);
    } finally {
      this.#ordered.delete(ordered);
      // On its way it may have been overtaken by the report of an order, and then told what was before that.
      if (ordered.has(serverId)) this.#lookAgain(serverId, 'shutdown', 'order.meanwhile');
    }
  }

  /** This host was fenced, and is back: what is here of the server is an old copy, and may never run again. */
  async #leaveToOthers(
    serverId: string,
    runEpoch: number,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { env } = this.machine;
    const order = oldCopyOf(serverId, runEpoch, detail);
    try {
      env.log.warn(
        { host: this.host, serverId, runEpoch },
        'a server was evacuated; its old copy goes',
      );
      await new Promise<unknown>((done, failed) => this.#dispatch({ order, done, failed }));
      const left = { type: 'instance.left', host: this.host, runEpoch } as const;
      await this.#options.router.ask(instances.ref(serverId), left, { requestId: order.orderId });
    } catch (error) {
      env.log.warn(
        { err: error, serverId },
        'an old copy is still here; the next relisting tries again',
      );
    }
  }

  /** Before anybody hears that a suspended server runs: nobody may resume it from memory then. */
  async #dropStaleMemory(serverId: string, runEpoch: number): Promise<void> {
    if (!(await this.machine.storage.hasSavedMemory(serverId))) return;
    const orderId = `stale-memory/${serverId}/${runEpoch}`;
    const order = {
      type: 'stale-memory',
      orderId,
      serverId,
      runEpoch,
      requestId: orderId,
    } as const;
    await new Promise<unknown>((done, failed) => this.#dispatch({ order, done, failed }));
  }

  #ledgerState(): LedgerState {
    return this.#options.ledgerStates.get(this.host) ?? { id: this.host, entries: emptyBuckets() };
  }
}
