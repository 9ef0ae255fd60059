import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alpha, beta, type PlacementCloud, projects, seededCloud } from './placement-cloud.ts';

let cloud: PlacementCloud;
beforeAll(async () => {
  cloud = await seededCloud();
});
afterAll(() => cloud.app.close());

function errorOf(body: unknown): Record<string, unknown> {
  const { errors } = body as { errors: Record<string, unknown>[] };
  expect(errors).toHaveLength(1);
  return errors[0] ?? {};
}

describe('versions', () => {
  const document = {
    versions: [
      {
        id: 'v1.0',
        max_version: '1.39',
        min_version: '1.0',
        status: 'CURRENT',
        links: [{ rel: 'self', href: '' }],
      },
    ],
  };

  it('the version document needs no token, with or without a slash', async () => {
    for (const url of ['', '/']) {
      const { status, body } = await cloud.call(url, { token: null });
      expect({ status, body }).toEqual({ status: 200, body: document });
    }
  });

  it('without a header the lowest version answers, and the reply names it', async () => {
    const { headers } = await cloud.call('/resource_providers');
    expect(headers).toMatchObject({
      'openstack-api-version': 'placement 1.0',
      vary: 'openstack-api-version',
    });
    expect(headers).not.toHaveProperty('last-modified');
    expect(headers).not.toHaveProperty('cache-control');
  });

  it('latest is the highest version; other services in the header do not matter', async () => {
    const header = 'compute 2.1, placement latest';
    const { headers } = await cloud.call('/traits', {
      headers: { 'openstack-api-version': header },
    });
    expect(headers['openstack-api-version']).toBe('placement 1.39');
  });

  it('from 1.15 a reply says when it was made and that it must not be kept', async () => {
    const { headers } = await cloud.call('/resource_providers', { version: '1.15' });
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      'last-modified': 'Sat, 31 Jan 2026 12:00:00 GMT',
    });
  });

  it('a version that is not there is 406 and names those that are', async () => {
    for (const version of ['1.40', '2.0', '0.9']) {
      const { status, body, headers } = await cloud.call('/', { version, token: null });
      expect(status).toBe(406);
      expect(errorOf(body)).toMatchObject({ max_version: '1.39', min_version: '1.0' });
      expect(headers).not.toHaveProperty('openstack-api-version');
    }
  });

  it('a version that is none is 400', async () => {
    for (const version of ['banana', '1', '1.2.3'])
      expect((await cloud.call('/traits', { version })).status).toBe(400);
  });

  it('a call is not there before its version', async () => {
    const first: readonly (readonly [url: string, before: string, from: string])[] = [
      [`/resource_providers/${alpha.id}/aggregates`, '1.0', '1.1'],
      ['/resource_classes', '1.1', '1.2'],
      ['/traits', '1.5', '1.6'],
      [`/resource_providers/${alpha.id}/traits`, '1.5', '1.6'],
      [`/usages?project_id=${projects.red}`, '1.8', '1.9'],
      ['/allocation_candidates?resources=VCPU:1', '1.9', '1.10'],
    ];
    for (const [url, before, from] of first) {
      const statuses = [
        (await cloud.call(url, { version: before })).status,
        (await cloud.call(url, { version: from })).status,
      ];
      expect({ url, statuses }).toEqual({ url, statuses: [404, 200] });
    }
  });
});

describe('errors', () => {
  it('have a code from 1.23 on', async () => {
    const url = `/resource_providers/${beta.id.replace('b', '0')}`;
    const detail = `The resource could not be found.\n\n No resource provider with uuid ${beta.id.replace('b', '0')} found  `;
    const [older, newer] = [
      await cloud.call(url, { version: '1.22' }),
      await cloud.call(url, { version: '1.23' }),
    ];
    expect(errorOf(older.body)).toEqual({
      status: 404,
      title: 'Not Found',
      detail,
      request_id: older.headers['x-openstack-request-id'],
    });
    expect(errorOf(newer.body)).toEqual({
      status: 404,
      title: 'Not Found',
      detail,
      code: 'placement.undefined_code',
      request_id: newer.headers['x-openstack-request-id'],
    });
  });

  it('an unknown path is 404 in the same form', async () => {
    const { status, body } = await cloud.call('/nothing', { version: '1.39' });
    expect(status).toBe(404);
    expect(errorOf(body)).toMatchObject({
      detail: 'The resource could not be found.\n\n   ',
      code: 'placement.undefined_code',
    });
  });

  it('a method that a path never has is 405 and names those that it has', async () => {
    for (const method of ['PATCH', 'OPTIONS', 'DELETE'] as const) {
      const { status, headers, body } = await cloud.call('/usages', { method, version: '1.39' });
      expect({ status, allow: headers['allow'] }).toEqual({ status: 405, allow: 'GET' });
      expect(errorOf(body)['detail']).toBe(
        `The method ${method} is not allowed for this resource. \n\n The method specified is not allowed for this resource.`,
      );
    }
    expect((await cloud.call('/usages', { method: 'HEAD', version: '1.39' })).status).toBe(405);
  });

  it('a client that takes no JSON gets 406', async () => {
    const statusFor = async (accept: string): Promise<number> =>
      (await cloud.call('/resource_providers', { headers: { accept } })).status;
    expect(await statusFor('text/html')).toBe(406);
    expect(await statusFor('application/json;q=0')).toBe(406);
    expect(await statusFor('text/html, application/*;q=0.5')).toBe(200);
    expect(await statusFor('*/*')).toBe(200);
  });

  it('an error is a page or plain text for a client that takes no JSON', async () => {
    const shown = async (accept: string): Promise<unknown> => {
      const { headers, body } = await cloud.call('/moo', { headers: { accept } });
      return [headers['content-type'], typeof body === 'string' ? body : 'JSON'];
    };
    expect(await shown('text/html,application/json;q=0.5')).toEqual([
      'text/html; charset=UTF-8',
      expect.stringMatching(/<h1>404 Not Found<\/h1>\n {2}The resource could not be found\.<br/),
    ]);
    expect(await shown('application/xml')).toEqual([
      'text/plain; charset=UTF-8',
      expect.stringMatching(/^404 Not Found\n\nThe resource could not be found\.\n\n/),
    ]);
    expect(await shown('*/*')).toEqual(['application/json', 'JSON']);
    expect(await shown('text/html;q=0,application/*')).toEqual(['application/json', 'JSON']);
  });

  it('a body without a type is refused', async () => {
    const { status, body } = await cloud.call('/resource_providers', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': '' },
    });
    expect(status).toBe(400);
    expect(errorOf(body)['detail']).toMatch(/content-type header required when content-length > 0/);
  });

  it('a query that is not UTF-8 is 400', async () => {
    expect((await cloud.call('/resource_providers?name=%ff')).status).toBe(400);
  });
});

describe('who may call', () => {
  it('no one without a token', async () => {
    expect((await cloud.call('/resource_providers', { token: null })).status).toBe(401);
    expect((await cloud.call('/resource_providers', { token: 'forged' })).status).toBe(401);
  });

  it('people of a project see no providers', async () => {
    const { status, body } = await cloud.call('/resource_providers', { token: 'red' });
    expect(status).toBe(403);
    expect(errorOf(body)['detail']).toBe(
      'Access was denied to this resource.\n\n Policy does not allow placement:resource_providers:list to be performed.  ',
    );
  });

  it('readers of a project see its usage and no other', async () => {
    const statusOf = async (token: string, project: string): Promise<number> =>
      (await cloud.call(`/usages?project_id=${project}`, { token, version: '1.9' })).status;
    expect(await statusOf('red', projects.red)).toBe(200);
    expect(await statusOf('red', projects.blue)).toBe(403);
    expect(await statusOf('guest', projects.red)).toBe(403);
    expect(await statusOf('admin', projects.blue)).toBe(200);
  });

  it('a system reader looks and does not write', async () => {
    const look = await cloud.call('/resource_providers', { token: 'auditor' });
    const write = await cloud.call('/resource_providers', {
      token: 'auditor',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    expect([look.status, write.status]).toEqual([200, 403]);
  });
});

describe('writes', () => {
  const json = { 'content-type': 'application/json' };

  it('are 404 before their version and 403 for those who may not', async () => {
    const write = async (token: string, version: string): Promise<number> =>
      (await cloud.call('/reshaper', { method: 'POST', token, version, headers: json })).status;
    expect(await write('admin', '1.29')).toBe(404);
    expect(await write('red', '1.30')).toBe(403);
    expect(await write('admin', '1.30')).toBe(400);
  });

  it('take JSON only', async () => {
    const { status, body } = await cloud.call('/resource_providers', {
      method: 'POST',
      version: '1.39',
      headers: { 'content-type': 'text/plain' },
      body: '{"name": "one"}',
    });
    expect(status).toBe(415);
    expect(errorOf(body)['detail']).toBe(
      'The request media type text/plain is not supported by this server.\n\n ' +
        'The media type text/plain is not supported, use application/json  ',
    );
  });

  it.each([null, 5, {}, { total: 'many' }])(
    'of an inventory %j under a name of no form are 400',
    async (inventory) => {
      const { status } = await cloud.call(`/resource_providers/${alpha.id}/inventories`, {
        method: 'PUT',
        version: '1.39',
        headers: json,
        body: JSON.stringify({ resource_provider_generation: 2, inventories: { vcpu: inventory } }),
      });
      expect(status).toBe(400);
    },
  );

  it('with a body that is no JSON change nothing', async () => {
    const before = cloud.cluster.events.length;
    const { status, body } = await cloud.call(`/resource_providers/${alpha.id}/inventories`, {
      method: 'PUT',
      version: '1.39',
      headers: json,
      body: '{"this is not": JSON',
    });
    expect(status).toBe(400);
    expect(errorOf(body)['detail']).toMatch(/Malformed JSON: /);
    expect(cloud.cluster.events).toHaveLength(before);
  });
});
