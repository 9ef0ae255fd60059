// What belongs to another project is not there: every call with its id is a 404 of the service, as for an id that nobody
// has, and nothing is changed.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceName } from './envelopes.ts';
import { WatchedCloud } from './watched-cloud.ts';

let cloud: WatchedCloud;
const ids: Record<string, string> = {};

beforeAll(async () => {
  cloud = await WatchedCloud.start();
  const { admin } = cloud.cloud;
  const make = async (path: string, name: string, fields: object): Promise<string> => {
    const made = await admin.ask<Record<string, { id: string }>>('POST', path, { [name]: fields });
    return made[name]?.id ?? '';
  };
  const { images } = await admin.get<{ images: { id: string }[] }>('/image/v2/images');
  ids['network'] = await make('/network/v2.0/networks', 'network', { name: 'own' });
  ids['subnet'] = await make('/network/v2.0/subnets', 'subnet', {
    network_id: ids['network'],
    ip_version: 4,
    cidr: '10.77.0.0/24',
  });
  ids['port'] = await make('/network/v2.0/ports', 'port', { network_id: ids['network'] });
  ids['group'] = await make('/network/v2.0/security-groups', 'security_group', { name: 'own' });
  ids['rule'] = await make('/network/v2.0/security-group-rules', 'security_group_rule', {
    security_group_id: ids['group'],
    direction: 'ingress',
  });
  ids['image'] = (
    await admin.ask<{ id: string }>('POST', '/image/v2/images', {
      name: 'own',
      visibility: 'private',
      disk_format: 'raw',
      container_format: 'bare',
    })
  ).id;
  ids['server'] = await make('/compute/v2.1/servers', 'server', {
    name: 'own',
    imageRef: images[0]?.id,
    flavorRef: '1',
    networks: [{ uuid: ids['network'] }],
    metadata: { key: 'value' },
  });
  // A project gets its default group when it first looks for groups.
  await cloud.cloud.demo.get('/network/v2.0/security-groups');
  await cloud.settle();
});

afterAll(async () => {
  await cloud?.stop();
});

const patch = 'application/openstack-images-v2.1-json-patch';
const server = '/compute/v2.1/servers/{server}';
interface Call {
  readonly service: ServiceName;
  readonly line: string;
  readonly body?: unknown;
}

const rows: readonly (readonly [service: ServiceName, line: string, body?: unknown])[] = [
  ['compute', `GET ${server}`],
  ['compute', `PUT ${server}`, { server: { name: 'mine' } }],
  ['compute', `DELETE ${server}`],
  ...[
    { 'os-stop': null },
    { reboot: { type: 'HARD' } },
    { pause: null },
    { suspend: null },
    { lock: null },
    { forceDelete: null },
    { 'os-getConsoleOutput': {} },
  ].map((action) => ['compute', `POST ${server}/action`, action] as const),
  ['compute', `GET ${server}/metadata`],
  ['compute', `GET ${server}/metadata/key`],
  ['compute', `PUT ${server}/metadata`, { metadata: {} }],
  ['compute', `DELETE ${server}/metadata/key`],
  ['compute', `GET ${server}/tags`],
  ['compute', `PUT ${server}/tags`, { tags: ['mine'] }],
  ['compute', `GET ${server}/ips`],
  ['compute', `GET ${server}/os-instance-actions`],
  ['compute', `GET ${server}/os-security-groups`],
  ['image', 'GET /image/v2/images/{image}'],
  ['image', 'PATCH /image/v2/images/{image}', [{ op: 'replace', path: '/name', value: 'mine' }]],
  ['image', 'DELETE /image/v2/images/{image}'],
  ['image', 'GET /image/v2/images/{image}/file'],
  ['image', 'GET /image/v2/images/{image}/members'],
  ['image', 'PUT /image/v2/images/{image}/tags/mine', {}],
  ['network', 'GET /network/v2.0/networks/{network}'],
  ['network', 'PUT /network/v2.0/networks/{network}', { network: { name: 'mine' } }],
  ['network', 'DELETE /network/v2.0/networks/{network}'],
  ['network', 'GET /network/v2.0/subnets/{subnet}'],
  ['network', 'PUT /network/v2.0/subnets/{subnet}', { subnet: { name: 'mine' } }],
  ['network', 'DELETE /network/v2.0/subnets/{subnet}'],
  ['network', 'GET /network/v2.0/ports/{port}'],
  ['network', 'PUT /network/v2.0/ports/{port}', { port: { name: 'mine' } }],
  ['network', 'DELETE /network/v2.0/ports/{port}'],
  ['network', 'POST /network/v2.0/ports', { port: { network_id: '{network}' } }],
  [
    'network',
    'POST /network/v2.0/subnets',
    { subnet: { network_id: '{network}', ip_version: 4, cidr: '10.78.0.0/24' } },
  ],
  ['network', 'GET /network/v2.0/security-groups/{group}'],
  ['network', 'PUT /network/v2.0/security-groups/{group}', { security_group: { name: 'mine' } }],
  ['network', 'DELETE /network/v2.0/security-groups/{group}'],
  ['network', 'DELETE /network/v2.0/security-group-rules/{rule}'],
  [
    'network',
    'POST /network/v2.0/security-group-rules',
    { security_group_rule: { security_group_id: '{group}', direction: 'ingress' } },
  ],
];

const calls = rows.map(([service, line, body]): Call => ({ service, line, body }));

async function replyTo(
  { service, line, body }: Call,
  idOf: (name: string) => string,
): Promise<{ readonly status: number; readonly text: string }> {
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (_all, name: string) => idOf(name));
  const [method = '', path = ''] = fill(line).split(' ');
  const { status, text } = await cloud.send(service, {
    method,
    path,
    as: 'demo',
    headers: method === 'PATCH' ? { 'content-type': patch } : {},
    ...(body === undefined ? {} : { body: fill(JSON.stringify(body)) }),
  });
  return { status, text };
}

describe('an id of another project', () => {
  it.each(calls)('$line $body is answered as one that nobody has', async (call) => {
    const nobody = randomUUID();
    const theirs = await replyTo(call, (name) => ids[name] ?? '');
    const nobodys = await replyTo(call, () => nobody);
    expect(theirs.status).toBe(404);
    // The words may name the id, and nothing else of it.
    const plain = (text: string): string =>
      Object.values(ids).reduce((rest, id) => rest.replaceAll(id, nobody), text);
    expect({ status: theirs.status, text: plain(theirs.text) }).toEqual(nobodys);
  });

  it('can be put into no server: not as network, port, image or security group', async () => {
    const { images } = await cloud.cloud.demo.get<{ images: { id: string }[] }>('/image/v2/images');
    const { networks } = await cloud.cloud.demo.get<{ networks: { id: string }[] }>(
      '/network/v2.0/networks',
    );
    const usual = {
      name: 'mine',
      imageRef: images[0]?.id,
      flavorRef: '1',
      networks: [{ uuid: networks[0]?.id }],
    };
    for (const changes of [
      { networks: [{ uuid: ids['network'] }] },
      { networks: [{ port: ids['port'] }] },
      { imageRef: ids['image'] },
      { security_groups: [{ name: ids['group'] }] },
    ]) {
      const { status } = await cloud.send('compute', {
        method: 'POST',
        path: '/compute/v2.1/servers',
        as: 'demo',
        body: JSON.stringify({ server: { ...usual, ...changes } }),
      });
      expect({ changes, status }).toEqual({ changes, status: 400 });
    }
  });

  it('is in no list, whatever filter asks for it', async () => {
    for (const [service, path] of [
      ['compute', '/compute/v2.1/servers'],
      ['compute', '/compute/v2.1/servers/detail'],
      ['image', '/image/v2/images'],
      ['network', '/network/v2.0/networks'],
      ['network', '/network/v2.0/subnets'],
      ['network', '/network/v2.0/ports'],
      ['network', '/network/v2.0/security-groups'],
      ['network', '/network/v2.0/security-group-rules'],
    ] as const)
      for (const query of ['', '?name=own', '?project_id=x&all_tenants=1', '?visibility=private']) {
        const { text } = await cloud.send(service, { path: `${path}${query}`, as: 'demo' });
        for (const id of Object.values(ids)) expect(text).not.toContain(id);
      }
  });
});
