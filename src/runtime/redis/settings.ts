// How a process reaches the store of its cell, for the journal and for the cluster's table alike; and whether that store
// is one that keeps what it has acknowledged.
import type { Env } from '../env/env.ts';
import { JournalFault } from '../journal/port.ts';
import type { Connection, Reply } from './connection.ts';

export interface RedisStoreOptions {
  readonly env: Env;
  /** See address.ts. */
  readonly url: string;
  /** Names the cell: all its keys begin with it, in braces, so that they lie in one slot. Default 'kilonova'. */
  readonly cell?: string;
  /** `dev` serves on a Redis that may forget. Default `durable`. */
  readonly profile?: 'durable' | 'dev';
  /** Replicas that must have an append before it is acknowledged. Default: what the store's own settings say. */
  readonly replicas?: number;
  /** How long to wait for them. Default 500. */
  readonly replicaWaitMs?: number;
  /** Nothing heard for so long while a reply is due: the server counts as gone. Default 2 000. */
  readonly silenceMs?: number;
  /** At the start: how long to try to reach it before giving up. Default 5 000. */
  readonly openWithinMs?: number;
  /** File in which this process remembers what it knows of the store, to notice one that went back in time. */
  readonly memoryPath?: string;
  /** Serve a store that has lost what this process knows, and cannot be given it back. Default false. */
  readonly acceptRollback?: boolean;
}

/** The store can be reached and is not fit to be used: trying again will not mend that. */
export class StoreRefusal extends JournalFault {}

export const defaults = {
  cell: 'kilonova',
  profile: 'durable',
  replicaWaitMs: 500,
  silenceMs: 2_000,
  openWithinMs: 5_000,
  acceptRollback: false,
} as const;

/** Root of all keys of a cell; the braces make it a hash tag. */
export function rootOf({ cell = defaults.cell }: RedisStoreOptions): string {
  return `{${cell}}`;
}

interface Demand {
  readonly setting: string;
  readonly wanted: string;
  readonly reason: string;
}

const demands: readonly Demand[] = [
  {
    setting: 'appendonly',
    wanted: 'yes',
    reason: 'without it a restart loses everything since the last dump',
  },
  {
    setting: 'appendfsync',
    wanted: 'always',
    reason: 'otherwise it acknowledges what is not on the disk yet',
  },
  {
    setting: 'no-appendfsync-on-rewrite',
    wanted: 'no',
    reason: 'otherwise it does not sync while it rewrites its file',
  },
  {
    setting: 'maxmemory-policy',
    wanted: 'noeviction',
    reason: 'otherwise it deletes data when its memory is full',
  },
];

/** How many replicas an append must reach; 0 when there are none to reach. Throws in words when the store may forget. */
export async function checkSettings(
  connection: Connection,
  options: RedisStoreOptions,
  connectedReplicas: number,
): Promise<number> {
  const { replicas, profile = defaults.profile } = options;
  if (profile === 'dev') return replicas ?? 0;
  const names = [...demands.map(({ setting }) => setting), 'min-replicas-to-write'];
  const values = await Promise.all(names.map((name) => readSetting(connection, name)));
  const faults = demands
    .filter(({ wanted }, index) => values[index] !== wanted)
    .map(({ setting, wanted, reason }) => {
      const value = values[names.indexOf(setting)];
      return `${setting} is '${value}' and must be '${wanted}' (CONFIG SET ${setting} ${wanted}): ${reason}`;
    });
  const least = Number(values.at(-1));
  const wanted = replicas ?? (connectedReplicas > 0 ? Math.max(1, least) : least);
  if (wanted > 0 && least < 1) {
    faults.push(
      `it is replicated, and min-replicas-to-write is '${least}' and must be at least 1 (CONFIG SET min-replicas-to-write 1): otherwise it goes on alone and a failover loses what it took`,
    );
  }
  if (faults.length === 0) return wanted;
  throw new StoreRefusal(
    'unavailable',
    `Redis ${connection.label} may forget what it has acknowledged, so it is not used. ${faults.join('; ')}. Mend its settings, in its configuration file too, or start with the profile 'dev' if that is acceptable`,
  );
}

async function readSetting(connection: Connection, name: string): Promise<string> {
  try {
    const reply = await connection.call('CONFIG', ['GET', name]);
    return String((reply as readonly Reply[])[1] ?? '');
  } catch (error) {
    if (connection.isEnded) throw error;
    const message = `Redis ${connection.label} does not tell its settings, so nobody knows whether it keeps what it acknowledges; allow CONFIG GET to this user, or start with the profile 'dev'`;
    throw new StoreRefusal('unavailable', message, { cause: error });
  }
}
