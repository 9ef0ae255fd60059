// Carries out the orders for one guest, one at a time, on this host. Every order looks at what is there first, so
// that doing it twice does it once; nothing is started before its grant is on this host's disk (DESIGN §5, R1).
import { type GuestState, HypervisorFault } from '#hypervisor/port.ts';
import { unreachable } from '../domain/unreachable.ts';
import { allParts } from './guests/all-parts.ts';
import { nodeFaultOf } from './faults.ts';
import { endOldCopy, type MovingGuest, type OldCopy, performMove } from './guest-moves.ts';
import { performHandover } from './tasks/handover.ts';
import { verbs } from './tasks/verbs.ts';
import { type GuestWithDisks, performDiskOrder, SNAPSHOT_DISK } from './guest-disks.ts';
import {
  givenUp,
  type Interfaces,
  makeConfigDrive,
  makeExtraDisks,
  makeRootDisk,
  plugPorts,
  RESCUE_DISK,
  specOf,
} from './guest-parts.ts';
import { setPassword } from './guests/password.ts';
import { performInterfaceOrder } from './guests/interfaces.ts';
import type { Machine } from './machine.ts';
import { type GuestPlan, NodeFault, type NodeOrder, type NodeReport } from './protocol.ts';

/** An order's rank: the grant that it acts under, and the owner that it comes from. */
export type Rank = Pick<NodeOrder, 'serverId' | 'runEpoch' | 'ownerEpoch'>;

export interface Grants {
  /**
   * Saves grant and owner durably, and before that closes the runs of older grants; rejects with NodeFault stale-grant if
   * the grant is over or superseded, stale-owner if a later owner is known.
   */
  admit(rank: Rank): Promise<void>;
  /** Saves the owner durably, if the server is known here; rejects with NodeFault stale-owner as above. */
  heed(rank: Rank): Promise<void>;
  /** Closes its run, then saves that the grant is over, and whether the guest's files stay all the same. */
  close(serverId: string, runEpoch: number, keepsFiles?: boolean): Promise<void>;
  /** The guest is on its way here, without a grant: its files are no leftovers. */
  expect(serverId: string, isExpected: boolean): void;
  /** Whether this very grant has been saved as open. */
  isAdmitted(serverId: string, runEpoch: number): boolean;
  /** Whether this host has ever been given a grant for the server, as far as it remembers. */
  isKnown(serverId: string): boolean;
  /** Whether the grant is known to be over or superseded. */
  isOver(serverId: string, runEpoch: number): boolean;
  /** Whether a later owner of the server has given orders. */
  isStaleOwner(rank: Rank): boolean;
  /** Whether this host has since been given a newer grant for the server. */
  isSuperseded(serverId: string, runEpoch: number): boolean;
}

/** The node's own work on a guest, in turn with the orders for it. */
export type StaleMemory = Rank & {
  readonly type: 'stale-memory';
  readonly orderId: string;
  readonly requestId: string;
};
export type GuestWork = NodeOrder | StaleMemory | OldCopy;

type Named<T extends NodeOrder['type']> = Extract<NodeOrder, { readonly type: T }>;

const POLL_MS = 1_000;
const running: NodeReport = { power: 'running', stopped: false };
const gone: NodeReport = { power: 'shutdown', stopped: false };

export class GuestExecutor {
  readonly #machine: Machine;
  readonly #grants: Grants;
  readonly #serverId: string;

  constructor(machine: Machine, grants: Grants, serverId: string) {
    this.#machine = machine;
    this.#grants = grants;
    this.#serverId = serverId;
  }

  /** Rejects with NodeFault. `signal` ends an order early, between two steps, when a delete waits behind it. */
  async perform(order: GuestWork, signal: AbortSignal): Promise<NodeReport> {
    try {
      return await this.#run(order, signal);
    } catch (error) {
      throw nodeFaultOf(
        error,
        `${verbs[order.type]} server ${this.#serverId} on host ${this.#machine.host}`,
      );
    }
  }

  #run(order: GuestWork, signal: AbortSignal): Promise<NodeReport> {
    switch (order.type) {
      case 'node.build':
        return this.#build(order, signal);
      case 'node.destroy':
        return this.#destroy(order, order.plan, order.spareStorage);
      case 'node.start':
        return this.#start(order, order.plan, signal);
      case 'node.stop':
        return this.#stop(order, signal);
      case 'node.reboot':
        return this.#reboot(order, signal);
      case 'node.crash-dump':
        return this.#crashDump(order);
      case 'node.pause':
        return this.#pause(order);
      case 'node.unpause':
        return this.#unpause(order);
      case 'node.suspend':
        return this.#suspend(order);
      case 'node.resume':
        return this.#resume(order, signal);
      case 'node.leave':
      case 'node.survey':
      case 'node.receive':
      case 'node.take-back':
      case 'node.forget':
        return performMove(this.#moving(), order, signal);
      case 'node.expect':
      case 'node.offer':
      case 'node.invite':
      case 'node.copy':
      case 'node.hand-over':
      case 'node.take-over':
      case 'node.keep':
      case 'node.decline':
      case 'node.clean':
      case 'node.copy-progress':
      case 'node.force-copy':
        return performHandover(this.#moving(), order, signal);
      case 'node.fetch-image':
      case 'node.rebuild':
      case 'node.rescue':
      case 'node.unrescue':
      case 'node.snapshot':
      case 'node.upload-snapshot':
      case 'node.drop-snapshot':
        return performDiskOrder(this.#withDisks(), order, signal);
      case 'node.set-password':
        return this.#setPassword(order);
      case 'node.attach-interface':
      case 'node.detach-interface':
        return performInterfaceOrder(this.#withDisks(), order);
      case 'old-copy':
        return endOldCopy(this.#moving(), order);
      case 'stale-memory':
        return this.#dropStaleMemory(order);
      default:
        return unreachable(order);
    }
  }

  /** What the work on a guest's disks (guest-disks.ts) does with the guest. */
  #withDisks(): GuestWithDisks {
    return {
      machine: this.#machine,
      admitted: (order) => this.#admitted(order),
      current: (order) => this.#current(order),
      shutDown: (order, graceMs, signal) => this.#shutDown(order, graceMs, signal),
      start: (order, plan, signal) => this.#start(order, plan, signal),
      bringUp: (order, plan, options) => this.#bringUp(order, plan, options),
    };
  }

  /** What moves do with a guest beside their own work (guest-moves.ts). */
  #moving(): MovingGuest {
    return {
      machine: this.#machine,
      grants: this.#grants,
      admitted: (order) => this.#admitted(order),
      shutDown: (order, graceMs, signal) => this.#shutDown(order, graceMs, signal),
      endGuest: (serverId) => this.#endGuest(serverId),
      plug: (plan) => plugPorts(this.#machine, plan),
      unplug: (plan) => this.#unplug(plan),
      destroy: (order, plan, spareStorage) => this.#destroy(order, plan, spareStorage),
      start: (order, plan, signal) => this.#start(order, plan, signal),
      current: (order) => this.#current(order),
      makeExtraDisks: (plan) => makeExtraDisks(this.#machine, plan),
      makeConfigDrive: (plan) => makeConfigDrive(this.#machine, plan),
    };
  }

  /** The grant goes to disk while the disks are made; the guest starts when both are there. */
  async #build(order: Named<'node.build'>, signal: AbortSignal): Promise<NodeReport> {
    const { plan } = order;
    if (this.#grants.isOver(order.serverId, order.runEpoch)) throw staleGrant(order);
    if (this.#grants.isStaleOwner(order)) throw staleOwner(order);
    await this.#endOlderRuns(order);
    const admitted = this.#grants.admit(order);
    const plugged = plugPorts(this.#machine, plan);
    await allParts<unknown>([
      admitted,
      makeRootDisk(this.#machine, plan, signal),
      makeConfigDrive(this.#machine, plan),
      makeExtraDisks(this.#machine, plan),
      plugged,
    ]);
    if (order.starts === undefined)
      return this.#bringUp(order, plan, { signal, interfaces: await plugged });
    const storageId = await this.#machine.storage.storageId();
    if (!order.starts) return { ...gone, storageId };
    const report = await this.#bringUp(order, plan, { signal, interfaces: await plugged });
    return { ...report, storageId };
  }

  async #start(order: NodeOrder, plan: GuestPlan, signal: AbortSignal): Promise<NodeReport> {
    await this.#admitted(order);
    // Of a rescue that failed and was left by another way than unrescue, and of a snapshot that nobody took.
    for (const name of [RESCUE_DISK, SNAPSHOT_DISK])
      await this.#machine.storage.removeDisk({ guestId: plan.serverId, name });
    return this.#bringUp(order, plan, { signal, interfaces: await plugPorts(this.#machine, plan) });
  }

  async #bringUp(
    order: NodeOrder,
    plan: GuestPlan,
    options: { signal: AbortSignal; interfaces: Interfaces },
  ): Promise<NodeReport> {
    const found = await this.#current(order);
    if (found?.power === 'running') return running;
    if (found !== undefined) await this.#machine.hypervisor.destroy(order.serverId);
    const { interfaces } = options;
    const spec = await specOf(this.#machine, plan, { runEpoch: order.runEpoch, interfaces });
    // It would be of a disk that is about to change.
    await this.#machine.storage.removeSavedMemory(order.serverId);
    if (options.signal.aborted) throw givenUp();
    await this.#machine.hypervisor.create(spec);
    return running;
  }

  async #stop(order: Named<'node.stop'>, signal: AbortSignal): Promise<NodeReport> {
    await this.#admitted(order);
    await this.#shutDown(order, order.graceMs, signal);
    return gone;
  }

  async #reboot(order: Named<'node.reboot'>, signal: AbortSignal): Promise<NodeReport> {
    await this.#admitted(order);
    await this.#shutDown(order, order.hard ? undefined : order.graceMs, signal);
    return this.#start(order, order.plan, signal);
  }

  async #crashDump(order: Named<'node.crash-dump'>): Promise<NodeReport> {
    await this.#admitted(order);
    const { power } = await this.#present(order);
    await this.#machine.hypervisor.injectNmi(order.serverId);
    return { power, stopped: false };
  }

  async #pause(order: Named<'node.pause'>): Promise<NodeReport> {
    await this.#admitted(order);
    const found = await this.#present(order);
    if (found.power !== 'paused') await this.#machine.hypervisor.pause(order.serverId);
    return { power: 'paused', stopped: false };
  }

  async #setPassword(order: Named<'node.set-password'>): Promise<NodeReport> {
    await this.#admitted(order);
    return setPassword(this.#machine, order, await this.#present(order));
  }

  async #unpause(order: Named<'node.unpause'>): Promise<NodeReport> {
    await this.#admitted(order);
    const found = await this.#present(order);
    if (found.power !== 'running') await this.#machine.hypervisor.resume(order.serverId);
    return running;
  }

  async #suspend(order: Named<'node.suspend'>): Promise<NodeReport> {
    await this.#admitted(order);
    const { hypervisor, storage } = this.#machine;
    const found = await this.#current(order);
    if (found === undefined && (await storage.hasSavedMemory(order.serverId))) return gone;
    if (found === undefined) throw notRunning();
    const { serverId, runEpoch } = order;
    await storage.openRun(serverId, runEpoch);
    await hypervisor.save(serverId, storage.paths(serverId, runEpoch).savedMemory);
    return gone;
  }

  async #resume(order: Named<'node.resume'>, signal: AbortSignal): Promise<NodeReport> {
    await this.#admitted(order);
    const { hypervisor, storage } = this.#machine;
    if (
      (await this.#current(order)) === undefined &&
      (await storage.hasSavedMemory(order.serverId))
    ) {
      const { serverId, runEpoch } = order;
      const interfaces = await plugPorts(this.#machine, order.plan);
      await hypervisor.restore(
        await specOf(this.#machine, order.plan, { runEpoch, interfaces }),
        storage.paths(serverId, runEpoch).savedMemory,
      );
    }
    await this.#start(order, order.plan, signal);
    await storage.removeSavedMemory(order.serverId);
    return running;
  }

  /** A guest that runs has changed its disk: memory that was saved before is of no use, and would ruin the disk. */
  async #dropStaleMemory(order: StaleMemory): Promise<NodeReport> {
    const found = await this.#machine.hypervisor.find(order.serverId);
    if (found?.power === 'running') await this.#machine.storage.removeSavedMemory(order.serverId);
    return { power: found?.power ?? 'shutdown', stopped: false };
  }

  /** The tombstone comes last: until it is written, a repeat of this order does it all again. */
  async #destroy(order: NodeOrder, plan: GuestPlan, spareStorage?: string): Promise<NodeReport> {
    const { storage } = this.#machine;
    const { serverId, runEpoch } = order;
    await this.#grants.heed(order);
    // Guest, disks and ports belong to the newer grant then; under the old one nothing is left to end (R2).
    if (this.#grants.isSuperseded(serverId, runEpoch)) return { power: 'nostate', stopped: true };
    const keepsFiles = spareStorage !== undefined && spareStorage === (await storage.storageId());
    await this.#endGuest(serverId);
    await allParts([
      this.#unplug(plan),
      keepsFiles ? storage.closeRuns(serverId, runEpoch) : storage.removeGuest(serverId),
    ]);
    // A start that a dead process asked for may have come true in between; without its paths none can any more.
    await this.#endGuest(serverId);
    await this.#grants.close(serverId, runEpoch, keepsFiles);
    return { power: 'nostate', stopped: true };
  }

  async #unplug(plan: GuestPlan): Promise<void> {
    const { network } = this.#machine;
    await allParts(
      plan.ports.map(({ portId, networkId, mac }) =>
        network.unplug({ id: portId, networkId, mac }),
      ),
    );
  }

  /** Only a guest that carries this cloud's mark is ours to end (R6). */
  async #endGuest(serverId: string): Promise<void> {
    const { hypervisor, cluster } = this.#machine;
    const found = await hypervisor.find(serverId);
    if (found !== undefined && found.mark?.cluster !== cluster) throw foreignGuest();
    await hypervisor.destroy(serverId);
    if (found?.isInMigration !== true) return;
    // What the hypervisor still holds of the migration goes with its guest.
    await hypervisor.migrations.confirm(serverId);
    await hypervisor.migrations.cancelIncoming(serverId);
  }

  /** Refuses an order under an old grant, or of an old owner. */
  async #admitted(order: NodeOrder): Promise<void> {
    await this.#endOlderRuns(order);
    await this.#grants.admit(order);
  }

  /** Before a newer grant is saved: nothing can be started under an older one any more, and what was started goes. */
  async #endOlderRuns(order: NodeOrder): Promise<void> {
    const { serverId, runEpoch } = order;
    const grants = this.#grants;
    if (!grants.isKnown(serverId) || grants.isAdmitted(serverId, runEpoch)) return;
    if (grants.isOver(serverId, runEpoch) || grants.isStaleOwner(order)) return;
    await this.#machine.storage.closeRuns(serverId, runEpoch - 1);
    await this.#current(order);
  }

  /** The guest that runs under this very grant; one of an older grant is superseded and taken away (R2). */
  async #current(order: NodeOrder): Promise<GuestState | undefined> {
    const { hypervisor, cluster, host } = this.#machine;
    const found = await hypervisor.find(order.serverId);
    if (found === undefined) return undefined;
    const { mark } = found;
    if (
      mark === undefined ||
      mark.cluster !== cluster ||
      mark.host !== host ||
      mark.runEpoch > order.runEpoch
    ) {
      throw foreignGuest();
    }
    if (mark.runEpoch === order.runEpoch) return found;
    await hypervisor.destroy(order.serverId);
    return undefined;
  }

  async #present(order: NodeOrder): Promise<GuestState> {
    const found = await this.#current(order);
    if (found === undefined) throw notRunning();
    return found;
  }

  /** Without a grace the plug is pulled at once. */
  async #shutDown(
    order: NodeOrder,
    graceMs: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { hypervisor } = this.#machine;
    const found = await this.#current(order);
    if (found === undefined) return;
    if (found.power === 'running' && graceMs !== undefined) {
      const stopped = this.#stopped(graceMs, signal);
      await hypervisor.shutdown(this.#serverId).catch(unlessGone);
      if (await stopped) return;
    }
    await hypervisor.destroy(this.#serverId);
  }

  /** True once the guest is gone; false if it is still there after the grace. Events make it quick, looking makes it sure. */
  #stopped(graceMs: number, signal: AbortSignal): Promise<boolean> {
    const { env, hypervisor } = this.#machine;
    const endMs = env.clock.monotonic() + graceMs;
    return new Promise((resolve) => {
      let cancel = (): void => undefined;
      const finish = (isGone: boolean): void => {
        unsubscribe();
        cancel();
        resolve(isGone);
      };
      const look = (): void => {
        if (signal.aborted || env.clock.monotonic() >= endMs) return finish(false);
        hypervisor.find(this.#serverId).then(
          (found) => (found === undefined ? finish(true) : lookLater()),
          () => lookLater(),
        );
      };
      const lookLater = (): void => {
        cancel = env.timers.after(
          Math.min(POLL_MS, Math.max(0, endMs - env.clock.monotonic())),
          look,
        );
      };
      const unsubscribe = hypervisor.subscribe((event) => {
        if (event.type === 'guest.stopped' && event.id === this.#serverId) finish(true);
      });
      lookLater();
    });
  }
}

/** The guest went by itself between the look and the button. */
function unlessGone(error: unknown): void {
  if (!(error instanceof HypervisorFault) || error.code !== 'guest-not-found') throw error;
}

function notRunning(): NodeFault {
  return new NodeFault('not-found', 'the guest is not running', { retryable: false });
}

function staleGrant({ serverId, runEpoch }: NodeOrder): NodeFault {
  return new NodeFault(
    'stale-grant',
    `run-epoch ${runEpoch} of server ${serverId} is over on this host`,
    { retryable: false },
  );
}

/** A later owner of the server has given orders here: this one was thought dead, and must not get in between. */
export function staleOwner({ serverId, ownerEpoch }: Rank): NodeFault {
  return new NodeFault(
    'stale-owner',
    `the orders for server ${serverId} come from another controller by now, and not from its owner of epoch ${ownerEpoch}`,
    { retryable: false },
  );
}

function foreignGuest(): NodeFault {
  return new NodeFault(
    'hypervisor',
    'a domain with its id is there that this host has no record of; it is left alone',
    { retryable: false },
  );
}
