// An upload that is refused by its first bytes left its connection hanging: the rest of the body was never read, and
// neither was the next request behind it.
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { call, imageCloud } from '#test/api/image/image-cloud.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const { app } = imageCloud();
afterEach(async () => {
  agent.destroy();
  await app.close();
});

/** Over the one connection; resolves with the status. */
function send(method: string, path: string, body?: Uint8Array): Promise<number> {
  const { port } = app.server.address() as AddressInfo;
  const headers = {
    'x-auth-token': 'red',
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/octet-stream', 'content-length': String(body.length) }),
  };
  return new Promise((done, failed) => {
    const sent = request({ agent, port, method, path, headers }, (reply) => {
      reply.resume().on('end', () => done(reply.statusCode ?? 0));
    });
    sent.on('error', failed).end(body);
  });
}

it('the next request on the connection of a refused upload is answered', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' });
  const body = { disk_format: 'raw', container_format: 'bare' };
  const { id } = (await call(app, 'red', 'POST /image/v2/images', { body })).json<{ id: string }>();
  const vmdk = Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(4_000_000)]);
  expect(await send('PUT', `/image/v2/images/${id}/file`, vmdk)).toBe(400);
  expect(await send('GET', `/image/v2/images/${id}`)).toBe(200);
});
