import { beforeEach, expect, it } from 'vitest';
import { type Answer, call, type ImageCloud, imageCloud, projects } from './image-cloud.ts';

let cloud: ImageCloud;
let id: string;
const as = (who: string, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });
const members = (): string => `/image/v2/images/${id}/members`;

async function listed(who: string, query = ''): Promise<readonly string[]> {
  const answer = await as(who, `GET /image/v2/images${query}`);
  return answer.json<{ images: { id: string }[] }>().images.map((image) => image.id);
}

beforeEach(async () => {
  cloud = imageCloud();
  id = (await as('red', 'POST /image/v2/images', {})).json<{ id: string }>().id;
});

it('a shared image is seen at once, and listed when the member has accepted it', async () => {
  const added = await as('red', `POST ${members()}`, { member: projects.blue });
  const member = {
    member_id: projects.blue,
    image_id: id,
    status: 'pending',
    created_at: '2026-01-31T12:00:00Z',
    updated_at: '2026-01-31T12:00:00Z',
    schema: '/v2/schemas/member',
  };
  expect([added.status, added.json()]).toEqual([200, member]);
  expect((await as('blue', `GET /image/v2/images/${id}`)).status).toBe(200);
  expect(await listed('blue')).toEqual([]);
  expect(await listed('blue', '?visibility=shared&member_status=pending')).toEqual([id]);
  cloud.clock.nowMs += 5000;
  const accepted = await as('blue', `PUT ${members()}/${projects.blue}`, { status: 'accepted' });
  const now = { ...member, status: 'accepted', updated_at: '2026-01-31T12:00:05Z' };
  expect([accepted.status, accepted.json()]).toEqual([200, now]);
  expect(await listed('blue')).toEqual([id]);
  for (const who of ['red', 'blue', 'admin'])
    expect((await as(who, `GET ${members()}`)).json()).toEqual({
      members: [now],
      schema: '/v2/schemas/members',
    });
  expect((await as('red', `GET ${members()}/${projects.blue}`)).json()).toEqual(now);
});

it('a rejected or removed member lists the image no more', async () => {
  await as('red', `POST ${members()}`, { member: projects.blue });
  await as('blue', `PUT ${members()}/${projects.blue}`, { status: 'accepted' });
  await as('blue', `PUT ${members()}/${projects.blue}`, { status: 'rejected' });
  expect(await listed('blue')).toEqual([]);
  const removed = await as('red', `DELETE ${members()}/${projects.blue}`);
  expect([removed.status, removed.text]).toEqual([204, '']);
  expect((await as('blue', `GET /image/v2/images/${id}`)).status).toBe(404);
  expect((await as('red', `DELETE ${members()}/${projects.blue}`)).status).toBe(404);
});

it('only the owner adds and removes, only the member decides', async () => {
  await as('red', `POST ${members()}`, { member: projects.blue });
  const self = `${members()}/${projects.blue}`;
  expect((await as('red', `PUT ${self}`, { status: 'accepted' })).status).toBe(403);
  expect((await as('red-reader', `POST ${members()}`, { member: 'other' })).status).toBe(403);
  expect((await as('blue', `POST ${members()}`, { member: 'other' })).status).toBe(403);
  expect((await as('blue', `DELETE ${self}`)).status).toBe(403);
  expect((await as('admin', `PUT ${self}`, { status: 'accepted' })).status).toBe(200);
});

it('a member sees itself only', async () => {
  await as('red', `POST ${members()}`, { member: projects.blue });
  await as('red', `POST ${members()}`, { member: 'other' });
  const seen = (await as('blue', `GET ${members()}`)).json<{ members: { member_id: string }[] }>();
  expect(seen.members.map((member) => member.member_id)).toEqual([projects.blue]);
  expect((await as('blue', `GET ${members()}/other`)).status).toBe(404);
});

it.each([
  [undefined, 400, 'Body expected in request.'],
  [{}, 400, 'Member to be added not specified'],
  [{ member: '' }, 400, 'Member can&#x27;t be empty'],
  [{ member: 5 }, 400, 'Expected a member in the form'],
  [[], 400, 'Expected a member in the form'],
  [{ member: projects.blue }, 409, `Member ${projects.blue} is duplicated for image`],
])('adding %j is refused with %i', async (body, status, words) => {
  await as('red', `POST ${members()}`, { member: projects.blue });
  const answer = await as('red', `POST ${members()}`, body);
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(words)]);
});

it.each([
  [undefined, 'Body expected in request.'],
  [{}, 'Status not specified'],
  [{ status: 'notavalidstatus' }, 'Status must be &quot;pending&quot;'],
  [[], 'Expected a status in the form'],
])('status %j is refused', async (body, words) => {
  await as('red', `POST ${members()}`, { member: projects.blue });
  const answer = await as('blue', `PUT ${members()}/${projects.blue}`, body);
  expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(words)]);
});

it('images that are not shared have no members', async () => {
  const own = (await as('red', 'POST /image/v2/images', { visibility: 'private' })).json<{
    id: string;
  }>().id;
  const path = `/image/v2/images/${own}/members`;
  expect((await as('red', `GET ${path}`)).status).toBe(403);
  expect((await as('red', `POST ${path}`, { member: projects.blue })).status).toBe(403);
  expect((await as('red', `GET ${path}/${projects.blue}`)).status).toBe(404);
});
