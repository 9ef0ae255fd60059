// Whatever a client sends, the service answers in its envelope and never with a 500; refused requests change nothing.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMAGE, NETWORK, serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const id = await cloud.bootActive();
const latest = '2.104';

const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', ' ', '\u0000', '\ud800', '__proto__', 'constructor', 'x'.repeat(300), '🚀'),
  fc.constantFrom(IMAGE, NETWORK, id, 'true', '0', '-1', '9'.repeat(30), '(', 'a:b:c', '../..'),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(word, tie('value'), { maxKeys: 3 }),
  ),
})).value;

const fields = [
  'name imageRef flavorRef adminPass metadata networks OS-DCF:diskConfig accessIPv4 accessIPv6',
  'availability_zone block_device_mapping block_device_mapping_v2 config_drive key_name min_count',
  'max_count return_reservation_id security_groups user_data description tags host hostname',
  'hypervisor_hostname trusted_image_certificates personality',
]
  .join(' ')
  .split(' ');
const usual = {
  name: 'vm',
  imageRef: IMAGE,
  flavorRef: '42',
  networks: [{ uuid: NETWORK }],
  min_count: 1,
};
/** A usual request with some fields replaced by anything. */
const createBody = fc
  .tuple(fc.dictionary(fc.constantFrom(...fields), json, { minKeys: 1, maxKeys: 3 }), json)
  .map(([changes, hints]) => ({ server: { ...usual, ...changes }, 'os:scheduler_hints': hints }));

/** What is wrong with a reply; undefined for nothing. */
function complaint({ status, text }: { status: number; text: string }): string | undefined {
  if (status >= 500) return `${status} ${text}`;
  if (status < 400 || !text.startsWith('{')) return undefined;
  const body: Readonly<Record<string, unknown>> = JSON.parse(text);
  if (body['title'] !== undefined) return undefined;
  const [fault] = Object.values(body) as { code?: unknown; message?: unknown }[];
  const isEnvelope =
    Object.keys(body).length === 1 && fault?.code === status && typeof fault.message === 'string';
  return isEnvelope ? undefined : text;
}
const runs = { numRuns: 250, seed: 11 };

describe('a strange request', () => {
  it('to create is answered, and changes nothing if refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        createBody,
        fc.constantFrom('2.1', '2.56', latest),
        async (body, version) => {
          const before = cloud.cluster.events.length;
          const reply = await cloud.call('POST', '/servers', body, { version });
          expect(complaint(reply)).toBeUndefined();
          const isChanged = cloud.cluster.events.length > before;
          expect(isChanged).toBe(reply.status === 202);
        },
      ),
      runs,
    );
  });

  it.each(['POST', 'PUT'] as const)('of any JSON to any path by %s is answered', async (method) => {
    const path = fc.constantFrom(
      '/servers',
      `/servers/${id}`,
      `/servers/${id}/action`,
      `/servers/${id}/metadata`,
      `/servers/${id}/metadata/a`,
      `/servers/${id}/tags`,
      `/servers/${id}/tags/a`,
    );
    const action = fc.constantFrom(
      'reboot',
      'lock',
      'unlock',
      'os-getConsoleOutput',
      'metadata',
      'meta',
      'server',
      'tags',
    );
    const body = fc.oneof(
      json,
      fc.tuple(action, json).map(([name, value]) => ({ [name]: value })),
    );
    await fc.assert(
      fc.asyncProperty(path, body, async (url, payload) => {
        expect(
          complaint(await cloud.call(method, url, payload, { version: latest })),
        ).toBeUndefined();
      }),
      runs,
    );
  });

  it('with any query is answered', async () => {
    const name = fc.oneof(
      fc.constantFrom('name', 'status', 'limit', 'marker', 'sort_key', 'sort_dir', 'ip', 'tags'),
      fc.constantFrom('changes-since', 'all_tenants', 'deleted', 'locked', 'host', 'flavor', '_x'),
      word,
    );
    const query = fc
      .array(fc.tuple(name, word), { maxLength: 4 })
      .map((pairs) =>
        pairs
          .map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join('='))
          .join('&'),
      );
    await fc.assert(
      fc.asyncProperty(
        query,
        fc.constantFrom('2.1', '2.74', latest),
        fc.constantFrom('anna', 'admin'),
        async (text, version, as) => {
          expect(
            complaint(await cloud.get(`/servers/detail?${text}`, { version, as })),
          ).toBeUndefined();
        },
      ),
      runs,
    );
  });

  it.each([
    '/servers/%',
    '/servers/%ff',
    '/servers/%2e%2e',
    '/servers/a%2Fb',
    '/%2f',
    '/servers/%00',
  ])('for %s is answered', async (path) => {
    const reply = await cloud.get(path);
    expect(reply.status).toBeLessThan(500);
  });

  it.each([
    ['nested beyond all bounds', `{"server": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['a number beyond all bounds', '{"server": {"name": "vm", "min_count": 1e999}}'],
    ['half a character', '{"server": {"name": "vm", "metadata": {"a": "\\ud800"}}}'],
    ['half a character in a key', '{"server": {"\\udfff": 1}}'],
  ])('with %s is malformed', async (_name, payload) => {
    const reply = await cloud.app.inject({
      method: 'POST',
      url: '/compute/v2.1/servers',
      headers: { 'x-auth-token': 'anna', 'content-type': 'application/json' },
      payload,
    });
    expect([reply.statusCode, reply.json()]).toEqual([
      400,
      { badRequest: { code: 400, message: 'Malformed request body' } },
    ]);
  });
});
