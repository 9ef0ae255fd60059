// From an address to a store that may be written to: the master is found, our functions are there, its settings keep
// what it acknowledges, and if it is not the server that it was, or knows less than this process does, its generation
// is raised, which makes every older epoch worthless. Only then does anybody write to it.
import type { Env } from '../env/env.ts';
import { JournalFault } from '../journal/port.ts';
import { parseRedisUrl } from './address.ts';
import { beginNewFile } from './append-only-file.ts';
import { Connection, type Argument, type Reply } from './connection.ts';
import type { KnownStore } from './known-store.ts';
import { functionName, libraryText } from './library.ts';
import {
  checkSettings,
  defaults,
  type RedisStoreOptions,
  rootOf,
  StoreRefusal,
} from './settings.ts';

/** What the caller knows of the store beyond `KnownStore`, and can give back to it. */
export interface Heard {
  /** Position last heard; 0 if none. */
  readonly position: number;
  /** Chain of the entry at that position, which the store must show as well; empty if unknown. */
  readonly chain: string;
  /** If the store has everything up to here, what it lost after it can be given back. */
  readonly from: number;
}

export interface Session {
  readonly connection: Connection;
  /** Of the server process. */
  readonly runId: string;
  readonly root: string;
  readonly generation: number;
  /** Position of the last entry ever written. */
  readonly head: number;
  /** Replicas that an append must reach before it is acknowledged. */
  readonly replicas: number;
  readonly hasWaitAof: boolean;
  /** What has become of that which this process has heard. */
  readonly loss: Loss;
}

/** `reparable`: the store has lost some of it, and may be given it back. `accepted`: it is given up. */
export type Loss = 'none' | 'reparable' | 'accepted';

interface Peeked {
  readonly store: string;
  readonly server: string;
  readonly generation: number;
  readonly head: number;
  /** Chain of the entry at the position asked for; empty if it is not there. */
  readonly chain: string;
}

/**
 * Tries the addresses one after the other; rejects with the last one's fault. Without `heard` the history of the store is
 * not looked at: somebody else in this process does that.
 */
export async function shakeHands(
  options: RedisStoreOptions,
  known: KnownStore,
  heard: Heard | undefined,
  onEnd: (cause: JournalFault) => void,
): Promise<Session> {
  const candidates = [...parseRedisUrl(options.url)];
  let fault: unknown;
  for (let index = 0; index < candidates.length; index += 1) {
    const address = candidates[index]!;
    const { env, silenceMs = defaults.silenceMs } = options;
    let connection: Connection | undefined;
    try {
      connection = await Connection.open({ env, address, silenceMs, onEnd });
      return await begin(connection, { options, known, heard });
    } catch (error) {
      connection?.end();
      const owner = movedTo(error);
      // A node of a cluster knows which one has our slot; that one is asked last, so this ends.
      if (owner !== undefined && candidates.length === parseRedisUrl(options.url).length)
        candidates.push({ ...address, ...owner, label: `redis://${owner.host}:${owner.port}` });
      fault = error;
      if (error instanceof StoreRefusal) break;
    }
  }
  throw fault;
}

interface Beginning {
  readonly options: RedisStoreOptions;
  readonly known: KnownStore;
  readonly heard: Heard | undefined;
}

async function begin(connection: Connection, beginning: Beginning): Promise<Session> {
  const { options, known, heard } = beginning;
  const [server, replication] = await Promise.all(
    ['server', 'replication'].map(async (section) =>
      String(await connection.call('INFO', [section])),
    ),
  );
  const about = (name: string): string =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(`${server}\n${replication}`)?.[1] ?? '';
  if (about('role') !== 'master') {
    throw new JournalFault('unavailable', `Redis ${connection.label} is a replica, not the master`);
  }
  const [major = 0, minor = 0] = about('redis_version').split('.').map(Number);
  if (major < 7) {
    const message = `Redis ${connection.label} is ${about('redis_version')}; Kilonova needs 7.0 or newer (functions)`;
    throw new StoreRefusal('unavailable', message);
  }
  const root = rootOf(options);
  const call = (name: string, ...args: readonly Argument[]): Promise<Reply> =>
    connection.call('FCALL', [functionName(name), 1, root, ...args]);
  const serverId = `${about('run_id')}/${about('master_replid')}`;
  let isFileNew = (await connection.call('HGET', [`${root}:store`, 'server'])) === serverId;
  const beforeWriting = async (): Promise<void> => {
    if (!isFileNew) await beginNewFile(options.env, connection);
    isFileNew = true;
  };
  const replicas = await checkSettings(connection, options, Number(about('connected_slaves')));
  await loadLibrary(connection, beforeWriting);
  known.reread();
  const position = heard?.position ?? 0;
  const peeked = peekedOf(await call('peek', position));
  const loss =
    heard === undefined ? 'none' : checkHistory(connection.label, peeked, heard, beginning);
  const isChanged = peeked.server !== '' && peeked.server !== serverId;
  const isOlder = known.generation > peeked.generation || isForgetful(peeked, known);
  const lowest =
    Math.max(peeked.generation, known.generation) +
    (loss !== 'none' || isChanged || isOlder ? 1 : 0);
  const hasWaitAof = major > 7 || minor >= 2;
  let { generation, store } = peeked;
  if (peeked.server !== serverId || lowest !== generation) {
    await beforeWriting();
    const id = known.store === '' ? options.env.random.uuid() : known.store;
    generation = Number(await call('adopt', id, serverId, lowest, peeked.server));
    store = peekedOf(await call('peek', position)).store;
    await confirm({ connection, replicas, hasWaitAof }, options);
    tellGeneration(options.env, connection, { peeked, generation });
  }
  known.reread();
  known.learn(
    store,
    generation,
    loss === 'accepted' ? peeked.head : Math.max(known.head, position),
  );
  const runId = about('run_id');
  return { connection, runId, root, generation, head: peeked.head, replicas, hasWaitAof, loss };
}

/** Throws when something that is known is lost, can't be given back, and the loss is not accepted. */
function checkHistory(
  label: string,
  peeked: Peeked,
  heard: Heard,
  { options, known }: Beginning,
): Loss {
  const isAccepted = options.acceptRollback ?? defaults.acceptRollback;
  if (known.store !== '' && peeked.store !== '' && known.store !== peeked.store) {
    if (isAccepted) return 'accepted';
    throw new StoreRefusal(
      'corrupt',
      `Redis ${label} holds another store (${peeked.store}) than the one that this process has worked with (${known.store}). Mend the address or the name of the cell; or, if the old store is given up, start once with acceptRollback`,
    );
  }
  const isForked = heard.chain !== '' && peeked.chain !== '' && peeked.chain !== heard.chain;
  const lastKnown = Math.max(known.head, heard.position);
  if (peeked.head >= lastKnown && !isForked) return 'none';
  const hasAll = heard.position > 0 && heard.position >= known.head;
  if (hasAll && (isForked || heard.from <= peeked.head)) return 'reparable';
  if (isAccepted) return 'accepted';
  throw goneBack(label, peeked.head, lastKnown);
}

/** It does not even know that it was in use: whatever it gave out before, it would give out again. */
function isForgetful(peeked: Peeked, known: KnownStore): boolean {
  return known.store !== '' && peeked.store !== known.store;
}

export function goneBack(label: string, head: number, lastKnown: number): StoreRefusal {
  return new StoreRefusal(
    'corrupt',
    `Redis ${label} has gone back in time: its history ends at position ${head} or differs from there, and this process knows it up to ${lastKnown}. An older copy of its files was put back, or a replica without the last writes was made master. Stop Redis, put the newest files back and start it again; a controller that still runs gives back what it has heard lately; or accept the loss by starting once with acceptRollback`,
  );
}

async function loadLibrary(
  connection: Connection,
  beforeWriting: () => Promise<void>,
): Promise<void> {
  const name = functionName('').slice(0, -1);
  const found = await connection.call('FUNCTION', ['LIST', 'LIBRARYNAME', name]);
  if ((found as readonly Reply[]).length > 0) return;
  await beforeWriting();
  await connection.call('FUNCTION', ['LOAD', 'REPLACE', libraryText]);
}

/** Resolves when enough replicas have what was written on this connection before. */
export async function confirm(
  { connection, replicas, hasWaitAof }: Pick<Session, 'connection' | 'replicas' | 'hasWaitAof'>,
  { replicaWaitMs = defaults.replicaWaitMs }: Pick<RedisStoreOptions, 'replicaWaitMs'>,
): Promise<void> {
  if (replicas === 0) return;
  const reply = hasWaitAof
    ? await connection.call('WAITAOF', [1, replicas, replicaWaitMs], replicaWaitMs)
    : [1, await connection.call('WAIT', [replicas, replicaWaitMs], replicaWaitMs)];
  const [local, reached] = reply as readonly number[];
  if (local === 1 && (reached ?? 0) >= replicas) return;
  throw new JournalFault(
    'unavailable',
    `Redis ${connection.label}: ${reached} of ${replicas} replicas had the write after ${replicaWaitMs} ms; it may last or not`,
  );
}

function tellGeneration(
  env: Env,
  connection: Connection,
  { peeked, generation }: { readonly peeked: Peeked; readonly generation: number },
): void {
  if (generation === peeked.generation) return;
  const fields = {
    store: connection.label,
    before: peeked.generation,
    generation,
    head: peeked.head,
  };
  env.log.warn(fields, 'the store has restarted or changed its master: older epochs are fenced');
}

function peekedOf(reply: Reply): Peeked {
  const [store, server, generation, head, header] = reply as readonly (string | number)[];
  return {
    store: String(store),
    server: String(server),
    generation: Number(generation),
    head: Number(head),
    chain: /^\d+ (\d+) /.exec(String(header))?.[1] ?? '',
  };
}

function movedTo(error: unknown): { readonly host: string; readonly port: number } | undefined {
  const moved = error instanceof Error ? /MOVED \d+ (.+):(\d+)/.exec(error.message) : null;
  return moved === null ? undefined : { host: moved[1] ?? '', port: Number(moved[2]) };
}
