// How a front door is closed without a request lost: clients hear with every answer that the connection ends, then no
// connection is taken any more, and what is under way is finished.
import { Server as NetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Env } from '#runtime/env/env.ts';
import { nextTurn } from '#runtime/env/turn.ts';

/** From now on every reply ends its connection, so that clients take their next request elsewhere. */
export function turnAway(app: FastifyInstance): () => void {
  let isClosing = false;
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close');
    done(null, payload);
  });
  return () => {
    isClosing = true;
  };
}

const IDLE_LOOK_MS = 50;
/** A request that is on its way over a connection that seems idle has arrived by then. */
const LINGER_MS = 2_000;

/** Takes no connection any more and finishes the requests that it has, for as long as the time allows. */
export async function closeGently(
  app: FastifyInstance,
  env: Env,
  withinMs: number,
  lingerMs = LINGER_MS,
): Promise<void> {
  // Connections that wait to be taken are taken first: the loop has just looked for them when this runs.
  await nextTurn(env);
  const { server } = app;
  // Not http's own close: that one cuts idle connections at once, with requests that have just come in over them.
  const ended = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
  let cancelLook = env.timers.after(lingerMs, look);
  function look(): void {
    server.closeIdleConnections();
    cancelLook = env.timers.after(IDLE_LOOK_MS, look);
  }
  let cancel = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    cancel = env.timers.after(withinMs, resolve);
  });
  await Promise.race([ended, late]);
  cancel();
  cancelLook();
  await app.close();
}
