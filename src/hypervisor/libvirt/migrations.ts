// The phases of a migration as calls of libvirt's own protocol (version 3, with parameters), each to this host's daemon
// alone: no daemon speaks with another, and only QEMU's data goes from host to host. What the phases hand on is kept by
// the caller. The order of calls and what each is given follow libvirt's public client (virDomainMigrateVersion3Full).
//
// libvirtd ties a migration to the connection that began it, and gives it up when that closes. So each side holds one
// connection for each guest until the end. When it is lost, finish works over another one, confirm is refused (55), and the
// guest that stands still is then taken away or resumed by the plain calls.

import type {
  MigrationInvitation,
  MigrationOffer,
  MigrationProgress,
  Migrations,
  MigrationSettings,
} from '../migration-port.ts';
import type { GuestMark, GuestSpec, GuestState } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { Connections, HeldConnection } from './connections.ts';
import { MARK_NAMESPACE, MARK_PREFIX, renderBareMark } from './domain-xml/mark.ts';
import { AFFECT_LIVE, domainRef, type GuestReader, METADATA_ELEMENT } from './guest-reader.ts';
import { virError } from './rpc/faults.ts';
import { procedures } from './rpc/procedures.ts';
import type { Procedure } from './rpc/procedures.ts';
import type { TypedParameter } from './rpc/structures.ts';

/** virDomainMigrateFlags. */
const flag = {
  live: 1,
  paused: 32,
  copyOverlay: 128,
  changeProtection: 256,
  /** libvirt can't know whether a directory is the other host's, too; our caller does. */
  unsafe: 512,
  abortOnError: 4_096,
  autoConverge: 8_192,
} as const;
/** Of the source alone. */
const SOURCE_FLAGS = flag.abortOnError | flag.autoConverge;

const PHASE_TIMEOUT_MS = 120_000;
/** A large guest that is busy takes hours; who does not want to wait aborts. */
const PERFORM_TIMEOUT_MS = 6 * 3_600_000;
const PROGRESS_TIMEOUT_MS = 15_000;
const NO_COOKIE = new Uint8Array();

export interface LibvirtMigrationsOptions {
  readonly connections: Connections;
  readonly reader: GuestReader;
  /** The domain of this spec, with the machine type of the one that runs. */
  readonly domainXmlOf: (spec: GuestSpec) => Promise<string>;
  readonly resume: (id: string) => Promise<void>;
  readonly destroy: (id: string) => Promise<void>;
}

export class LibvirtMigrations implements Migrations {
  readonly #options: LibvirtMigrationsOptions;
  readonly #outgoing = new Map<string, HeldConnection>();
  readonly #incoming = new Map<string, HeldConnection>();
  /** Copies under way that somebody has aborted. */
  readonly #aborted = new Set<string>();

  constructor(options: LibvirtMigrationsOptions) {
    this.#options = options;
  }

  async begin(spec: GuestSpec, settings: MigrationSettings): Promise<MigrationOffer> {
    const guest = await this.#options.reader.find(spec.id);
    if (guest === undefined) throw notFound(spec.id);
    if (guest.isInMigration === true || this.#isHeld(this.#outgoing, spec.id)) {
      throw new HypervisorFault('wrong-state', `guest ${spec.id} is being migrated already`);
    }
    const xml = await this.#options.domainXmlOf(spec);
    const held = await this.#hold(this.#outgoing, spec.id);
    try {
      const answer = await held.connection.call(
        procedures.domainMigrateBegin,
        {
          dom: domainRef(spec.id),
          params: [...parametersOf(settings), textParameter('destination_xml', xml)],
          flags: flagsOf(settings),
        },
        PHASE_TIMEOUT_MS,
      );
      return {
        domain: answer.xml,
        cookie: encode(answer.cookie),
        isPaused: guest.power === 'paused',
      };
    } catch (error) {
      this.#release(this.#outgoing, spec.id);
      throw error;
    }
  }

  async prepare(
    spec: GuestSpec,
    order: {
      readonly offer: MigrationOffer;
      readonly settings: MigrationSettings;
      readonly address: string;
    },
  ): Promise<MigrationInvitation> {
    const { offer, settings, address } = order;
    if ((await this.#options.reader.find(spec.id)) !== undefined) {
      throw new HypervisorFault('guest-exists', `a guest ${spec.id} is on this host already`);
    }
    const held = await this.#hold(this.#incoming, spec.id);
    try {
      const answer = await held.connection.call(
        procedures.domainMigratePrepare,
        {
          params: [
            ...parametersOf(settings),
            textParameter('destination_xml', offer.domain),
            textParameter('migrate_uri', `tcp://${bracketed(address)}`),
            textParameter('listen_address', address),
          ],
          cookie: decode(offer.cookie),
          flags: destinationFlagsOf(settings, offer.isPaused),
        },
        PHASE_TIMEOUT_MS,
      );
      await this.#options.connections.eventBarrier();
      if (answer.uri === undefined)
        throw new HypervisorFault('failed', 'libvirt does not say where it waits for the guest');
      return { cookie: encode(answer.cookie), uri: answer.uri };
    } catch (error) {
      this.#release(this.#incoming, spec.id);
      throw error;
    }
  }

  async perform(
    spec: GuestSpec,
    order: {
      readonly offer: MigrationOffer;
      readonly invitation: MigrationInvitation;
      readonly settings: MigrationSettings;
    },
  ): Promise<{ readonly cookie: string }> {
    const { offer, invitation, settings } = order;
    const { connection } = this.#heldFor(this.#outgoing, spec.id);
    this.#aborted.delete(spec.id);
    const params = [
      ...parametersOf(settings),
      textParameter('destination_xml', offer.domain),
      textParameter('migrate_uri', invitation.uri),
    ];
    try {
      const answer = await connection.call(
        procedures.domainMigratePerform,
        {
          dom: domainRef(spec.id),
          destination: undefined,
          params,
          cookie: decode(invitation.cookie),
          flags: flagsOf(settings),
        },
        PERFORM_TIMEOUT_MS,
      );
      await this.#options.connections.eventBarrier();
      return { cookie: encode(answer.cookie) };
    } catch (error) {
      throw this.#aborted.has(spec.id) ? abortedFault(error) : error;
    } finally {
      this.#aborted.delete(spec.id);
    }
  }

  async finish(
    spec: GuestSpec,
    order: {
      readonly cookie: string;
      readonly isPaused: boolean;
      readonly settings: MigrationSettings;
    },
  ): Promise<GuestState> {
    const { isPaused, cookie, settings } = order;
    const before = await this.#options.reader.find(spec.id);
    if (before === undefined) throw notFound(spec.id);
    if (before.isInMigration !== true) return before;
    await this.#callIncoming(spec.id, procedures.domainMigrateFinish, {
      params: [textParameter('destination_name', spec.name)],
      cookie: decode(cookie),
      flags: destinationFlagsOf(settings, isPaused),
      cancelled: 0,
    });
    this.#release(this.#incoming, spec.id);
    await this.#options.connections.eventBarrier();
    const found = await this.#options.reader.find(spec.id);
    if (found === undefined) throw notFound(spec.id);
    return found;
  }

  async confirm(id: string): Promise<void> {
    await this.#confirm(id, false);
    const left = await this.#options.reader.find(id);
    if (left?.power === 'running') throw runsHere(id);
    if (left !== undefined) await this.#options.destroy(id);
  }

  async cancelOutgoing(id: string, mark?: GuestMark): Promise<void> {
    const before = mark === undefined ? undefined : await this.#options.reader.find(id);
    // libvirt changes nothing of a guest in a migration. It forgets this one with its connection, and leaves the guest still.
    if (mark !== undefined && before?.isInMigration === true) {
      this.#release(this.#outgoing, id);
      await this.#setMark(id, mark);
    } else {
      await this.#confirm(id, true);
      if (mark !== undefined && before !== undefined) await this.#setMark(id, mark);
    }
    const found = await this.#options.reader.find(id);
    if (found?.isInMigration === true) await this.#options.resume(id);
  }

  async #setMark(id: string, mark: GuestMark): Promise<void> {
    await this.#options.connections.work(
      procedures.domainSetMetadata,
      {
        dom: domainRef(id),
        type: METADATA_ELEMENT,
        metadata: renderBareMark(mark),
        key: MARK_PREFIX,
        uri: MARK_NAMESPACE,
        flags: AFFECT_LIVE,
      },
      PHASE_TIMEOUT_MS,
    );
    this.#options.reader.forget(id);
  }

  async cancelIncoming(id: string): Promise<void> {
    const found = await this.#options.reader.find(id);
    if (found?.power === 'running') throw runsHere(id);
    try {
      if (found !== undefined) await this.#cancelFinish(found);
    } catch (error) {
      // The incoming QEMU may die meanwhile of a copy that was cut short; what is left of it is looked at below.
      if (!(error instanceof HypervisorFault) || error.code !== 'failed') throw error;
    }
    this.#release(this.#incoming, id);
    const left = await this.#options.reader.find(id);
    if (left?.power === 'running') throw runsHere(id);
    if (left !== undefined) await this.#options.destroy(id);
    this.#options.reader.forget(id);
  }

  async progress(id: string): Promise<MigrationProgress | undefined> {
    const { type, params } = await this.#options.connections.work(
      procedures.domainGetJobStats,
      { dom: domainRef(id), flags: 0 },
      PROGRESS_TIMEOUT_MS,
    );
    return type === 0 ? undefined : progressOf(params);
  }

  async abort(id: string): Promise<void> {
    this.#aborted.add(id);
    try {
      await this.#options.connections.work(
        procedures.domainAbortJob,
        { dom: domainRef(id) },
        PHASE_TIMEOUT_MS,
      );
    } catch (error) {
      this.#aborted.delete(id);
      throw error;
    }
  }

  async force(id: string): Promise<void> {
    if ((await this.progress(id)) === undefined) {
      throw new HypervisorFault('wrong-state', `guest ${id} is not being copied`);
    }
    await this.#options.connections.work(
      procedures.domainSuspend,
      { dom: domainRef(id) },
      PHASE_TIMEOUT_MS,
    );
  }

  /** A daemon that has forgotten the migration refuses (55): there is nothing left to be ended there. */
  async #confirm(id: string, isCancelled: boolean): Promise<void> {
    if (!this.#isHeld(this.#outgoing, id)) return;
    const { connection } = this.#heldFor(this.#outgoing, id);
    try {
      await connection.call(
        procedures.domainMigrateConfirm,
        {
          dom: domainRef(id),
          params: [],
          cookie: NO_COOKIE,
          flags: flag.live | flag.changeProtection,
          cancelled: isCancelled ? 1 : 0,
        },
        PHASE_TIMEOUT_MS,
      );
    } catch (error) {
      if (!isOver(error)) throw error;
    } finally {
      this.#release(this.#outgoing, id);
      await this.#options.connections.eventBarrier();
    }
  }

  /** libvirt answers a cancelled finish that went well with an error of its own (93). */
  async #cancelFinish({ id, name }: GuestState): Promise<void> {
    try {
      await this.#callIncoming(id, procedures.domainMigrateFinish, {
        params: [textParameter('destination_name', name)],
        cookie: NO_COOKIE,
        flags: flag.live | flag.changeProtection | flag.unsafe,
        cancelled: 1,
      });
    } catch (error) {
      if (!isOver(error)) throw error;
    } finally {
      await this.#options.connections.eventBarrier();
    }
  }

  async #callIncoming<A, R>(id: string, procedure: Procedure<A, R>, args: A): Promise<R> {
    if (!this.#isHeld(this.#incoming, id))
      return this.#options.connections.work(procedure, args, PHASE_TIMEOUT_MS);
    const { connection } = this.#heldFor(this.#incoming, id);
    return connection.call(procedure, args, PHASE_TIMEOUT_MS);
  }

  async #hold(side: Map<string, HeldConnection>, id: string): Promise<HeldConnection> {
    const held = await this.#options.connections.hold();
    side.get(id)?.release();
    side.set(id, held);
    return held;
  }

  #isHeld(side: Map<string, HeldConnection>, id: string): boolean {
    return side.get(id)?.connection.closed === false;
  }

  #heldFor(side: Map<string, HeldConnection>, id: string): HeldConnection {
    const held = side.get(id);
    if (held?.connection.closed === false) return held;
    throw new HypervisorFault(
      'wrong-state',
      `no migration of guest ${id} was begun here, or its connection was lost`,
    );
  }

  #release(side: Map<string, HeldConnection>, id: string): void {
    side.get(id)?.release();
    side.delete(id);
  }
}

function parametersOf({ copiedDisks, bandwidthMiBps }: MigrationSettings): TypedParameter[] {
  return [
    ...copiedDisks.map((target) => textParameter('migrate_disks', target)),
    ...(bandwidthMiBps === undefined
      ? []
      : [
          {
            field: 'bandwidth',
            value: { type: 'ullong' as const, value: BigInt(bandwidthMiBps) },
          },
        ]),
  ];
}

function textParameter(field: string, value: string): TypedParameter {
  return { field, value: { type: 'string', value } };
}

function flagsOf({ copiedDisks, autoConverge }: MigrationSettings): number {
  return (
    flag.live |
    flag.changeProtection |
    flag.unsafe |
    flag.abortOnError |
    (autoConverge ? flag.autoConverge : 0) |
    (copiedDisks.length > 0 ? flag.copyOverlay : 0)
  );
}

function destinationFlagsOf(settings: MigrationSettings, isPaused: boolean): number {
  return (flagsOf(settings) & ~SOURCE_FLAGS) | (isPaused ? flag.paused : 0);
}

function progressOf(params: readonly TypedParameter[]): MigrationProgress {
  const value = (name: string): number => {
    const found = params.find(({ field }) => field === name)?.value;
    return found === undefined || found.type === 'string' ? 0 : Number(found.value);
  };
  return {
    elapsedMs: value('time_elapsed'),
    memoryTotalBytes: value('memory_total'),
    memoryProcessedBytes: value('memory_processed'),
    memoryRemainingBytes: value('memory_remaining'),
    diskTotalBytes: value('disk_total'),
    diskProcessedBytes: value('disk_processed'),
    diskRemainingBytes: value('disk_remaining'),
    rounds: value('memory_iteration'),
    slowedPercent: value('auto_converge_throttle'),
  };
}

/** Of the migration, or of the guest: then there is nothing to be ended. */
function isOver(error: unknown): boolean {
  if (!(error instanceof HypervisorFault)) return false;
  if (error.code === 'guest-not-found' || error.code === 'wrong-state') return true;
  return error.libvirtCode === virError.migrateFinishOk;
}

/** When nothing answers at the other end, an abort may end the copy as one that failed. */
function abortedFault(error: unknown): unknown {
  if (!(error instanceof HypervisorFault) || error.code !== 'failed') return error;
  return new HypervisorFault('aborted', error.message, { cause: error });
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const decode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

function notFound(id: string): HypervisorFault {
  return new HypervisorFault('guest-not-found', `there is no guest ${id} on this host`);
}

function runsHere(id: string): HypervisorFault {
  return new HypervisorFault('wrong-state', `guest ${id} runs on this host: it is not taken away`);
}
