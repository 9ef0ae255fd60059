// The front door with more to do than it can: what is let in, what waits, what is refused, and how it is said. A service
// of stubs stands behind it, whose writes end when the test says so; time is virtual.
import { connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '#api/admission/concurrency-limit.ts';
import type { RefusalForm } from '#api/admission/door.ts';
import type { ApiContext } from '#api/context.ts';
import { buildServer } from '#api/server.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const SLOWEST_ANSWER_MS = 10_000;

let env: VirtualEnv;
let app: FastifyInstance;
/** One for each write that has reached its handler, in order. */
let writes: { end(): void }[];
let authenticated: number;
let isStale: boolean;

const endAll = (): void => {
  for (const write of writes) write.end();
};

const service: FastifyPluginCallback = (routes, _options, done) => {
  routes.addHook('onRequest', (_request, _reply, next) => {
    authenticated += 1;
    next();
  });
  routes.setErrorHandler((error, _request, reply) => {
    const { statusCode = 503, message } = error as { statusCode?: number; message: string };
    return reply.code(statusCode).header('retry-after', '1').send({ inOurForm: message });
  });
  const write = (): Promise<object> =>
    new Promise((resolve) => void writes.push({ end: () => resolve({ done: true }) }));
  routes.addContentTypeParser('application/octet-stream', (_request, body, parsed) => {
    body.resume();
    body.on('end', () => parsed(null));
  });
  routes.get('/', () => ({ versions: [] }));
  routes.get('/v2.1/things', () => ({ things: [] }));
  routes.get('/v2.1/slow', write);
  routes.post('/v2.1/things', write);
  routes.post('/v2.1/servers', write);
  routes.delete('/v2.1/things', write);
  done();
};

const image: FastifyPluginCallback = (routes, _options, done) => {
  routes.addContentTypeParser('application/octet-stream', (_request, body, parsed) => {
    body.resume();
    body.on('end', () => parsed(null));
  });
  routes.put('/v2/images/:id/file', () => ({ uploaded: true }));
  done();
};

const atTheDoor: RefusalForm = {
  headers: (requestId) => ({ 'x-plain-request-id': requestId }),
  body: (message) => JSON.stringify({ turnedAway: message }),
};

beforeEach(() => {
  env = createVirtualEnv({ seed: 'overload' });
  [writes, authenticated, isStale] = [[], 0, false];
  const context = {
    env,
    publicUrl: 'http://cloud.test',
    views: {
      get isStale() {
        return isStale;
      },
      barrier: () => Promise.resolve(),
    },
  } as unknown as ApiContext;
  app = buildServer(context, [
    { prefix: '/compute', plugin: service },
    { prefix: '/image', plugin: image },
    { prefix: '/plain', plugin: service, refusalForm: atTheDoor },
  ]);
});

afterEach(async () => {
  endAll();
  await app.close();
});

type Answer = Awaited<ReturnType<typeof send>>;

const send = (method: 'GET' | 'POST' | 'DELETE' | 'PUT', url: string, payload?: object) =>
  app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });

const post = (): Promise<Answer> => send('POST', '/compute/v2.1/things', { a: 1 });

/** Resolves when so many writes have reached their handler. */
async function reach(count: number): Promise<void> {
  const endMs = performance.now() + SLOWEST_ANSWER_MS;
  while (writes.length < count) {
    if (performance.now() > endMs) throw new Error(`${writes.length} of ${count} writes began`);
    await new Promise((done) => setImmediate(done));
  }
}

/** As many writes as are let in at once, and so many that wait. */
async function fill(waiting: number): Promise<{ readonly answers: readonly Promise<Answer>[] }> {
  const answers = Array.from({ length: LIMITS.first + waiting }, post);
  await reach(LIMITS.first);
  return { answers };
}

const expectRefused = (answer: Answer): void => {
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
  expect(answer.json()).toEqual({ inOurForm: 'The service is busy; try again in a moment.' });
  expect(answer.headers['x-openstack-request-id']).toMatch(/^req-/);
};

describe('writes', () => {
  it('are carried out so many at once; the others wait for those to end', async () => {
    const { answers } = await fill(2);
    expect(writes).toHaveLength(LIMITS.first);
    writes[0]?.end();
    await reach(LIMITS.first + 1);
    writes[1]?.end();
    await reach(LIMITS.first + 2);
    endAll();
    const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('over the bound are refused in the service’s form, before anybody asks who sent them', async () => {
    const { answers } = await fill(0);
    await env.advance(1_100);
    const before = authenticated;
    expectRefused(await post());
    expectRefused(await send('DELETE', '/compute/v2.1/things'));
    expect(authenticated).toBe(before);
    endAll();
    await Promise.all(answers);
    const later = post();
    await reach(LIMITS.first + 1);
    writes.at(-1)?.end();
    expect((await later).statusCode).toBe(200);
  });

  it('that wait behind some that hang are refused after two seconds', async () => {
    const { answers } = await fill(3);
    await env.advance(2_200);
    const late = await Promise.all(answers.slice(-3));
    expect(late.map(({ statusCode }) => statusCode)).toEqual([503, 503, 503]);
    late.forEach(expectRefused);
  });

  it('that hang hold up neither version documents, nor reads, nor image bytes', async () => {
    await fill(1);
    await env.advance(1_100);
    expectRefused(await post());
    expect((await send('GET', '/compute')).json()).toEqual({ versions: [] });
    expect((await send('GET', '/compute/v2.1/things')).json()).toEqual({ things: [] });
    const headers = { 'content-type': 'application/octet-stream' };
    const upload = { method: 'PUT', url: '/image/v2/images/1/file', headers } as const;
    expect((await app.inject({ ...upload, payload: Buffer.alloc(10) })).statusCode).toBe(200);
  });

  it('that make servers are refused while a thousand are being built, others are not', async () => {
    let building = 999;
    app.admission.watchBuilding(() => building);
    const taken = send('POST', '/compute/v2.1/servers', {});
    await reach(1);
    building = 1_000;
    expectRefused(await send('POST', '/compute/v2.1/servers', {}));
    const other = post();
    await reach(2);
    endAll();
    expect([(await taken).statusCode, (await other).statusCode]).toEqual([200, 200]);
  });
});

describe('reads', () => {
  it('have a bound in number', async () => {
    const under = Array.from({ length: 512 }, () => send('GET', '/compute/v2.1/slow'));
    await reach(512);
    expectRefused(await send('GET', '/compute/v2.1/things'));
    writes[0]?.end();
    await Promise.race(under);
    expect((await send('GET', '/compute/v2.1/things')).statusCode).toBe(200);
  });

  it('say that they may be stale while the store is away, and only then', async () => {
    expect((await send('GET', '/compute/v2.1/things')).headers['warning']).toBeUndefined();
    isStale = true;
    const reply = await send('GET', '/compute/v2.1/things');
    expect(reply.statusCode).toBe(200);
    expect(reply.headers['warning']).toBe('110 kilonova "Response is Stale"');
  });
});

describe('a connection', () => {
  let socket: Socket;
  let received: string;

  beforeEach(async () => {
    await app.listen({ host: '127.0.0.1', port: 0 });
    received = '';
    socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await new Promise<void>((resolve) => socket.once('connect', resolve));
  });
  afterEach(() => {
    socket.destroy();
  });

  const waitFor = async (what: string, holds: () => boolean): Promise<void> => {
    const endMs = performance.now() + SLOWEST_ANSWER_MS;
    while (!holds()) {
      if (performance.now() > endMs) throw new Error(`waited for ${what}; received: ${received}`);
      await new Promise((done) => setImmediate(done));
    }
  };

  const head = (length: number, path = '/compute/v2.1/things'): string =>
    `POST ${path} HTTP/1.1\r\nhost: cloud.test\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

  it('whose body never ends is answered 408 in the service’s form after thirty seconds, and closed', async () => {
    socket.write(`${head(100)}{"half`);
    await waitFor('the head to arrive', () => authenticated === 1);
    await env.advance(29_000);
    expect(received).toBe('');
    await env.advance(1_500);
    await waitFor('the connection to end', () => socket.readableEnded || socket.destroyed);
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
    expect(received).toContain(
      '{"inOurForm":"The request\'s body did not arrive within 30 seconds."}',
    );
  });

  it('to a service that words its refusals is refused at the door, and goes on', async () => {
    const { answers } = await fill(0);
    await env.advance(1_100);
    socket.write(`${head(8, '/plain/v2.1/things')}{"a": 1}`);
    await waitFor('the refusal', () => received.includes('in a moment'));
    const id = /\r\nx-openstack-request-id: (req-[0-9a-f-]+)\r\n/.exec(received)?.[1];
    expect(received).toMatch(/^HTTP\/1\.1 503 [^]*\r\nretry-after: 1\r\n/);
    expect(received).toContain(`\r\nx-plain-request-id: ${id}\r\n`);
    expect(received).toContain(`{"turnedAway":"The service can't do this now`);
    expect(authenticated).toBe(LIMITS.first);
    received = '';
    socket.write('GET /plain/v2.1/things HTTP/1.1\r\nhost: cloud.test\r\n\r\n');
    await waitFor('the next answer', () => received.includes('{"things":[]}'));
    endAll();
    await Promise.all(answers);
  });

  it('that is refused goes on: the body is thrown away, and the next request answered', async () => {
    const { answers } = await fill(0);
    await env.advance(1_100);
    socket.write(`${head(8)}{"a": 1}`);
    await waitFor('the refusal', () => received.includes('in a moment'));
    expect(received).toMatch(/^HTTP\/1\.1 503 /);
    expect(received).toMatch(/\r\nconnection: keep-alive\r\n/i);
    received = '';
    socket.write('GET /compute/v2.1/things HTTP/1.1\r\nhost: cloud.test\r\n\r\n');
    await waitFor('the next answer', () => received.includes('{"things":[]}'));
    endAll();
    await Promise.all(answers);
  });

  it('that is refused with a large body to come is closed', async () => {
    await fill(0);
    await env.advance(1_100);
    socket.write(`${head(500_000)}{"a": `);
    await waitFor('the refusal', () => received.includes('in a moment'));
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
  });

  it('that is refused and never ends its body is cut after thirty seconds', async () => {
    await fill(0);
    await env.advance(1_100);
    socket.write(`${head(50)}{"a": `);
    await waitFor('the refusal', () => received.includes('in a moment'));
    expect(socket.destroyed).toBe(false);
    socket.on('error', () => undefined);
    await env.advance(30_500);
    await waitFor('the connection to end', () => socket.readableEnded || socket.destroyed);
  });

  it('with slow bodies takes no place of writes that are complete', async () => {
    const slow = Array.from({ length: LIMITS.first }, () =>
      connect((app.server.address() as AddressInfo).port, '127.0.0.1'),
    );
    for (const one of slow) one.write(`${head(100)}{"half`);
    await waitFor('their heads to arrive', () => authenticated === LIMITS.first);
    const complete = Array.from({ length: LIMITS.first }, post);
    await reach(LIMITS.first);
    endAll();
    const statuses = (await Promise.all(complete)).map(({ statusCode }) => statusCode);
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const one of slow) one.destroy();
  });
});
