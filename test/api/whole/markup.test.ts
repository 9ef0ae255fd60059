// Text with a meaning to XML, HTML, JSON, shells or databases stays text: users get back what they sent, guests are told
// the same, and no error page carries markup of theirs.
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configDriveFiles, findMetadata } from '#actors/domain/metadata-documents.ts';
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import { initialInstance } from '#actors/instance/state.ts';
import { metadataOf } from '#actors/instance/metadata.ts';
import { guestSpec } from '#actors/node/guest-spec.ts';
import { guestDomainXml } from '#hypervisor/libvirt/domain-xml/guest-domain.ts';
import { readXml } from '#hypervisor/libvirt/domain-xml/read.ts';
import type { ServerRow } from '#cli/chaos/api-client.ts';
import { serverRequest } from '#test/support/servers.ts';
import { WatchedCloud } from './watched-cloud.ts';

const nasty = [
  `<&"'>`,
  `</title></domain><domain type='kvm'>`,
  ']]>',
  '<!--',
  '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
  '&#60;script&#62;',
  '<script>alert(1)</script>',
  `'; DROP TABLE servers; --`,
  '$(reboot) `reboot` ${IFS}',
  '{{7*7}} %s%n',
  '../../../etc/passwd',
  '__proto__',
  'שלום right to left',
  'żółw 🐢',
];

let cloud: WatchedCloud;
const usual: Record<string, unknown> = {};
beforeAll(async () => {
  cloud = await WatchedCloud.start();
  const { demo } = cloud.cloud;
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
  const { networks } = await demo.get<{ networks: { id: string }[] }>('/network/v2.0/networks');
  Object.assign(usual, {
    imageRef: images[0]?.id,
    flavorRef: '1',
    networks: [{ uuid: networks[0]?.id }],
  });
});
afterAll(async () => {
  await cloud?.stop();
});

describe.each(nasty)('the text %s', (text) => {
  it('in a name, a description and metadata of a server comes back as it was, and the server runs', async () => {
    const { demo } = cloud.cloud;
    const { server } = await demo.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
      server: {
        ...usual,
        name: text,
        description: text,
        metadata: { note: text },
        user_data: Buffer.from(text).toString('base64'),
        config_drive: true,
      },
    });
    await cloud.settle();
    type Shown = ServerRow & { readonly description: string; readonly metadata: object };
    const shown = await demo.get<{ server: Shown }>(`/compute/v2.1/servers/${server.id}`);
    expect(shown.server).toMatchObject({
      name: text,
      description: text,
      status: 'ACTIVE',
      metadata: { note: text },
    });
    const { status } = await demo.call('POST', `/compute/v2.1/servers/${server.id}/action`, {
      'os-getConsoleOutput': {},
    });
    expect(status).toBe(200);
    await demo.ask('DELETE', `/compute/v2.1/servers/${server.id}`);
    await cloud.settle();
  });

  it('in names of an image, a network, a port and a security group comes back as it was', async () => {
    const { demo } = cloud.cloud;
    const image = await demo.ask<{ name: string }>('POST', '/image/v2/images', {
      name: text,
      disk_format: 'raw',
      container_format: 'bare',
    });
    const { network } = await demo.ask<{ network: { id: string; name: string } }>(
      'POST',
      '/network/v2.0/networks',
      { network: { name: text, description: text } },
    );
    const { port } = await demo.ask<{ port: { name: string } }>('POST', '/network/v2.0/ports', {
      port: { network_id: network.id, name: text },
    });
    const { security_group: group } = await demo.ask<{
      security_group: { id: string; name: string };
    }>('POST', '/network/v2.0/security-groups', { security_group: { name: text } });
    expect([image.name, network.name, port.name, group.name]).toEqual([text, text, text, text]);
    await demo.ask('DELETE', `/network/v2.0/security-groups/${group.id}`);
    await cloud.settle();
  });

  it('in a path or a query is in no page as markup', async () => {
    const part = encodeURIComponent(text);
    for (const path of [`/image/v2/images/${part}`, `/image/v2/images?limit=${part}`]) {
      const reply = await cloud.send('image', { path, headers: { accept: 'text/html' } });
      expect(reply.headers).toMatch(/content-type: text\/html/i);
      const words = reply.text.replaceAll(/<\/?(html|head|title|body|h1)>|<br \/>/g, '');
      expect(words).not.toMatch(/[<>]/);
    }
  });
});

describe('any text', () => {
  const any = fc.string({ unit: 'binary', maxLength: 80 }).map((text) => text.toWellFormed());
  const runs = { seed: 17, numRuns: 200 };
  const id = 'aaaaaaaa-0000-4000-8000-000000000001';

  it('in a name is one text of the domain, nothing else of which changes', () => {
    const xmlFor = (name: string): string => {
      const spec = guestSpec(
        {
          ...serverRequest({ name }),
          serverId: id,
          image: undefined,
          ports: [],
          availabilityZone: 'nova',
        },
        {
          cluster: 'c',
          host: 'h',
          runEpoch: 1,
          rootDisk: '/disk',
          ephemeralDisk: undefined,
          swapDisk: undefined,
          configDrive: undefined,
          consoleLogPath: '/log',
          interfaces: [],
        },
      );
      return guestDomainXml(
        spec,
        { virtType: 'qemu', architecture: 'x86_64', guestUser: 'root' },
        { consoleLog: 'new' },
      );
    };
    const plain = xmlFor('TITLE');
    fc.assert(
      fc.property(fc.oneof(any, fc.constantFrom(...nasty)), (name) => {
        const xml = xmlFor(name);
        const [before = '', after = ''] = plain.split('TITLE');
        expect([xml.startsWith(before), xml.endsWith(after)]).toEqual([true, true]);
        const inner = xml.slice(before.length, xml.length - after.length);
        expect(inner).not.toMatch(/[<>\n\r]|&(?!(amp|lt|gt|#13);)/);
        expect(readXml(xml)?.child('domain')?.child('name')?.text).toBe(
          readXml(plain)?.child('domain')?.child('name')?.text,
        );
      }),
      runs,
    );
  });

  it('in names, metadata and user data reaches the guest as it was, by service and by drive', () => {
    const told = (changes: Parameters<typeof serverRequest>[0]): InstanceMetadata => {
      const state = { ...initialInstance(id), existence: 'exists' as const };
      const parts = { networks: [], randomSeed: new Uint8Array(512) };
      const metadata = metadataOf({ ...state, request: serverRequest(changes) }, parts);
      if (metadata === undefined) throw new Error('a server that exists has metadata');
      return metadata;
    };
    fc.assert(
      fc.property(any, any, fc.uint8Array({ maxLength: 100 }), (name, note, bytes) => {
        const userData = Buffer.from(bytes).toString('base64');
        const metadata = told({ name, metadata: { note }, userData });
        const read = (path: string): Uint8Array => {
          const found = findMetadata(metadata, path);
          if (found?.kind !== 'document') throw new Error(`nothing at ${path}`);
          const { content } = found;
          return typeof content === 'string' ? new TextEncoder().encode(content) : content;
        };
        const onDrive = new Map(
          configDriveFiles(metadata).map((file) => [file.path, file.content]),
        );
        for (const content of [
          read('/openstack/latest/meta_data.json'),
          onDrive.get('openstack/latest/meta_data.json') ?? new Uint8Array(),
        ])
          expect(JSON.parse(Buffer.from(content).toString())).toMatchObject({
            name,
            meta: { note },
          });
        for (const content of [
          read('/openstack/latest/user_data'),
          onDrive.get('openstack/latest/user_data') ?? new Uint8Array(),
        ])
          expect(Buffer.from(content)).toEqual(Buffer.from(bytes));
      }),
      runs,
    );
  });
});
