// The end of a front door over real connections: nothing that was taken is lost, and clients hear that they are to go.
import { once } from 'node:events';
import { connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { closeGently, turnAway } from '#api/closing.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const env = realEnv(silentLog);
let app: FastifyInstance;
let goAway: () => void;
let port: number;
/** The slow request is being handled; it is answered when told to. */
let begun: PromiseWithResolvers<void>;
let finish: PromiseWithResolvers<void>;

beforeEach(async () => {
  app = Fastify({ forceCloseConnections: true });
  begun = Promise.withResolvers();
  finish = Promise.withResolvers();
  app.get('/quick', () => 'quick');
  app.get('/slow', async () => {
    begun.resolve();
    await finish.promise;
    return 'slow';
  });
  goAway = turnAway(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as { port: number }).port;
});

/** A connection of its own; `ended` has all that came until the server closed it. */
function open(request: string): {
  readonly answered: Promise<unknown>;
  readonly ended: Promise<string>;
} {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${request} HTTP/1.1\r\nhost: cloud.test\r\n\r\n`);
  return {
    answered: once(socket, 'data'),
    ended: new Promise((resolve, reject) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    }),
  };
}

/** Resolves when nothing listens there any more. */
async function refused(): Promise<void> {
  await expect
    .poll(() => fetch(`http://127.0.0.1:${port}/quick`).then(String, (error: Error) => error.cause))
    .toMatchObject({ code: 'ECONNREFUSED' });
}

describe('a front door that closes', () => {
  it('ends each connection with its next answer', async () => {
    goAway();
    const text = await open('/quick').ended;
    expect(text).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*quick$/is);
    await app.close();
  });

  it('finishes what is under way and what is on its way, and takes nothing new', async () => {
    const slow = open('/slow');
    await begun.promise;
    const silent = connect(port, '127.0.0.1');
    await once(silent, 'connect');
    goAway();
    const closed = closeGently(app, env, 60_000, 60_000);
    await refused();
    silent.write('GET /quick HTTP/1.1\r\nhost: cloud.test\r\n\r\n');
    expect(String((await once(silent, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    finish.resolve();
    expect(await slow.ended).toMatch(/^HTTP\/1\.1 200 .*slow$/s);
    await closed;
  });

  it('ends idle connections when their time is over', async () => {
    const idle = open('/quick');
    await idle.answered;
    await closeGently(app, env, 60_000, 20);
    expect(await idle.ended).toMatch(/quick$/);
  });

  it('waits no longer than it was told', async () => {
    const slow = open('/slow').ended.catch((error: unknown) => String(error));
    await begun.promise;
    await closeGently(app, env, 50, 20);
    expect(await slow).not.toMatch(/slow$/);
  });
});
