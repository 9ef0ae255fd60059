// The end of libp2p connections, and deadlines in the form that libp2p takes them.
import type { Connection } from '@libp2p/interface';

import type { Cancel, Env } from '../../env/env.ts';

/** Time for what was sent last to leave. */
const closeMs = 300;

/** Closes a connection; if that takes too long (the other side may be dead), it is torn down. */
export function endConnection(env: Env, connection: Connection, reason: string): void {
  if (connection.status !== 'open') return;
  const deadline = createDeadline(env, closeMs, 'the connection did not close in time');
  connection.close({ signal: deadline.signal }).then(deadline.cancel, (cause: unknown) => {
    deadline.cancel();
    env.log.debug({ err: cause, reason }, 'a connection is torn down');
    connection.abort(new Error(reason));
  });
}

export interface Deadline {
  readonly signal: AbortSignal;
  readonly cancel: Cancel;
}

export function createDeadline(env: Env, afterMs: number, what: string): Deadline {
  const controller = new AbortController();
  const cancel = env.timers.after(afterMs, () => controller.abort(new Error(what)));
  return { signal: controller.signal, cancel };
}
