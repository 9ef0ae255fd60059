// The only file that imports nact. It uses nact for what it does well, mailboxes and running one message at a time,
// and keeps away from what is broken there (test/unit/runtime/system/nact-pins.test.ts): every actor is a leaf under
// a bucket of few siblings, receivers never throw, and a mailbox is closed only when nothing is left in it.
import * as nactModule from 'nact';

/** Gets one item at a time. Must not throw or reject: nact's own fault handling is never to be reached. */
export interface Receiver {
  receive(item: unknown): void | Promise<void>;
  /** Items that were still waiting when the mailbox was closed. */
  discard(items: readonly unknown[]): void;
}

export interface Mailbox {
  readonly parent: object;
}

export interface Mailboxes {
  open(receiver: Receiver): Mailbox;
  push(mailbox: Mailbox, item: unknown): void;
  close(mailbox: Mailbox): void;
  /** Lets go of everything; whatever is still queued is never received. */
  dispose(): void;
}

/** nact as we use it. Its own types let any reference stand for any other and leave out senders and parents. */
interface Nact {
  start(options: { readonly name: string }): object;
  spawn<S>(
    parent: object,
    receive: (state: S, item: unknown) => S | Promise<S>,
    name: string,
    properties?: {
      readonly initialState: S;
      readonly afterStop: (state: S, context: { readonly mailbox: readonly unknown[] }) => void;
    },
  ): Mailbox;
  dispatch(mailbox: Mailbox, item: unknown, sender: object): void;
  stop(reference: object): void;
}
const nact = nactModule as unknown as Nact;

/** With a sender at hand nact does not make one for each message. */
const nobody = { system: { name: undefined }, path: { parts: [] }, type: 'nobody' };

/** nact copies a parent's whole list of children now and then, so no parent may have many. */
const bucketSize = 64;

interface Bucket {
  readonly ref: object;
  used: number;
}

let systemsStarted = 0;

export function createMailboxes(name: string): Mailboxes {
  systemsStarted += 1;
  const system = nact.start({ name: `${name}-${systemsStarted}` });
  const buckets = new Map<object, Bucket>();
  const withRoom: Bucket[] = [];
  let opened = 0;

  const addBucket = (): Bucket => {
    const ref = nact.spawn(system, (state: unknown) => state, `bucket-${buckets.size + 1}`);
    const bucket: Bucket = { ref, used: 0 };
    buckets.set(ref, bucket);
    withRoom.push(bucket);
    return bucket;
  };

  return {
    open(receiver) {
      const bucket = withRoom.at(-1) ?? addBucket();
      bucket.used += 1;
      if (bucket.used === bucketSize) withRoom.pop();
      opened += 1;
      return nact.spawn(bucket.ref, receive, `leaf-${opened}`, {
        initialState: receiver,
        afterStop,
      });
    },
    push: (mailbox, item) => nact.dispatch(mailbox, item, nobody),
    close(mailbox) {
      nact.stop(mailbox);
      const bucket = buckets.get(mailbox.parent);
      if (bucket === undefined) return;
      if (bucket.used === bucketSize) withRoom.push(bucket);
      bucket.used -= 1;
    },
    dispose: () => nact.stop(system),
  };
}

function receive(receiver: Receiver, item: unknown): Receiver | Promise<Receiver> {
  try {
    const done = receiver.receive(item);
    return done === undefined ? receiver : done.then(() => receiver, halt);
  } catch (error) {
    return halt(error);
  }
}

/** A receiver broke its promise, so its actor's state is unknown: better no process than one that goes on wrongly. */
function halt(error: unknown): Promise<Receiver> {
  queueMicrotask(() => {
    throw error;
  });
  return new Promise(() => undefined);
}

function afterStop(receiver: Receiver, context: { readonly mailbox: readonly unknown[] }): void {
  const waiting = context.mailbox as readonly { readonly message: unknown }[];
  if (waiting.length > 0) receiver.discard(waiting.map(({ message }) => message));
}
