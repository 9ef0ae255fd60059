// While the store is away a process does not know what others have made since. It answered 404 for such a server, to a
// delete even, and a client took the server for gone. "There is none" is said only when it is known.
import { expect, it } from 'vitest';
import { testService } from '../api/compute/service.ts';

it('a server that is not known while the store is away is answered 503, not 404', async () => {
  const { app, context } = testService();
  const ask = (method: 'GET' | 'DELETE') =>
    app.inject({
      method,
      url: '/compute/v2.1/servers/unknown',
      headers: { 'x-auth-token': 'anna' },
    });
  expect([(await ask('GET')).statusCode, (await ask('DELETE')).statusCode]).toEqual([404, 404]);
  Object.assign(context.views, { isStale: true });
  for (const method of ['GET', 'DELETE'] as const) {
    const reply = await ask(method);
    expect([reply.statusCode, reply.headers['retry-after'], reply.headers['warning']]).toEqual([
      503,
      '1',
      '110 kilonova "Response is Stale"',
    ]);
    expect(reply.body).toContain("can't be told whether there is such a thing");
  }
});
