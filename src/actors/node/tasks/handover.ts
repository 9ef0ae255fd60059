// What a host does for a guest that comes or goes while it runs: the phases of the hypervisor's migrations, and the ledger's word
// on both ends. The source closes its grant when its guest stands still; the destination saves its own before anything runs
// there, and from then on the guest is never given back (DESIGN §5, docs/flows/live-migration.md).
import type { MigrationProgress } from '#hypervisor/migration-port.ts';
import type { GuestState } from '#hypervisor/port.ts';
import { unreachable } from '#actors/domain/unreachable.ts';
import type { MovingGuest } from '../guest-moves.ts';
import {
  fetchImage,
  givenUp,
  makeConfigDrive,
  makeExtraDisks,
  makeRootDisk,
  specOf,
} from '../guest-parts.ts';
import { type GuestPlan, NodeFault, type NodeOrder, type NodeReport } from '../protocol.ts';

type Named<T extends NodeOrder['type']> = Extract<NodeOrder, { readonly type: T }>;
export type HandoverOrder = Named<
  | 'node.expect'
  | 'node.offer'
  | 'node.invite'
  | 'node.copy'
  | 'node.hand-over'
  | 'node.take-over'
  | 'node.keep'
  | 'node.decline'
  | 'node.clean'
  | 'node.copy-progress'
  | 'node.force-copy'
>;

/** Neither QEMU notices that the wire between them is cut; a copy of which nothing moves for as long is given up. */
const STALLED_MS = 60_000;
const LOOK_MS = 2_000;

const standsStill: NodeReport = { power: 'paused', stopped: true };
const ended: NodeReport = { power: 'nostate', stopped: true };

export function performHandover(
  guest: MovingGuest,
  order: HandoverOrder,
  signal: AbortSignal,
): Promise<NodeReport> {
  switch (order.type) {
    case 'node.expect':
      return expect(guest, order, signal);
    case 'node.offer':
      return offer(guest, order);
    case 'node.invite':
      return invite(guest, order);
    case 'node.copy':
      return copy(guest, order, signal);
    case 'node.hand-over':
      return handOver(guest, order);
    case 'node.take-over':
      return takeOver(guest, order, signal);
    case 'node.keep':
      return keep(guest, order, signal);
    case 'node.decline':
      return decline(guest, order);
    case 'node.clean':
      return clean(guest, order);
    case 'node.copy-progress':
      return progress(guest, order);
    case 'node.force-copy':
      return force(guest, order);
    default:
      return unreachable(order);
  }
}

/** Orders that don't wait for the copy to end. */
export function isBesideCopy(
  order: NodeOrder,
): order is Named<'node.copy-progress' | 'node.force-copy'> {
  return order.type === 'node.copy-progress' || order.type === 'node.force-copy';
}

async function expect(
  guest: MovingGuest,
  order: Named<'node.expect'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { storage } = machine;
  const { serverId, runEpoch, plan, copiesDisks } = order;
  await grants.heed(order);
  if (grants.isOver(serverId, runEpoch) || grants.isAdmitted(serverId, runEpoch)) throw over(order);
  await endExpected(guest, order);
  grants.expect(serverId, true);
  const storageId = await storage.storageId();
  const isShared = storageId === order.sourceStorageId;
  if (isShared && copiesDisks === true)
    throw refused('its disks are on storage that both hosts share: they can not be copied');
  if (!isShared && copiesDisks === false)
    throw refused(
      'its disks are not on storage that both hosts share: they would have to be copied',
    );
  if (!isShared) {
    // Files of an older grant may be of any age.
    await storage.removeGuest(serverId);
    await makeRootDisk(machine, plan, signal);
    await makeExtraDisks(machine, plan);
    await makeConfigDrive(machine, plan);
  }
  // Disks may be shared where the images that they stand on are not.
  else if (plan.image !== undefined) await fetchImage(machine, plan.image, { serverId, signal });
  const spec = await specHere(guest, order, plan);
  const disks = spec.disks.filter(({ readonly }) => !readonly);
  const copiedDisks = isShared ? [] : disks.map(({ target }) => target);
  return { power: 'nostate', stopped: false, storageId, handover: { spec, copiedDisks } };
}

async function specHere(guest: MovingGuest, order: NodeOrder, plan: GuestPlan) {
  const interfaces = await guest.plug(plan);
  return specOf(guest.machine, plan, { runEpoch: order.runEpoch, interfaces });
}

/** An incoming guest of an earlier try, or one of a grant that is over. */
async function endExpected(guest: MovingGuest, order: NodeOrder): Promise<void> {
  const { hypervisor } = guest.machine;
  const found = await ours(guest, order);
  if (found?.isInMigration === true) await hypervisor.migrations.cancelIncoming(order.serverId);
  else if (found !== undefined) await guest.endGuest(order.serverId);
}

async function offer(guest: MovingGuest, order: Named<'node.offer'>): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { hypervisor, env } = machine;
  const { serverId, spec, settings } = order;
  await grants.admit(order);
  const found = await guest.current(order);
  if (found === undefined) throw notThere();
  if (found.isInMigration === true)
    throw refused('it stands still already, by a migration that nobody knows of any more');
  // What an earlier try may have begun.
  await hypervisor.migrations.cancelOutgoing(serverId);
  const offered = await hypervisor.migrations.begin(spec, settings);
  const handover = { offer: offered, tryId: env.random.uuid() };
  return { power: 'running', stopped: false, handover };
}

async function invite(guest: MovingGuest, order: Named<'node.invite'>): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { serverId, runEpoch, plan, settings } = order;
  await grants.heed(order);
  if (grants.isOver(serverId, runEpoch) || grants.isAdmitted(serverId, runEpoch)) throw over(order);
  await endExpected(guest, order);
  const spec = await specHere(guest, order, plan);
  const { address, hypervisor } = machine;
  const about = { offer: order.offer, settings, address };
  const invitation = await hypervisor.migrations.prepare(spec, about);
  return { power: 'nostate', stopped: false, handover: { invitation } };
}

async function copy(
  guest: MovingGuest,
  order: Named<'node.copy'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { migrations } = machine.hypervisor;
  await grants.admit(order);
  if (signal.aborted) throw givenUp();
  const { spec, offer: offered, invitation, settings } = order;
  const end = watch(guest, order.serverId, signal);
  try {
    const about = { offer: offered, invitation, settings };
    const { cookie } = await migrations.perform(spec, about);
    return { power: 'paused', stopped: false, handover: { cookie } };
  } finally {
    end();
  }
}

/** Ends the copy when somebody gives it up, or when nothing of it moves any more. Returns the way out. */
function watch({ machine }: MovingGuest, serverId: string, signal: AbortSignal): () => void {
  const { env, hypervisor } = machine;
  const seen = { bytes: -1, atMs: env.clock.monotonic() };
  let isOver = false;
  let cancel = (): void => undefined;
  const abort = (): void => {
    hypervisor.migrations.abort(serverId).catch((error: unknown) => {
      env.log.info({ err: error, serverId }, 'a copy could not be aborted; it may have ended');
    });
  };
  const look = async (): Promise<void> => {
    try {
      const now = await hypervisor.migrations.progress(serverId);
      const bytes = now === undefined ? seen.bytes : moved(now);
      if (bytes !== seen.bytes) Object.assign(seen, { bytes, atMs: env.clock.monotonic() });
    } catch (error) {
      env.log.debug({ err: error, serverId }, 'a copy could not be looked at');
    }
    if (isOver) return;
    if (env.clock.monotonic() - seen.atMs >= STALLED_MS) return abort();
    cancel = env.timers.after(LOOK_MS, () => void look());
  };
  cancel = env.timers.after(LOOK_MS, () => void look());
  signal.addEventListener('abort', abort);
  return () => {
    isOver = true;
    cancel();
    signal.removeEventListener('abort', abort);
  };
}

const moved = (now: MigrationProgress): number =>
  now.memoryProcessedBytes + now.diskProcessedBytes + now.rounds;

/** The word of the source: nothing of it runs here, and under this grant nothing ever will. */
async function handOver(
  { machine, grants }: MovingGuest,
  order: Named<'node.hand-over'>,
): Promise<NodeReport> {
  const { hypervisor } = machine;
  const { serverId, runEpoch, pauses } = order;
  await grants.heed(order);
  if (grants.isOver(serverId, runEpoch)) return standsStill;
  const found = await hypervisor.find(serverId);
  if (found?.power === 'running') {
    if (!pauses) throw refused('it goes on here, although it was copied');
    await hypervisor.pause(serverId);
  }
  await grants.close(serverId, runEpoch, true);
  return standsStill;
}

/** Once the grant is saved here the guest may have run: one that is not there any more starts anew, from its disk. */
async function takeOver(
  guest: MovingGuest,
  order: Named<'node.take-over'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { hypervisor } = machine;
  const { serverId, runEpoch, plan, cookie, isPaused, settings } = order;
  const found = await ours(guest, order);
  const storageId = await machine.storage.storageId();
  if (found === undefined || found.mark?.runEpoch !== runEpoch) {
    if (!grants.isAdmitted(serverId, runEpoch)) throw notThere();
    return { ...(await startAnew(guest, order, signal)), storageId };
  }
  await grants.admit(order);
  grants.expect(serverId, false);
  if (found.isInMigration !== true) return { power: powerOf(found), stopped: false, storageId };
  const spec = await specHere(guest, order, plan);
  const taken = await hypervisor.migrations.finish(spec, { cookie, isPaused, settings });
  return { power: powerOf(taken), stopped: false, storageId };
}

/** A guest that is lost boots, and stands still if somebody had paused it. */
async function startAnew(
  guest: MovingGuest,
  order: Named<'node.take-over' | 'node.keep'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const report = await guest.start(order, order.plan, signal);
  if (!order.isPaused) return report;
  await guest.machine.hypervisor.pause(order.serverId);
  return { power: 'paused', stopped: false };
}

const powerOf = ({ power }: GuestState): 'running' | 'paused' =>
  power === 'running' ? 'running' : 'paused';

/** Under its old grant the guest never stopped being this host's; under a new one its mark is changed before it runs. */
async function keep(
  guest: MovingGuest,
  order: Named<'node.keep'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { hypervisor, cluster, host } = machine;
  const { serverId, runEpoch, isPaused, starts } = order;
  await grants.heed(order);
  if (grants.isOver(serverId, runEpoch)) return ended;
  await grants.admit(order);
  const before = await ours(guest, order);
  if (before === undefined)
    return starts ? startAnew(guest, order, signal) : { power: 'shutdown', stopped: false };
  const isOlder = before.mark?.runEpoch !== runEpoch;
  const mark = isOlder ? { cluster, host, runEpoch } : undefined;
  await hypervisor.migrations.cancelOutgoing(serverId, mark);
  const found = await hypervisor.find(serverId);
  const stoodStill = before.isInMigration === true || isOlder;
  if (found?.power === 'paused' && stoodStill && !isPaused) await hypervisor.resume(serverId);
  return { power: isPaused ? 'paused' : 'running', stopped: false };
}

async function decline(guest: MovingGuest, order: Named<'node.decline'>): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { storage } = machine;
  const { serverId, runEpoch, plan, spareStorage, closes } = order;
  await grants.heed(order);
  if (grants.isSuperseded(serverId, runEpoch)) return ended;
  if (grants.isAdmitted(serverId, runEpoch)) return { power: 'nostate', stopped: false };
  const found = await machine.hypervisor.find(serverId);
  // It awaits the guest anew, by a later migration.
  if ((found?.mark?.runEpoch ?? 0) > runEpoch) return ended;
  await endExpected(guest, order);
  grants.expect(serverId, false);
  await guest.unplug(plan);
  const keepsFiles = spareStorage === undefined || spareStorage === (await storage.storageId());
  if (!keepsFiles) await storage.removeGuest(serverId);
  if (closes) await grants.close(serverId, runEpoch, keepsFiles);
  return ended;
}

async function clean(guest: MovingGuest, order: Named<'node.clean'>): Promise<NodeReport> {
  const { machine, grants } = guest;
  const { serverId, runEpoch, plan, spareStorage } = order;
  await grants.heed(order);
  if (grants.isSuperseded(serverId, runEpoch)) return ended;
  // Refuses a guest that runs: then something is wrong that nobody may mend by destroying it.
  await machine.hypervisor.migrations.confirm(serverId);
  return guest.destroy(order, plan, spareStorage);
}

async function progress(
  { machine }: MovingGuest,
  { serverId }: Named<'node.copy-progress'>,
): Promise<NodeReport> {
  const now = await machine.hypervisor.migrations.progress(serverId);
  const handover = now === undefined ? {} : { handover: { progress: now } };
  return { power: 'running', stopped: false, ...handover };
}

async function force(
  { machine, grants }: MovingGuest,
  order: Named<'node.force-copy'>,
): Promise<NodeReport> {
  await grants.heed(order);
  await machine.hypervisor.migrations.force(order.serverId);
  return { power: 'running', stopped: false };
}

/** What is there of this cloud's; a domain of somebody else is never touched (R6). */
async function ours(
  { machine }: MovingGuest,
  { serverId }: NodeOrder,
): Promise<GuestState | undefined> {
  const found = await machine.hypervisor.find(serverId);
  if (found === undefined || found.mark?.cluster === machine.cluster) return found;
  throw refused('a domain with its id is there that this host has no record of; it is left alone');
}

function refused(message: string): NodeFault {
  return new NodeFault('hypervisor', message, { retryable: false });
}

function notThere(): NodeFault {
  return new NodeFault('not-found', 'the guest is not there', { retryable: false });
}

function over({ serverId, runEpoch }: NodeOrder): NodeFault {
  const message = `run-epoch ${runEpoch} of server ${serverId} is known here already`;
  return new NodeFault('stale-grant', message, { retryable: false });
}
