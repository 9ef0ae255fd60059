// What a host does for a guest that moves away, comes, or comes back: disks, and the ledger's word on both. The guest is
// down in all of it; whether it is started here afterwards is another order under this host's own grant (DESIGN §5).
import type { GuestState } from '#hypervisor/port.ts';
import { unreachable } from '../domain/unreachable.ts';
import { allParts } from './guests/all-parts.ts';
import type { Grants } from './guest.ts';
import type { Interfaces } from './guest-parts.ts';
import type { Machine } from './machine.ts';
import { type GuestPlan, NodeFault, type NodeOrder, type NodeReport } from './protocol.ts';

type Named<T extends NodeOrder['type']> = Extract<NodeOrder, { readonly type: T }>;
export type MoveOrder = Named<
  'node.leave' | 'node.survey' | 'node.receive' | 'node.take-back' | 'node.forget'
>;

/** What of a guest's executor moves need. */
export interface MovingGuest {
  readonly machine: Machine;
  readonly grants: Grants;
  /** The grant is saved, and nothing can run under an older one any more. */
  admitted(order: NodeOrder): Promise<void>;
  shutDown(order: NodeOrder, graceMs: number | undefined, signal: AbortSignal): Promise<void>;
  endGuest(serverId: string): Promise<void>;
  plug(plan: GuestPlan): Promise<Interfaces>;
  unplug(plan: GuestPlan): Promise<void>;
  /** Files on that storage stay. */
  destroy(order: NodeOrder, plan: GuestPlan, spareStorage?: string): Promise<NodeReport>;
  start(order: NodeOrder, plan: GuestPlan, signal: AbortSignal): Promise<NodeReport>;
  current(order: NodeOrder): Promise<GuestState | undefined>;
  makeExtraDisks(plan: GuestPlan): Promise<void>;
  makeConfigDrive(plan: GuestPlan): Promise<void>;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export function performMove(
  guest: MovingGuest,
  order: MoveOrder,
  signal: AbortSignal,
): Promise<NodeReport> {
  switch (order.type) {
    case 'node.leave':
      return leave(guest, order, signal);
    case 'node.survey':
      return survey(guest, order);
    case 'node.receive':
      return receive(guest, order, signal);
    case 'node.take-back':
      return takeBack(guest, order, signal);
    case 'node.forget':
      return forget(guest, order);
    default:
      return unreachable(order);
  }
}

/** The tombstone comes last, as for a delete; it says that the files stay. */
async function leave(
  guest: MovingGuest,
  order: Named<'node.leave'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { serverId, runEpoch, plan } = order;
  await grants.heed(order);
  const storageId = await machine.storage.storageId();
  const gone: NodeReport = { power: 'shutdown', stopped: true, storageId };
  if (grants.isSuperseded(serverId, runEpoch)) return gone;
  if (!grants.isOver(serverId, runEpoch)) await guest.shutDown(order, order.graceMs, signal);
  await guest.endGuest(serverId);
  await guest.unplug(plan);
  await machine.storage.removeSavedMemory(serverId);
  await machine.storage.withdraw(serverId);
  await machine.storage.closeRuns(serverId, runEpoch);
  // A start that a dead process asked for may have come true in between; without its paths none can any more.
  await guest.endGuest(serverId);
  await grants.close(serverId, runEpoch, true);
  return gone;
}

async function survey(
  { machine, grants }: MovingGuest,
  order: Named<'node.survey'>,
): Promise<NodeReport> {
  await grants.heed(order);
  const { serverId } = order;
  const [disks, storageId, found] = await Promise.all([
    machine.storage.listDisks(serverId),
    machine.storage.storageId(),
    machine.hypervisor.find(serverId),
  ]);
  if (!disks.some(({ name }) => name === 'disk'))
    throw new NodeFault('not-found', 'its disk is not on this host', { retryable: false });
  return { power: found?.power ?? 'shutdown', stopped: false, storageId, disks };
}

/** Files of an older grant are no start for this one: they may be of any age, and the record allows removing them. */
async function receive(
  guest: MovingGuest,
  order: Named<'node.receive'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { storage } = machine;
  const { serverId, runEpoch, plan } = order;
  const storageId = await storage.storageId();
  const isShared = storageId === order.sourceStorageId;
  if (!isShared && !grants.isAdmitted(serverId, runEpoch)) {
    await grants.heed(order);
    if (grants.isOver(serverId, runEpoch)) throw over(order);
    await guest.endGuest(serverId);
    await storage.removeGuest(serverId);
  }
  await guest.admitted(order);
  if (isShared) await storage.copyWithdrawn(serverId);
  else await takeOver(guest, order, signal);
  await enlarge(guest, plan);
  await guest.plug(plan);
  return { power: 'shutdown', stopped: false, storageId };
}

async function takeOver(
  { machine }: MovingGuest,
  { plan, disks }: Named<'node.receive'>,
  signal: AbortSignal,
): Promise<void> {
  const { storage, imageSource, sourceDisk } = machine;
  const { serverId } = plan;
  const image = plan.hasWholeDisk === true ? undefined : plan.image;
  if (image !== undefined) await storage.ensureImage(imageSource(image, { serverId }));
  for (const { name, sizeBytes } of disks) {
    if (signal.aborted)
      throw new NodeFault('hypervisor', 'the order was given up for a later one', {
        retryable: false,
      });
    await storage.receiveDisk({
      guestId: serverId,
      name,
      sizeBytes,
      imageId: name === 'disk' ? image?.id : undefined,
      read: ({ offset, length }) => sourceDisk({ serverId, name, offset, length }),
    });
  }
}

/** Disks grow with the flavor and never shrink; what it has more of is made. */
async function enlarge(guest: MovingGuest, plan: GuestPlan): Promise<void> {
  const { storage } = guest.machine;
  const { serverId: guestId, flavor } = plan;
  const known = new Set((await storage.listDisks(guestId)).map(({ name }) => name));
  const wanted = [
    ['disk', flavor.diskGiB * GIB],
    ['disk.eph0', flavor.ephemeralGiB * GIB],
    ['disk.swap', flavor.swapMiB * MIB],
  ] as const;
  for (const [name, sizeBytes] of wanted)
    if (sizeBytes > 0 && known.has(name)) await storage.growDisk({ guestId, name, sizeBytes });
  if (
    (flavor.ephemeralGiB > 0 && !known.has('disk.eph0')) ||
    (flavor.swapMiB > 0 && !known.has('disk.swap'))
  )
    await guest.makeExtraDisks(plan);
  await guest.makeConfigDrive(plan);
}

/** A guest that runs under this grant has never left: then its disks are as they are to be. */
async function takeBack(
  guest: MovingGuest,
  order: Named<'node.take-back'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine } = guest;
  await guest.admitted(order);
  const storageId = await machine.storage.storageId();
  const found = await guest.current(order);
  if (found === undefined) await machine.storage.bringBack(order.serverId);
  if (!order.starts) {
    await guest.plug(order.plan);
    return { power: 'shutdown', stopped: false, storageId };
  }
  return { ...(await guest.start(order, order.plan, signal)), storageId };
}

/** On one host, or on shared storage, the other end's guest uses the files: only the copies from before the move go. */
async function forget(guest: MovingGuest, order: Named<'node.forget'>): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { serverId, runEpoch, plan, spareStorage } = order;
  await grants.heed(order);
  const isSuperseded = grants.isSuperseded(serverId, runEpoch);
  if (!isSuperseded && spareStorage !== (await machine.storage.storageId()))
    return guest.destroy(order, plan);
  await machine.storage.dropWithdrawn(serverId);
  return { power: 'nostate', stopped: true };
}

function over({ serverId, runEpoch }: NodeOrder): NodeFault {
  return new NodeFault('stale-grant', `run-epoch ${runEpoch} of server ${serverId} is over here`, {
    retryable: false,
  });
}

/** A host that was fenced is back: its grant for a server is over, and its old copy of the guest goes. */
export type OldCopy = Pick<NodeOrder, 'serverId' | 'runEpoch' | 'ownerEpoch'> & {
  readonly type: 'old-copy';
  readonly orderId: string;
  readonly requestId: string;
  readonly ports: readonly {
    readonly id: string;
    readonly networkId: string;
    readonly mac: string;
  }[];
  /** Unless it is known that nobody else uses the files, they stay. */
  readonly removesFiles: boolean;
  readonly spareStorage: string | undefined;
};

/** As the refusal instance-grant-over tells it. */
export function oldCopyOf(
  serverId: string,
  runEpoch: number,
  detail: Readonly<Record<string, unknown>>,
): OldCopy {
  const orderId = `old-copy/${serverId}/${runEpoch}`;
  return {
    type: 'old-copy',
    orderId,
    serverId,
    runEpoch,
    requestId: orderId,
    ports: (detail['ports'] ?? []) as OldCopy['ports'],
    removesFiles: detail['removesFiles'] === true,
    spareStorage: detail['spareStorage'] as string | undefined,
  };
}

/** The server's own record names this host and this run-epoch as fenced; that allows it (R6). */
export async function endOldCopy(guest: MovingGuest, work: OldCopy): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { network, storage } = machine;
  const { serverId, runEpoch, ports, removesFiles, spareStorage } = work;
  const done: NodeReport = { power: 'nostate', stopped: true };
  if (grants.isSuperseded(serverId, runEpoch)) return done;
  const keepsFiles = !removesFiles || spareStorage === (await storage.storageId());
  await guest.endGuest(serverId);
  await allParts([
    ...ports.map((port) => network.unplug(port)),
    keepsFiles ? storage.closeRuns(serverId, runEpoch) : storage.removeGuest(serverId),
  ]);
  await guest.endGuest(serverId);
  await grants.close(serverId, runEpoch, keepsFiles);
  return done;
}
