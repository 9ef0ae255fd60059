// Watches the journal and the hosts while a walk runs, and checks after every event what must hold at every moment: no
// guest on two hosts, none without a grant that its host has saved (I1, R1), one grant per run-epoch and only while none
// stands (I3, R3), no owner after its successor, no request twice, no step out of turn. It knows nothing of the actors'
// own states: what it says, it has seen.
import type { OperationParameters } from '#actors/instance/parameters.ts';
import type { InstanceEvent, OperationName } from '#actors/instance/protocol.ts';
import { operations } from '#actors/instance/operations/all.ts';
import type { SimulatedGuest } from '#hypervisor/simulated/guest.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import type { AppendRequest, EntityKey, JournalEntry, StoredEvent } from '#runtime/journal/port.ts';
import { Holdings } from './holdings.ts';

/** What the journal tells of one server. */
export interface History {
  /** How often each operation was started, by id. */
  readonly started: Map<string, number>;
  readonly ended: Set<string>;
  deletes: number;
  isGone: boolean;
  grant: Granted | undefined;
  /** Of the last grant. */
  runEpoch: number;
  operation: Running | undefined;
  /** Its guest has run since its last suspend ended: then the memory of that suspend is worth nothing. */
  hasRunSince: boolean;
}

interface Granted {
  readonly host: string;
  readonly providerId: string;
  readonly runEpoch: number;
}

interface Running {
  readonly id: string;
  readonly name: OperationName;
  step: number;
  /** When the step, or its undo, began. */
  sinceMs: number;
  isUndoing: boolean;
  readonly failedHosts: Set<string>;
  /** That it attaches or detaches. */
  readonly portId: string | undefined;
}

interface Started {
  readonly operationId: string;
  readonly parameters?: OperationParameters;
}

export interface WitnessOptions {
  readonly hosts: readonly SimulatedHost[];
  readonly nowMs: () => number;
  /** The newest epoch that somebody has taken to write to a stream under; 0 if that is not known. */
  readonly newestEpoch: (key: EntityKey) => number;
  /** Processes and store always work, so that deadlines are kept to the second. */
  readonly isPunctual: boolean;
}

/** The entity's shell names an append by its epoch, the version that it expects, and a number. */
function expectedVersionOf(requestId: string | undefined): number | undefined {
  const found = /^\d+\.(\d+)\.\d+$/.exec(requestId ?? '');
  return found === null ? undefined : Number(found[1]);
}

/** Between a deadline and the record of it, in a world where nothing but hosts is slow. */
const LATE_MS = 5_000;
const UNDO_DEADLINE_MS = 60_000;

interface Stream {
  version: number;
  epoch: number;
  readonly requests: Set<string>;
  /** What was heard, by the version before it: what a store that went back in time is given back must be the same. */
  readonly heard: Map<number, string>;
}

/** Of a host's ledger for one server: the newest grant that it has saved. */
interface Saved {
  readonly runEpoch: number;
  readonly isOver: boolean;
  /** The newest owner whose orders it has taken. */
  readonly ownerEpoch: number;
}

export class Witness {
  readonly faults: string[] = [];
  readonly #options: WitnessOptions;
  readonly #hosts: readonly SimulatedHost[];
  readonly #holdings = new Holdings({
    historyOf: (serverId) => this.historyOf(serverId),
    found: (fault) => this.#found(fault),
  });
  readonly #streams = new Map<EntityKey, Stream>();
  readonly #histories = new Map<string, History>();
  /** Host of each grant, by `server@runEpoch`. */
  readonly #grants = new Map<string, string>();
  readonly #saved = new Map<string, Saved>();
  /** Grants whose guests were copied while they were paused, by `server@runEpoch`. */
  readonly #handedOver = new Set<string>();
  entries = 0;
  /** Operations that have begun and not ended. */
  underWay = 0;

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#hosts = options.hosts;
  }

  historyOf(serverId: string): History {
    const known = this.#histories.get(serverId);
    if (known !== undefined) return known;
    const history: History = {
      started: new Map(),
      ended: new Set(),
      deletes: 0,
      isGone: false,
      grant: undefined,
      runEpoch: 0,
      operation: undefined,
      hasRunSince: false,
    };
    this.#histories.set(serverId, history);
    return history;
  }

  hearEntry(entry: JournalEntry): void {
    this.entries += 1;
    if (this.#isGivenBack(entry)) return;
    this.#checkStream(entry);
    const slash = entry.key.indexOf('/');
    const kind = entry.key.slice(0, slash);
    const id = entry.key.slice(slash + 1);
    for (const event of entry.events) {
      if (kind === 'instance') this.#hearInstance(id, event);
      else if (kind === 'ledger') this.#hearLedger(id, event);
      else this.#holdings.hear(kind, id, event);
    }
  }

  /** Of a stream that the store has lost a part of; undefined if it is as it should be. */
  lossOf(key: EntityKey, version: number): string | undefined {
    const known = this.#streams.get(key)?.version ?? 0;
    return known === version ? undefined : `journal: ${key} is at ${version}, and was at ${known}`;
  }

  streams(): IterableIterator<EntityKey> {
    return this.#streams.keys();
  }

  #isGivenBack({ key, firstVersion, requestId, events }: JournalEntry): boolean {
    const stream = this.#streams.get(key);
    const text = JSON.stringify([requestId, events]);
    if (stream === undefined || firstVersion >= stream.version) {
      this.#streamOf(key).heard.set(firstVersion, text);
      return false;
    }
    if (stream.heard.get(firstVersion) !== text)
      this.#found(`journal: ${key} has another entry after ${firstVersion} than it had`);
    return true;
  }

  #streamOf(key: EntityKey): Stream {
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const stream = { version: 0, epoch: 0, requests: new Set<string>(), heard: new Map() };
    this.#streams.set(key, stream);
    return stream;
  }

  #checkStream({ key, firstVersion, version, epoch, requestId }: JournalEntry): void {
    const stream = this.#streamOf(key);
    if (firstVersion !== stream.version)
      this.#found(`journal: ${key} goes on at ${firstVersion}, and is at ${stream.version}`);
    const expected = expectedVersionOf(requestId);
    if (expected !== undefined && expected !== firstVersion)
      this.#found(`journal: ${key} was written at ${firstVersion} by who expected ${expected}`);
    if (epoch < stream.epoch)
      this.#found(`journal: ${key} was written by owner ${epoch} after owner ${stream.epoch}`);
    const newest = this.#options.newestEpoch(key);
    if (epoch < newest)
      this.#found(`journal: ${key} was written by owner ${epoch}, and ${newest} has taken it over`);
    if (requestId !== undefined && stream.requests.has(requestId))
      this.#found(`journal: ${key} has request ${requestId} twice`);
    if (requestId !== undefined) stream.requests.add(requestId);
    stream.version = version;
    stream.epoch = epoch;
  }

  #hearInstance(id: string, stored: StoredEvent): void {
    const event = { type: stored.type, ...(stored.data as object) } as InstanceEvent;
    const history = this.historyOf(id);
    switch (event.type) {
      case 'instance.requested':
        return this.#start(id, 'create', event);
      case 'instance.operation-started':
        return this.#start(id, event.operation, event);
      case 'instance.step-completed':
        if (event.result.handover?.isPaused === true)
          this.#handedOver.add(`${id}@${history.runEpoch}`);
        return this.#step(id, event.operationId, event.step);
      case 'instance.undone':
        return this.#stepBack(id, event.step);
      case 'instance.operation-failed':
        return this.#stepFailed(id);
      case 'instance.abandoned':
        history.isGone = true;
        return;
      case 'instance.operation-ended':
        return this.#end(id, event.operationId, event.succeeded);
      case 'instance.granted':
        return this.#grant(id, event);
      case 'instance.fenced':
        history.grant = undefined;
        return;
      case 'instance.released-by-host':
        if (history.grant?.host !== event.host || history.grant.runEpoch !== event.runEpoch)
          this.#found(
            `grant: ${id}@${event.runEpoch} of ${event.host} was released and did not stand`,
          );
        history.grant = undefined;
        this.#checkReleased(id, event.host, event.runEpoch);
        return;
      default:
        return;
    }
  }

  /** The newest grant that a host has saved for a server, if it is open. */
  openGrants(host: string): readonly string[] {
    return [...this.#saved]
      .filter(([key, { isOver }]) => key.startsWith(`${host}/`) && !isOver)
      .map(([key, { runEpoch }]) => `${key.slice(host.length + 1)}@${runEpoch}`);
  }

  #start(id: string, name: OperationName, { operationId, parameters }: Started): void {
    const history = this.historyOf(id);
    history.started.set(operationId, (history.started.get(operationId) ?? 0) + 1);
    if (name === 'delete') history.deletes += 1;
    if (history.operation !== undefined)
      this.#found(`steps: ${operationId} began while ${history.operation.id} ran`);
    if (history.operation === undefined) this.underWay += 1;
    history.operation = {
      id: operationId,
      name,
      step: 0,
      sinceMs: this.#options.nowMs(),
      isUndoing: false,
      failedHosts: new Set(),
      portId: parameters?.attach?.port.portId ?? parameters?.detach?.portId,
    };
  }

  #step(id: string, operationId: string, step: string): void {
    const { operation } = this.historyOf(id);
    const wanted =
      operation === undefined ? undefined : operations[operation.name].steps[operation.step];
    if (operation?.id !== operationId || wanted?.name !== step)
      this.#found(`steps: ${operationId} did ${step}, its next step is ${wanted?.name ?? 'none'}`);
    if (operation === undefined) return;
    this.#checkTime(operation);
    operation.isUndoing = false;
    operation.step += 1;
  }

  #stepFailed(id: string): void {
    const { operation, grant } = this.historyOf(id);
    if (operation === undefined) return;
    this.#checkTime(operation);
    operation.isUndoing = true;
    if (grant !== undefined) operation.failedHosts.add(grant.host);
  }

  #stepBack(id: string, step: string): void {
    const { operation } = this.historyOf(id);
    if (operation === undefined) return;
    this.#checkTime(operation);
    const { steps } = operations[operation.name];
    // A try elsewhere starts at the step that the undo came down to; if that is wrong, so is what it does next.
    operation.step = steps.findIndex(({ name }) => name === step);
  }

  /** A step has come to its end, well or not: by its deadline, and the next thing begins. */
  #checkTime(operation: Running): void {
    const nowMs = this.#options.nowMs();
    const step = operations[operation.name].steps[operation.step];
    const withinMs = operation.isUndoing ? UNDO_DEADLINE_MS : (step?.deadlineMs ?? 0);
    const tookMs = nowMs - operation.sinceMs;
    if (this.#options.isPunctual && step !== undefined && tookMs > withinMs + LATE_MS)
      this.#found(`deadline: ${step.name} of ${operation.id} took ${tookMs} of ${withinMs} ms`);
    operation.sinceMs = nowMs;
  }

  #end(id: string, operationId: string, succeeded: boolean): void {
    const history = this.historyOf(id);
    const { operation } = history;
    history.ended.add(operationId);
    if (operation !== undefined) this.underWay -= 1;
    history.operation = undefined;
    if (operation?.id !== operationId)
      return this.#found(`steps: ${operationId} ended and did not run`);
    const { length } = operations[operation.name].steps;
    if (succeeded && operation.step !== length)
      this.#found(`steps: ${operationId} succeeded after ${operation.step} of ${length} steps`);
    const lets = succeeded ? 'detach-interface' : 'attach-interface';
    if (operation.name === lets && operation.portId !== undefined)
      this.#holdings.letGo(operation.portId);
    if (succeeded && operation.name === 'delete') history.isGone = true;
    if (succeeded && operation.name === 'suspend') history.hasRunSince = false;
  }

  #grant(id: string, granted: Granted): void {
    const { host, providerId, runEpoch } = granted;
    const history = this.historyOf(id);
    const { grant, operation } = history;
    // Undo may bring a guest back to where it was.
    if (operation?.isUndoing === false && operation.failedHosts.has(host))
      this.#found(`grant: ${operation.id} comes back to ${host}, which has failed it`);
    if (grant !== undefined)
      this.#found(`grant: ${id}@${runEpoch} for ${host} while ${grant.host} has ${grant.runEpoch}`);
    if (runEpoch <= history.runEpoch)
      this.#found(`grant: ${id}@${runEpoch} was given after ${history.runEpoch}`);
    history.grant = { host, providerId, runEpoch };
    history.runEpoch = Math.max(runEpoch, history.runEpoch);
    this.#grants.set(`${id}@${runEpoch}`, host);
  }

  /** STOPPED is the host's word: by then its ledger says so, and nothing runs there under this grant (R3). */
  #checkReleased(id: string, host: string, runEpoch: number): void {
    const saved = this.#saved.get(`${host}/${id}`);
    const isOver =
      saved !== undefined &&
      (saved.runEpoch > runEpoch || (saved.runEpoch === runEpoch && saved.isOver));
    if (!isOver) this.#found(`grant: ${id}@${runEpoch} was released without the word of ${host}`);
    this.#checkEnded(host, id, runEpoch);
  }

  #checkEnded(host: string, id: string, runEpoch: number): void {
    const guest = this.#hosts.find(({ name }) => name === host)?.guests.find(id);
    if (guest !== undefined && this.#mayRun(guest) && guest.mark?.runEpoch === runEpoch)
      this.#found(`grant: ${id}@${runEpoch} is over and runs on ${host}`);
  }

  #hearLedger(host: string, { type, data }: StoredEvent): void {
    if (type === 'ledger.pruned') return;
    const { serverId, ...about } = data as {
      readonly serverId: string;
      readonly runEpoch?: number;
      readonly ownerEpoch?: number;
    };
    const key = `${host}/${serverId}`;
    const before = this.#saved.get(key);
    const { ownerEpoch = before?.ownerEpoch ?? 0, runEpoch = before?.runEpoch ?? 0 } = about;
    if (ownerEpoch < (before?.ownerEpoch ?? 0))
      this.#found(`ledger: ${host} obeyed owner ${ownerEpoch} of ${serverId} after a later one`);
    if (type === 'ledger.owner-heeded') {
      if (before !== undefined) this.#saved.set(key, { ...before, ownerEpoch });
      return;
    }
    const isOver = type === 'ledger.closed';
    if (!isOver && this.#grants.get(`${serverId}@${runEpoch}`) !== host)
      this.#found(`ledger: ${host} saved ${serverId}@${runEpoch}, which it was not granted`);
    if (before !== undefined && runEpoch < before.runEpoch)
      this.#found(`ledger: ${host} went back from ${serverId}@${before.runEpoch} to ${runEpoch}`);
    if (!isOver && before?.runEpoch === runEpoch && before.isOver)
      this.#found(`ledger: ${host} took up ${serverId}@${runEpoch} after it was over`);
    this.#saved.set(key, { runEpoch, isOver, ownerEpoch });
    if (isOver) this.#checkEnded(host, serverId, runEpoch);
  }

  /** A guest has changed: was stored with another power, or for the first time. */
  hearGuest(host: SimulatedHost, guest: SimulatedGuest | undefined): void {
    if (guest === undefined || guest.mark === undefined || !this.#mayRun(guest)) return;
    const { id, mark } = guest;
    const { runEpoch } = mark;
    if (guest.power === 'running') this.historyOf(id).hasRunSince = true;
    if (this.#grants.get(`${id}@${runEpoch}`) !== host.name)
      this.#found(`guest: ${id} runs on ${host.name} under ${runEpoch}, which was not granted`);
    const saved = this.#saved.get(`${host.name}/${id}`);
    if (saved === undefined || saved.runEpoch < runEpoch)
      this.#found(`guest: ${id} runs on ${host.name} under ${runEpoch}, which is not saved there`);
    else if (saved.runEpoch > runEpoch || saved.isOver)
      this.#found(`guest: ${id} runs on ${host.name} under ${runEpoch}, which is over`);
    for (const other of this.#hosts) {
      const twin = other === host ? undefined : other.guests.find(id);
      if (twin !== undefined && this.#mayRun(twin))
        this.#found(`guest: ${id} runs on ${host.name} and on ${other.name}`);
    }
  }

  /**
   * One that stands still at either end of a handover never goes on by itself; one that somebody had paused before looks
   * like any paused one, so the journal's word is taken for it.
   */
  #mayRun({ id, power, migration, mark }: SimulatedGuest): boolean {
    if (power === 'paused' && this.#handedOver.has(`${id}@${mark?.runEpoch}`)) return false;
    return power !== 'off' && migration === undefined;
  }

  /** Whoever takes an entity up knows all that was written of it before, and nobody else writes. */
  hearConflict(process: string, { key, expectedVersion }: AppendRequest): void {
    this.#found(
      `journal: ${process} took ${key} for ${expectedVersion} events long, and it is not`,
    );
  }

  /** What a guest that boots writes to its disk makes memory that was saved before worth nothing: then there is none. */
  hearBootAsked(host: SimulatedHost, id: string): void {
    if (host.files.find(id, 'memory.save') !== undefined)
      this.#found(`guest: ${id} is to boot on ${host.name} beside memory that was saved before`);
  }

  #found(fault: string): void {
    if (this.faults.length < 20) this.faults.push(fault);
  }
}
