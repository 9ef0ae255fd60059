// Metadata definitions over HTTP: what clients of Glance write and read, who may, and in which words it is refused.
import type { FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { call, imageCloud, projects } from './image-cloud.ts';

const NAMESPACES = '/image/v2/metadefs/namespaces';
const AT = '2026-01-31T12:00:00Z';

let app: FastifyInstance;
let clock: { nowMs: number };
beforeEach(() => {
  ({ app, clock } = imageCloud());
});

const message = (answer: { text: string }): string =>
  /<\/h1>\s*(.*?)<br/s.exec(answer.text)?.[1]?.replaceAll('&#x27;', "'") ?? answer.text;
const make = (namespace: string, more: object = {}, who = 'admin') =>
  call(app, who, `POST ${NAMESPACES}`, { body: { namespace, ...more } });

describe('a namespace', () => {
  it('is made with all that it starts with, shown, changed and deleted', async () => {
    const made = await make('OS::Test', {
      display_name: 'Test',
      description: 'a test',
      visibility: 'public',
      protected: true,
      resource_type_associations: [{ name: 'OS::Nova::Flavor', prefix: 'hw:' }],
      properties: { cores: { title: 'Cores', type: 'integer', minimum: 1 } },
      objects: [
        {
          name: 'cpu',
          required: ['pin'],
          properties: { pin: { title: 'Pin', type: 'string' } },
        },
      ],
      tags: [{ name: 'fast' }],
    });
    const own = {
      namespace: 'OS::Test',
      display_name: 'Test',
      description: 'a test',
      visibility: 'public',
      protected: true,
      owner: projects.admin,
      created_at: AT,
      updated_at: AT,
      self: '/v2/metadefs/namespaces/OS%3A%3ATest',
      schema: '/v2/schemas/metadefs/namespace',
    };
    const object = {
      name: 'cpu',
      created_at: AT,
      updated_at: AT,
      self: '/v2/metadefs/namespaces/OS%3A%3ATest/objects/cpu',
      schema: '/v2/schemas/metadefs/object',
    };
    const types = [{ name: 'OS::Nova::Flavor', prefix: 'hw:', created_at: AT, updated_at: AT }];
    const whole = {
      ...own,
      resource_type_associations: types,
      properties: { cores: { title: 'Cores', type: 'integer', minimum: 1 } },
      objects: [
        { ...object, required: ['pin'], properties: { pin: { title: 'Pin', type: 'string' } } },
      ],
      tags: [{ name: 'fast' }],
    };
    expect([made.status, made.headers['location'], made.json()]).toEqual([
      201,
      '/v2/metadefs/namespaces/OS%3A%3ATest',
      whole,
    ]);
    expect((await call(app, 'red-reader', `GET ${NAMESPACES}/OS::Test`)).json()).toEqual(whole);
    const query = '?resource_type=OS::Nova::Flavor';
    expect((await call(app, 'red', `GET ${NAMESPACES}/OS::Test${query}`)).json()).toMatchObject({
      properties: { 'hw:cores': { title: 'Cores' } },
      objects: [{ required: ['hw:pin'], properties: { 'hw:pin': { title: 'Pin' } } }],
    });
    const kept = await call(app, 'admin', `DELETE ${NAMESPACES}/OS::Test`);
    expect([kept.status, message(kept)]).toEqual([
      403,
      'Metadata definition namespace OS::Test is protected and cannot be deleted.',
    ]);
    clock.nowMs += 60_000;
    const changed = await call(app, 'admin', `PUT ${NAMESPACES}/OS::Test`, {
      body: { namespace: 'OS::Renamed', visibility: 'private' },
    });
    expect([changed.status, changed.json()]).toEqual([
      200,
      {
        namespace: 'OS::Renamed',
        visibility: 'private',
        protected: false,
        owner: projects.admin,
        created_at: AT,
        updated_at: '2026-01-31T12:01:00Z',
        self: '/v2/metadefs/namespaces/OS%3A%3ARenamed',
        schema: '/v2/schemas/metadefs/namespace',
      },
    ]);
    expect((await call(app, 'red', `GET ${NAMESPACES}/OS::Renamed`)).status).toBe(404);
    expect((await call(app, 'admin', `DELETE ${NAMESPACES}/OS::Renamed`)).status).toBe(204);
    const gone = await call(app, 'admin', `GET ${NAMESPACES}/OS::Renamed`);
    expect([gone.status, message(gone)]).toEqual([
      404,
      'Metadata definition namespace=OS::Renamed was not found.',
    ]);
  });

  it.each([
    ['no body', undefined, 400, 'Body expected in request.'],
    [
      'no name',
      { description: 'x' },
      400,
      "Provided object does not match schema 'namespace': 'namespace' is a required property",
    ],
    [
      'a foreign member',
      { namespace: 'n', colour: 'red' },
      400,
      "Provided object does not match schema 'namespace': Additional properties are not allowed ('colour' was unexpected)",
    ],
    ['a told member', { namespace: 'n', self: '/' }, 403, "Attribute 'self' is read-only."],
    [
      'a property without a type',
      { namespace: 'n', properties: { a: { title: 'A' } } },
      400,
      /'type' is a required property/,
    ],
    [
      'a length below nothing',
      { namespace: 'n', properties: { a: { title: 'A', type: 'string', minLength: -1 } } },
      400,
      /-1 is less than the minimum of 0/,
    ],
    [
      'a name twice among the required',
      { namespace: 'n', objects: [{ name: 'o', required: ['a', 'a'] }] },
      400,
      /\['a', 'a'\] has non-unique elements/,
    ],
    [
      'a tag twice',
      { namespace: 'n', tags: [{ name: 'a' }, { name: 'A' }] },
      409,
      'A metadata tag with name=A already exists in namespace=n. (Please note that metadata tag names are case insensitive).',
    ],
  ])('with %s is refused', async (_what, body, status, words) => {
    const answer = await call(app, 'admin', `POST ${NAMESPACES}`, { body });
    expect(answer.status).toBe(status);
    expect(message(answer)).toMatch(words instanceof RegExp ? words : plain(words));
    expect((await call(app, 'admin', `GET ${NAMESPACES}`)).json()).toMatchObject({
      namespaces: [],
    });
  });

  it('of a name that is taken is refused, also by renaming', async () => {
    await make('a');
    await make('b');
    for (const answer of [
      await make('a'),
      await call(app, 'admin', `PUT ${NAMESPACES}/b`, { body: { namespace: 'a' } }),
    ])
      expect([answer.status, message(answer)]).toEqual([
        409,
        'The metadata definition namespace=a already exists.',
      ]);
  });

  it('is made and changed by administrators alone, and private ones are not seen by others', async () => {
    await make('open', { visibility: 'public' });
    await make('reds', { owner: projects.red });
    await make('blues', { owner: projects.blue });
    const seen = async (who: string) => {
      const { namespaces } = (
        await call(app, who, `GET ${NAMESPACES}?sort_key=namespace&sort_dir=asc`)
      ).json<{ namespaces: { namespace: string }[] }>();
      return namespaces.map(({ namespace }) => namespace);
    };
    expect(await Promise.all(['admin', 'red-reader', 'blue'].map(seen))).toEqual([
      ['blues', 'open', 'reds'],
      ['open', 'reds'],
      ['blues', 'open'],
    ]);
    const body = { namespace: 'open' };
    expect((await make('more', {}, 'red')).status).toBe(403);
    const refused = await call(app, 'red', `PUT ${NAMESPACES}/open`, { body });
    expect([refused.status, message(refused)]).toEqual([
      403,
      'You are not authorized to complete modify_metadef_namespace action.',
    ]);
    expect((await call(app, 'red', `DELETE ${NAMESPACES}/open`)).status).toBe(403);
    expect((await call(app, 'red', `DELETE ${NAMESPACES}/blues`)).status).toBe(404);
    expect((await call(app, 'red', `DELETE ${NAMESPACES}/open/tags`)).status).toBe(403);
  });

  it('list is filtered, and told in pages', async () => {
    await make('c', { resource_type_associations: [{ name: 'OS::Nova::Server' }] });
    await make('a', { visibility: 'public' });
    await make('b');
    const list = async (query: string) =>
      (await call(app, 'admin', `GET ${NAMESPACES}${query}`)).json<{
        namespaces: { namespace: string }[];
        next?: string;
      }>();
    const names = async (query: string) =>
      (await list(query)).namespaces.map(({ namespace }) => namespace);
    expect(await names('?visibility=public')).toEqual(['a']);
    expect(await names('?resource_types=OS::Nova::Server,OS::Nova::Flavor')).toEqual(['c']);
    const first = await list('?limit=2&sort_key=namespace&sort_dir=asc');
    expect(first).toMatchObject({
      namespaces: [{ namespace: 'a' }, { namespace: 'b' }],
      first: '/v2/metadefs/namespaces?limit=2&sort_key=namespace&sort_dir=asc',
      next: '/v2/metadefs/namespaces?limit=2&sort_key=namespace&sort_dir=asc&marker=b',
    });
    expect(await names(`?${first.next?.split('?')[1]}`)).toEqual(['c']);
    for (const [query, status] of [
      ['?limit=x', 400],
      ['?limit=-1', 400],
      ['?sort_dir=up', 400],
      ['?visibility=shared', 400],
      ['?marker=nobody', 404],
    ] as const)
      expect((await call(app, 'admin', `GET ${NAMESPACES}${query}`)).status).toBe(status);
  });
});

describe('what a namespace holds', () => {
  beforeEach(async () => {
    await make('n', { visibility: 'public' });
  });
  const at = (path: string, who = 'admin', body?: unknown) => {
    const [method = '', rest = ''] = path.split(' ');
    return call(app, who, `${method} ${NAMESPACES}/n/${rest}`, body === undefined ? {} : { body });
  };

  it.each([
    ['properties', 'property', { title: 'T', type: 'string' }],
    ['objects', 'object', { description: 'an object' }],
  ])('%s are added, shown, renamed, removed', async (plural, word, more) => {
    const made = await at(`POST ${plural}`, 'admin', { name: 'one', ...more });
    expect([made.status, made.json()]).toMatchObject([201, { name: 'one', ...more }]);
    const again = await at(`POST ${plural}`, 'admin', { name: 'one', ...more });
    expect([again.status, message(again)]).toEqual([
      409,
      `A metadata definition ${word} with name=one already exists in namespace=n.`,
    ]);
    expect((await at(`POST ${plural}`, 'red', { name: 'two', ...more })).status).toBe(403);
    expect((await at(`GET ${plural}/one`, 'red')).json()).toEqual(made.json());
    const renamed = await at(`PUT ${plural}/one`, 'admin', { name: 'two', ...more });
    expect([renamed.status, renamed.json()]).toMatchObject([200, { name: 'two', ...more }]);
    const missing = await at(`GET ${plural}/one`);
    expect([missing.status, message(missing)]).toEqual([
      404,
      `The metadata definition ${word} with name=one was not found in namespace=n.`,
    ]);
    expect((await at(`DELETE ${plural}/two`)).status).toBe(204);
    expect((await at(`DELETE ${plural}/two`)).status).toBe(404);
    await at(`POST ${plural}`, 'admin', { name: 'three', ...more });
    expect((await at(`DELETE ${plural}`)).status).toBe(204);
    const left = (await at(`GET ${plural}`)).json()[plural];
    expect(left).toEqual(plural === 'properties' ? {} : []);
  });

  it('properties are told with the prefix of a resource type where that is asked for', async () => {
    await at('POST resource_types', 'admin', { name: 'OS::Nova::Server', prefix: 'hw_' });
    await at('POST properties', 'admin', { name: 'cores', title: 'Cores', type: 'integer' });
    const query = '?resource_type=OS::Nova::Server';
    expect((await at(`GET properties/hw_cores${query}`)).json()).toMatchObject({ name: 'cores' });
    expect((await at(`GET properties/cores${query}`)).status).toBe(404);
  });

  it('tags are made by name or many at once, in place of those before unless added', async () => {
    expect((await at('POST tags/One')).json()).toEqual({
      name: 'One',
      created_at: AT,
      updated_at: AT,
    });
    expect((await at('POST tags/one')).status).toBe(409);
    const many = { tags: [{ name: 'b' }, { name: 'a' }] };
    expect((await at('POST tags', 'admin', many)).json()).toEqual(many);
    const sorted = async () => {
      const { tags } = (await at('GET tags?sort_key=name&sort_dir=asc')).json<{
        tags: { name: string }[];
      }>();
      return tags.map(({ name }) => name);
    };
    expect(await sorted()).toEqual(['a', 'b']);
    const added = await call(app, 'admin', `POST ${NAMESPACES}/n/tags`, {
      body: { tags: [{ name: 'c' }] },
      headers: { 'x-openstack-append': 'True' },
    });
    expect([added.status, await sorted()]).toEqual([201, ['a', 'b', 'c']]);
    expect((await at('PUT tags/A', 'admin', { name: 'd' })).json()).toMatchObject({ name: 'd' });
    expect((await at('DELETE tags/D')).status).toBe(204);
    expect((await at('DELETE tags')).status).toBe(204);
    expect(await sorted()).toEqual([]);
  });

  it('resource types are associated, and stay known afterwards', async () => {
    const made = await at('POST resource_types', 'admin', {
      name: 'My::Type',
      prefix: 'my_',
      properties_target: 'image',
    });
    expect([made.status, made.json()]).toMatchObject([
      201,
      { name: 'My::Type', prefix: 'my_', properties_target: 'image' },
    ]);
    expect((await at('POST resource_types', 'admin', { name: 'My::Type' })).status).toBe(409);
    expect((await at('GET resource_types', 'red')).json()).toEqual({
      resource_type_associations: [made.json()],
    });
    expect((await at('DELETE resource_types/My::Type')).status).toBe(204);
    const gone = await at('DELETE resource_types/My::Type');
    expect([gone.status, message(gone)]).toEqual([
      404,
      'Failed to find resource type My::Type to delete',
    ]);
    const known = (await call(app, 'red', 'GET /image/v2/metadefs/resource_types')).json<{
      resource_types: { name: string }[];
    }>();
    expect(known.resource_types.map(({ name }) => name)).toEqual([
      'OS::Cinder::Volume',
      'OS::Glance::Image',
      'OS::Nova::Aggregate',
      'OS::Nova::Flavor',
      'OS::Nova::Server',
      'OS::Trove::Instance',
      'My::Type',
    ]);
  });
});

it.each([
  ['namespace', 'namespace'],
  ['namespaces', 'namespaces'],
  ['resource_type', 'resource_type_association'],
  ['resource_types', 'resource_type_associations'],
  ['property', 'property'],
  ['properties', 'properties'],
  ['object', 'object'],
  ['objects', 'objects'],
  ['tag', 'tag'],
  ['tags', 'tags'],
])('the schema %s is that of a %s', async (path, name) => {
  const answer = await call(app, 'red', `GET /image/v2/schemas/metadefs/${path}`);
  expect([answer.status, answer.json()]).toMatchObject([200, { name }]);
});

function plain(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}
