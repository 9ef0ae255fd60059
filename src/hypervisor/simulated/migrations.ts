// Migrations of a simulated host: the phases, event orders and failures of libvirt's. What is begun belongs to the driver, as
// it belongs to a connection there: when that ends, a copy under way is given up and an incoming guest is gone, and a
// guest whose copy was complete stands still on the source (reference: libvirt/migrations.ts, and how libvirt 9.0 behaved
// when each side was killed in each phase).

import type {
  MigrationInvitation,
  MigrationOffer,
  MigrationProgress,
  Migrations,
  MigrationSettings,
} from '../migration-port.ts';
import type { GuestMark, GuestSpec, GuestState } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { SimulatedOperation } from './faults.ts';
import type { CopiedGuest, SimulatedGuest } from './guest.ts';
import { awaitGuest, handOver, keepGuest, stopGuest, takeOver, toGuestState } from './guest.ts';
import type { SimulatedHost } from './host.ts';

export interface SimulatedMigrationsOptions {
  readonly host: SimulatedHost;
  /** As any call of the driver: with the host's latency and faults, and rejected when the connection is lost. */
  readonly call: <T>(operation: SimulatedOperation, effect: () => T) => Promise<T>;
  /** Faults guest-exists, or failed without a disk. */
  readonly checkStart: (spec: GuestSpec) => void;
}

/** One migration away from here, from begin on. */
interface Outgoing {
  readonly startedMs: number;
  isCopying: boolean;
  isAborted: boolean;
  reject: (fault: HypervisorFault) => void;
}

const COOKIE = 'simulated';

export class SimulatedMigrations implements Migrations {
  readonly #options: SimulatedMigrationsOptions;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #incoming = new Set<string>();
  /** Of the connection: what was asked over one that is gone ends with it, also when it comes true late. */
  #connection = 0;

  constructor(options: SimulatedMigrationsOptions) {
    this.#options = options;
  }

  begin(spec: GuestSpec, _settings: MigrationSettings): Promise<MigrationOffer> {
    const connection = this.#connection;
    return this.#options.call('migrations.begin', () => {
      this.#checkConnection(connection);
      const guest = this.#domain(spec.id);
      if (guest.migration !== undefined || this.#outgoing.has(spec.id))
        throw wrongState(`guest ${spec.id} is being migrated already`);
      this.#outgoing.set(spec.id, {
        startedMs: this.#options.host.env.clock.monotonic(),
        isCopying: false,
        isAborted: false,
        reject: () => undefined,
      });
      return { domain: spec.id, cookie: COOKIE, isPaused: guest.power === 'paused' };
    });
  }

  prepare(
    spec: GuestSpec,
    order: Parameters<Migrations['prepare']>[1],
  ): Promise<MigrationInvitation> {
    const connection = this.#connection;
    return this.#options.call('migrations.prepare', () => {
      this.#checkConnection(connection);
      const { host } = this.#options;
      if (order.offer.domain !== spec.id) throw new HypervisorFault('failed', 'not this guest');
      this.#options.checkStart(spec);
      host.apply(awaitGuest(spec, host.nextIncarnation()));
      this.#incoming.add(spec.id);
      return { cookie: COOKIE, uri: `simulated://${host.name}/${spec.id}` };
    });
  }

  async perform(
    spec: GuestSpec,
    order: Parameters<Migrations['perform']>[1],
  ): Promise<{ readonly cookie: string }> {
    const outgoing = this.#outgoing.get(spec.id);
    if (outgoing === undefined) throw wrongState(`no migration of guest ${spec.id} was begun here`);
    outgoing.isCopying = true;
    const ended = Promise.withResolvers<never>();
    // Nobody may be listening when it is rejected.
    ended.promise.catch(() => undefined);
    outgoing.reject = ended.reject;
    try {
      const copied = this.#options.call('migrations.perform', () =>
        this.#copy(spec.id, outgoing, order.invitation),
      );
      return await Promise.race([copied, ended.promise]);
    } finally {
      outgoing.isCopying = false;
    }
  }

  #copy(id: string, outgoing: Outgoing, { uri }: MigrationInvitation): { readonly cookie: string } {
    if (outgoing.isAborted || this.#outgoing.get(id) !== outgoing) throw aborted(id);
    const guest = this.#domain(id);
    this.#checkDestination(id, uri);
    const { boots, log, awaitsBoot } = guest;
    this.#options.host.apply(handOver(guest));
    return { cookie: encode({ boots, log, awaitsBoot }) };
  }

  /** QEMU notices when the other QEMU does not answer any more. */
  #checkDestination(id: string, uri: string): void {
    const { wire, name } = this.#options.host;
    if (wire === undefined) return;
    const peer = wire.reach(name, new URL(uri).hostname);
    if (peer?.guests.find(id)?.migration === 'incoming') return;
    throw new HypervisorFault('failed', `the guest’s memory can’t be sent to ${uri}`);
  }

  finish(spec: GuestSpec, order: Parameters<Migrations['finish']>[1]): Promise<GuestState> {
    return this.#options.call('migrations.finish', () => {
      const guest = this.#domain(spec.id);
      const isDone = guest.migration !== 'incoming';
      const copied = isDone ? undefined : decode(order.cookie);
      this.#incoming.delete(spec.id);
      const now =
        copied === undefined
          ? guest
          : this.#options.host.apply(takeOver(guest, copied, order.isPaused));
      return stateOf(now);
    });
  }

  confirm(id: string): Promise<void> {
    return this.#options.call('migrations.confirm', () => {
      const guest = this.#find(id);
      if (guest?.power === 'running') {
        this.#outgoing.delete(id);
        throw wrongState(`guest ${id} runs on this host: it is not taken away`);
      }
      this.#outgoing.delete(id);
      if (guest !== undefined) this.#options.host.apply(stopGuest(guest, 'migrated'));
    });
  }

  cancelOutgoing(id: string, mark?: GuestMark): Promise<void> {
    return this.#options.call('migrations.cancelOutgoing', () => {
      this.#outgoing.get(id)?.reject(aborted(id));
      this.#outgoing.delete(id);
      const guest = this.#find(id);
      if (guest !== undefined) this.#options.host.apply(keepGuest(guest, mark));
    });
  }

  cancelIncoming(id: string): Promise<void> {
    return this.#options.call('migrations.cancelIncoming', () => {
      const guest = this.#find(id);
      if (guest?.power === 'running')
        throw wrongState(`guest ${id} runs on this host: it is not taken away`);
      this.#incoming.delete(id);
      if (guest !== undefined) this.#options.host.apply(stopGuest(guest, 'failed'));
    });
  }

  progress(id: string): Promise<MigrationProgress | undefined> {
    return this.#options.call('migrations.progress', () => {
      const { memoryMiB } = this.#domain(id);
      const outgoing = this.#outgoing.get(id);
      if (outgoing?.isCopying !== true) return undefined;
      const total = memoryMiB * 1024 ** 2;
      const { clock } = this.#options.host.env;
      return {
        elapsedMs: clock.monotonic() - outgoing.startedMs,
        memoryTotalBytes: total,
        memoryProcessedBytes: 0,
        memoryRemainingBytes: total,
        diskTotalBytes: 0,
        diskProcessedBytes: 0,
        diskRemainingBytes: 0,
        rounds: 1,
        slowedPercent: 0,
      };
    });
  }

  abort(id: string): Promise<void> {
    return this.#options.call('migrations.abort', () => {
      const outgoing = this.#copying(id);
      outgoing.isAborted = true;
      outgoing.reject(aborted(id));
    });
  }

  /** A simulated copy always ends; it makes no difference. */
  force(id: string): Promise<void> {
    return this.#options.call('migrations.force', () => void this.#copying(id));
  }

  /** The connection is gone, and with it what was under way. */
  forget(): void {
    this.#connection += 1;
    this.#outgoing.clear();
    for (const id of this.#incoming) {
      const guest = this.#find(id);
      if (guest?.migration === 'incoming') this.#options.host.apply(stopGuest(guest, 'failed'));
    }
    this.#incoming.clear();
  }

  #checkConnection(connection: number): void {
    if (connection !== this.#connection)
      throw new HypervisorFault('connection-lost', 'the connection was lost', { retryable: true });
  }

  #copying(id: string): Outgoing {
    const outgoing = this.#outgoing.get(id);
    if (outgoing?.isCopying === true) return outgoing;
    throw wrongState(`guest ${id} is not being copied`);
  }

  #find(id: string): SimulatedGuest | undefined {
    const guest = this.#options.host.guests.find(id);
    return guest?.power === 'off' ? undefined : guest;
  }

  #domain(id: string): SimulatedGuest {
    const guest = this.#find(id);
    if (guest !== undefined) return guest;
    const { name } = this.#options.host;
    throw new HypervisorFault('guest-not-found', `there is no guest ${id} on ${name}`);
  }
}

function stateOf(guest: SimulatedGuest): GuestState {
  const state = toGuestState(guest);
  if (state !== undefined) return state;
  throw new HypervisorFault('guest-not-found', `guest ${guest.id} is off`);
}

const encode = (copied: CopiedGuest): string =>
  Buffer.from(JSON.stringify(copied)).toString('base64');

function decode(cookie: string): CopiedGuest {
  const copied = JSON.parse(Buffer.from(cookie, 'base64').toString()) as Omit<CopiedGuest, 'log'> &
    Partial<CopiedGuest>;
  return { ...copied, log: copied.log };
}

function wrongState(message: string): HypervisorFault {
  return new HypervisorFault('wrong-state', message);
}

function aborted(id: string): HypervisorFault {
  return new HypervisorFault('aborted', `the migration of guest ${id} was aborted`);
}
