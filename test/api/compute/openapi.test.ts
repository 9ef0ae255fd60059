// The OpenAPI document of each microversion, made from the route table.
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '#api/compute/openapi.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import { serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
type Operation = {
  readonly responses: Record<string, unknown>;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: unknown }> };
};
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

async function pathsOf(version: string): Promise<Paths> {
  const reply = await cloud.get(`/openapi.json?microversion=${version}`);
  expect([reply.status, reply.body.openapi, reply.body.info.version]).toEqual([
    200,
    '3.1.0',
    version,
  ]);
  return reply.body.paths;
}

describe('the OpenAPI document', () => {
  it('has the calls of its microversion', async () => {
    const [old, newer] = [await pathsOf('2.1'), await pathsOf('2.104')];
    expect(old['/os-networks']?.['get']).toBeDefined();
    expect(newer['/os-networks']?.['get']).toBeUndefined();
    expect(old['/servers/{server_id}/tags']).toBeUndefined();
    expect(newer['/servers/{server_id}/tags']?.['get']?.parameters).toContainEqual({
      name: 'server_id',
      in: 'path',
      required: true,
      schema: { type: 'string' },
    });
    expect(Object.keys(newer['/os-cells']?.['get']?.responses ?? {})).toEqual(['410', 'default']);
  });

  it('has bodies, codes and parameters by microversion', async () => {
    const [old, newer] = [await pathsOf('2.1'), await pathsOf('2.92')];
    const codes = (paths: Paths) => Object.keys(paths['/os-keypairs']?.['post']?.responses ?? {});
    expect([codes(old), codes(newer)]).toEqual([
      ['200', 'default'],
      ['201', 'default'],
    ]);
    const body = (paths: Paths) =>
      JSON.stringify(paths['/servers']?.['post']?.requestBody?.content['application/json']);
    expect(body(old)).not.toContain('"tags"');
    expect(body(newer)).toContain('"tags"');
    const actions = newer['/servers/{server_id}/action']?.['post']?.requestBody;
    expect(JSON.stringify(actions)).toContain('"os-stop"');
    expect(JSON.stringify(actions)).not.toContain('"os-getVNCConsole"');
  });

  it('names each call once, in every microversion', () => {
    for (let minor = 1; minor <= 104; minor += 1) {
      const { paths } = openApiDocument(computeRoutes, minor) as { paths: Paths };
      const names = Object.values(paths).flatMap((path) => Object.values(path));
      expect(names.length).toBeGreaterThan(100);
      for (const { responses } of names) expect(Object.keys(responses)).toContain('default');
    }
  });

  it('is of the request’s version, and of none that is unknown', async () => {
    const own = await cloud.get('/openapi.json', { version: '2.60' });
    expect(own.body.info.version).toBe('2.60');
    expect((await cloud.get('/openapi.json?microversion=2.1000')).status).toBe(400);
    expect((await cloud.get('/openapi.json?microversion=x')).status).toBe(400);
  });
});

describe('versions below a version', () => {
  it('are found by id', async () => {
    const { status, body } = await cloud.get('/versions/v2.1');
    expect([status, body.version.id, body.version.version]).toEqual([200, 'v2.1', '2.104']);
    expect((await cloud.get('/versions/v3')).status).toBe(404);
  });
});
