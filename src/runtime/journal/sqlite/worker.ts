// The journal's thread: takes what waits, commits all writes of it in one transaction (group commit: one sync of the
// disk for all), then reads, then answers. Nothing is answered before it is durable. What is imported here costs
// memory a second time, so it is little: no codec, no log, no zlib.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { assert, unreachable } from '../../assert.ts';
import { describeFault, isFatal, StoreFault } from './fault.ts';
import type {
  Op,
  ReadOp,
  WorkerInit,
  WorkerMessage,
  WorkerReply,
  WorkerRequest,
  WriteOp,
} from './protocol.ts';
import { openDatabase } from './schema.ts';
import { Store } from './store.ts';

/** More than this in one transaction gains nothing and makes the first ones wait. */
const largestGroup = 1_000;

assert(parentPort !== null, 'the journal’s worker runs in a thread of its own');
const port = parentPort;
const { path, maxBytes } = workerData as WorkerInit;

function start(): void {
  let store: Store;
  try {
    store = new Store(openDatabase(path, maxBytes));
  } catch (error) {
    return post({ type: 'refused', fault: describeFault(error, path) });
  }
  port.on('message', (requests: readonly WorkerRequest[]) => runGroup(store, gather(requests)));
  post({ type: 'ready', head: store.head });
}

/** All that waits at the port, the message in hand first. */
function gather(first: readonly WorkerRequest[]): readonly WorkerRequest[] {
  const group = [...first];
  while (group.length < largestGroup) {
    const more: { readonly message: readonly WorkerRequest[] } | undefined =
      receiveMessageOnPort(port);
    if (more === undefined) break;
    group.push(...more.message);
  }
  return group;
}

function runGroup(store: Store, group: readonly WorkerRequest[]): void {
  const writes = group.filter((request) => isWrite(request.op));
  const written = writes.length > 0 ? runWrites(store, writes) : { replies: [], fatal: undefined };
  const replies: WorkerReply[] = [...written.replies];
  for (const { id, op } of group) if (!isWrite(op)) replies.push(runRead(store, id, op));
  post({ type: 'replies', replies });
  // The thread ends after its replies, and the main thread starts another on a fresh connection.
  if (written.fatal !== undefined) throw written.fatal;
  if (group.some(({ op }) => op.op === 'close')) port.close();
}

interface Written {
  readonly replies: readonly WorkerReply[];
  readonly fatal: unknown;
}

/** All of them or none, but for those that are refused by themselves. */
function runWrites(store: Store, writes: readonly WorkerRequest[]): Written {
  const head = store.head;
  try {
    store.begin();
    const replies = writes.map(({ id, op }) => runWrite(store, id, op as WriteOp));
    store.commit();
    return { replies, fatal: undefined };
  } catch (error) {
    store.head = head;
    store.rollback();
    const fault = describeFault(error, path);
    const replies = writes.map(({ id }) => ({ id, fault }));
    return { replies, fatal: isFatal(error) ? error : undefined };
  }
}

/** A StoreFault is the operation's own; an error of the database concerns the whole group. */
function runWrite(store: Store, id: number, op: WriteOp): WorkerReply {
  try {
    return { id, value: write(store, op) };
  } catch (error) {
    if (error instanceof StoreFault) return { id, fault: describeFault(error, path) };
    throw error;
  }
}

function runRead(store: Store, id: number, op: Exclude<Op, WriteOp>): WorkerReply {
  try {
    return { id, value: op.op === 'close' ? store.close() : read(store, op) };
  } catch (error) {
    return { id, fault: describeFault(error, path) };
  }
}

function write(store: Store, op: WriteOp): unknown {
  switch (op.op) {
    case 'append':
      return store.append(op);
    case 'saveSnapshot':
      return store.saveSnapshot(op);
    case 'nextEpoch':
      return store.nextEpoch(op.name);
    case 'compact':
      return store.compact(op.key, op.beforeVersion);
    case 'prune':
      return store.prune(op.beforeMs, op.limit);
    default:
      return unreachable(op);
  }
}

function read(store: Store, op: ReadOp): unknown {
  switch (op.op) {
    case 'read':
      return store.read(op.key, op.fromVersion);
    case 'loadSnapshot':
      return store.loadSnapshot(op.key);
    case 'load':
      return store.load(op.keys);
    case 'keys':
      return store.keys(op.kind, op.after, op.limit);
    case 'entriesAfter':
      return store.entriesAfter(op.position, op.limit);
    default:
      return unreachable(op);
  }
}

function isWrite(op: Op): op is WriteOp {
  return ['append', 'saveSnapshot', 'nextEpoch', 'compact', 'prune'].includes(op.op);
}

function post(message: WorkerMessage): void {
  port.postMessage(message, []);
}

start();
