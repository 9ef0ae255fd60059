// Which rows of the route table a path names.
import { describe, expect, it } from 'vitest';
import { PathTable } from '#api/compute/path-table.ts';
import type { ComputeRoute } from '#api/compute/route.ts';
import { serverCloud } from './server-cloud.ts';

const row = (method: ComputeRoute['method'], path: string, since = 0): ComputeRoute => ({
  method,
  path,
  since,
  handler: () => path,
});
const table = new PathTable([
  row('GET', ''),
  row('GET', '/servers'),
  row('GET', '/servers/detail'),
  row('GET', '/servers/:server_id'),
  row('PUT', '/servers/:server_id'),
  row('GET', '/servers/:server_id/tags/:tag', 26),
  row('GET', '/servers/:id/consoles/:console_id'),
  row('PUT', '/services/:id'),
  row('PUT', '/services/:id', 53),
]);

describe('a path', () => {
  it.each<[string, string, string, Record<string, string>]>([
    ['GET', '/servers', '/servers', {}],
    ['GET', '/servers/', '/servers', {}],
    ['GET', '/servers/detail', '/servers/detail', {}],
    ['GET', '/servers/x', '/servers/:server_id', { server_id: 'x' }],
    ['PUT', '/servers/detail', '/servers/:server_id', { server_id: 'detail' }],
    ['GET', '/servers/a%2Fb', '/servers/:server_id', { server_id: 'a/b' }],
    [
      'GET',
      '/servers/x/tags/%F0%9F%9A%80',
      '/servers/:server_id/tags/:tag',
      { server_id: 'x', tag: '🚀' },
    ],
    [
      'GET',
      '/servers/x/consoles/y',
      '/servers/:id/consoles/:console_id',
      { id: 'x', console_id: 'y' },
    ],
    ['GET', '/abc-123/servers', '/servers', { project_id: 'abc-123' }],
    ['GET', '/abc/servers/x', '/servers/:server_id', { server_id: 'x', project_id: 'abc' }],
    ['GET', '/abc', '', { project_id: 'abc' }],
    ['GET', '/', '', {}],
  ])('%s %s is %s', (method, path, expected, params) => {
    const found = table.find(method, path);
    expect([found?.rows[0]?.path, found?.params]).toEqual([expected, params]);
  });

  it.each([
    ['GET', '/nothing'],
    ['GET', '/servers/x/y'],
    ['GET', '/servers/x/tags'],
    ['DELETE', '/servers'],
    ['GET', '/xyz/servers'],
    ['GET', '/abc/def/servers'],
  ])('%s %s is unknown', (method, path) => {
    expect(table.find(method, path)).toBeUndefined();
  });

  it('names all rows that differ in versions', () => {
    expect(table.find('PUT', '/services/1')?.rows.map(({ since }) => since)).toEqual([0, 53]);
  });

  it('may have doubled slashes and one at the end', async () => {
    const cloud = await serverCloud();
    const statuses = [];
    for (const url of ['//compute//v2.1//servers', '/compute/v2.1/servers/'])
      statuses.push(
        (await cloud.app.inject({ url, headers: { 'x-auth-token': 'anna' } })).statusCode,
      );
    expect(statuses).toEqual([200, 200]);
  });
});
