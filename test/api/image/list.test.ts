import { beforeEach, describe, expect, it } from 'vitest';
import { call, type ImageCloud, imageCloud, projects } from './image-cloud.ts';

let cloud: ImageCloud;

interface Page {
  readonly images: readonly { readonly id: string; readonly name: string | null }[];
  readonly first: string;
  readonly next?: string;
  readonly schema: string;
}

async function create(who: string, name: string, body: object = {}): Promise<string> {
  cloud.clock.nowMs += 1000;
  const formats = { disk_format: 'raw', container_format: 'bare' };
  const answer = await call(cloud.app, who, 'POST /image/v2/images', {
    body: { name, ...formats, ...body },
  });
  expect(answer.status).toBe(201);
  return answer.json<{ id: string }>().id;
}

async function fill(id: string, bytes: number): Promise<void> {
  const body = Buffer.alloc(bytes);
  const answer = await call(cloud.app, 'admin', `PUT /image/v2/images/${id}/file`, { body });
  expect(answer.status).toBe(204);
}

async function page(who: string, query = ''): Promise<Page> {
  const answer = await call(cloud.app, who, `GET /image/v2/images${query}`);
  expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
  return answer.json<Page>();
}

async function names(who: string, query = ''): Promise<readonly (string | null)[]> {
  return (await page(who, query)).images.map((image) => image.name);
}

beforeEach(() => {
  cloud = imageCloud();
});

describe('what a list shows', () => {
  it('own, public and accepted images; community ones only when asked for; all to administrators', async () => {
    await create('red', 'own');
    await create('red', 'own-community', { visibility: 'community' });
    await create('blue', 'private', { visibility: 'private' });
    await create('blue', 'shared');
    await create('blue', 'community', { visibility: 'community' });
    await create('admin', 'public', { visibility: 'public' });
    await create('red', 'hidden', { os_hidden: true });
    expect(await names('red')).toEqual(['public', 'own-community', 'own']);
    expect(await names('red', '?visibility=community')).toEqual(['community', 'own-community']);
    expect(await names('red', '?visibility=public')).toEqual(['public']);
    expect(await names('red', '?visibility=all')).toEqual([
      'public',
      'community',
      'own-community',
      'own',
    ]);
    expect(await names('red', '?os_hidden=true')).toEqual(['hidden']);
    expect(await names('admin')).toEqual(['public', 'shared', 'private', 'own']);
  });
});

describe('filters', () => {
  beforeEach(async () => {
    await fill(await create('red', 'small', { tags: ['x', 'y'], hw: 'a' }), 10);
    await fill(await create('red', 'big', { tags: ['x'], min_disk: 2, protected: true }), 1000);
    await create('red', 'waiting, long', { disk_format: 'iso', container_format: 'ovf' });
  });

  it.each([
    ['?name=small', ['small']],
    ['?name=in:small,%22waiting,%20long%22', ['waiting, long', 'small']],
    ['?status=active', ['big', 'small']],
    ['?status=in:active,queued&disk_format=iso', ['waiting, long']],
    ['?container_format=ovf', ['waiting, long']],
    ['?tag=x', ['big', 'small']],
    ['?tag=x&tag=y', ['small']],
    ['?size=10', ['small']],
    ['?size_min=11', ['big']],
    ['?size_min=5&size_max=20', ['small']],
    ['?min_disk=2', ['big']],
    ['?protected=true', ['big']],
    ['?hw=a', ['small']],
    ['?unknown=a', []],
    [`?owner=${projects.red}&name=big`, ['big']],
    [`?owner=${projects.blue}`, []],
    ['?created_at=gt:2026-01-31T12:00:02Z', ['waiting, long']],
    ['?created_at=lte:2026-01-31T12:00:01Z', ['small']],
    ['?created_at=2026-01-31T12:00:02Z', ['big']],
    ['?created_at=neq:2026-01-31T14:00:02%2B02:00', ['waiting, long', 'small']],
    ['?checksum=a63c90cc3684ad8b0a2176a6a8fe9005', ['small']],
  ])('%s gives %j', async (query, expected) => {
    expect(await names('red', query)).toEqual(expected);
  });

  it.each([
    ['?visibility=nonsense', 'Invalid visibility value: nonsense'],
    ['?member_status=nonsense', 'Invalid status: nonsense'],
    ['?size_min=many', 'Unable to filter on a range with a non-numeric value.'],
    ['?status=like:a', 'Unable to filter by unknown operator &#x27;like&#x27;.'],
    ['?name=in:%22a', 'Invalid filter value'],
    ['?created_at=gt:yesterday', 'Bad &quot;created_at&quot; query filter format.'],
    ['?updated_at=near:2026-01-31T12:00:02Z', 'Unable to filter on a unknown operator.'],
    ['?protected=maybe', 'Invalid value &#x27;maybe&#x27; for &#x27;protected&#x27; filter.'],
    ['?os_hidden=maybe', 'for &#x27;os_hidden&#x27; filter'],
    ['?limit=-1', 'limit param must be positive'],
    ['?limit=x', 'limit param must be an integer'],
    ['?sort_key=colour', 'Invalid sort key: colour.'],
    ['?sort_dir=up', 'Invalid sort direction: up'],
    ['?sort=name:up', 'Invalid sort direction: up'],
    ['?sort=name&sort_key=id', 'Old and new sorting syntax cannot be combined'],
    ['?sort_key=name&sort_dir=asc&sort_dir=desc', 'Number of sort dirs does not match'],
    ['?changes-since=2026-01-31T12:00:02Z', 'no longer available on v2'],
    ['?marker=nothing', 'No image found with ID nothing'],
  ])('%s is refused', async (query, words) => {
    const answer = await call(cloud.app, 'red', `GET /image/v2/images${query}`);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(words)]);
  });
});

describe('order and pages', () => {
  beforeEach(async () => {
    await fill(await create('red', 'b'), 30);
    await fill(await create('red', 'a'), 20);
    await create('red', 'c');
  });

  it.each([
    ['', ['c', 'a', 'b']],
    ['?sort_key=name&sort_dir=asc', ['a', 'b', 'c']],
    ['?sort_key=name', ['c', 'b', 'a']],
    ['?sort=size:desc', ['b', 'a', 'c']],
    ['?sort=size', ['b', 'a', 'c']],
    ['?sort=size:asc,name:desc', ['c', 'a', 'b']],
    ['?sort_key=status&sort_key=name&sort_dir=asc&sort_dir=desc', ['b', 'a', 'c']],
  ])('%s gives %j', async (query, expected) => {
    expect(await names('red', query)).toEqual(expected);
  });

  it('pages lead on by next until one is not full', async () => {
    const first = await page('red', '?limit=2&sort=name:asc');
    expect(first.images.map((image) => image.name)).toEqual(['a', 'b']);
    expect(first.first).toBe('/v2/images?limit=2&sort=name%3Aasc');
    expect(first.schema).toBe('/v2/schemas/images');
    const marker = first.images[1]?.id ?? '';
    expect(first.next).toBe(`/v2/images?limit=2&sort=name%3Aasc&marker=${marker}`);
    const second = await page('red', String(first.next).slice('/v2/images'.length));
    expect(second.images.map((image) => image.name)).toEqual(['c']);
    expect(second.next).toBeUndefined();
  });

  it('a page holds 25 unless more are asked for, and an empty list needs no next', async () => {
    for (let count = 0; count < 24; count += 1) await create('red', `n${count}`);
    const short = await page('red');
    expect(short.images.length).toBe(25);
    expect(short.next).toBeDefined();
    expect((await page('red', '?limit=5000')).images.length).toBe(27);
    expect(await page('blue')).toEqual({
      images: [],
      first: '/v2/images',
      schema: '/v2/schemas/images',
    });
    expect((await page('red', '?limit=0')).images).toEqual([]);
  });
});
