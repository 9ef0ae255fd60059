// What Placement 8.0 (Debian 12, SQLite) answered to the same requests, in order, from an empty start: recorded/*.golden.json.
// Left out of the comparison: ids that are made by chance, the order of lists, what a JSON library says below its first
// line, and where that version answers 500 or counts a consumer that holds nothing.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type PlacementCloud, placementCloud } from './placement-cloud.ts';

interface Recorded {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
  readonly version?: string;
  /** Text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without one the request only leads up to those after it. */
  readonly status?: number;
  readonly location?: string;
  /** Of the list of answers. */
  readonly answer?: number;
}

interface Recording {
  readonly answers: readonly unknown[];
  readonly requests: readonly Recorded[];
}

function recording(name: string): Recording {
  const file = new URL(`recorded/${name}.golden.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Recording;
}

const chance = /[0-9a-f]{8}-[0-9a-f]{4}-4(?!000)[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g;

function normal(value: unknown, key?: string): unknown {
  if (Array.isArray(value))
    return value
      .map((item: unknown) => normal(item))
      .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => name !== 'request_id')
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, item]) => [name, normal(item, name)]),
    );
  if (typeof value !== 'string') return value;
  const text = value.replace(/^\/placement/, '').replaceAll(chance, 'RANDOM');
  const [words = ''] = text.split(/\s*Failed validating/);
  if (key !== 'detail') return text;
  return words
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/(invalid version string: [^;]*);.*/, '$1');
}

async function replay(
  cloud: PlacementCloud,
  { method, path, version, body, headers }: Recorded,
): ReturnType<PlacementCloud['call']> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  return cloud.call(path === '/' ? '' : path, {
    method,
    ...(version === undefined ? {} : { version }),
    ...(body === undefined ? {} : { body: payload }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
}

it.each(['providers', 'allocations', 'candidates'])('%s', async (name) => {
  const { answers, requests } = recording(name);
  const cloud = placementCloud();
  let compared = 0;
  for (const request of requests) {
    const given = await replay(cloud, request);
    const { status, location, answer } = request;
    if (status === undefined) continue;
    compared += 1;
    const wanted = { status, location, body: answer === undefined ? undefined : answers[answer] };
    const got = {
      status: given.status,
      location: (given.headers['location'] as string | undefined)?.replace(
        /^http:\/\/[^/]+\/placement/,
        '',
      ),
      body: wanted.body === undefined ? undefined : given.body,
    };
    expect({ request, ...(normal(got) as object) }).toEqual({
      request,
      ...(normal(wanted) as object),
    });
  }
  expect(compared).toBeGreaterThan(200);
});
