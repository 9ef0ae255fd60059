// What a resize is refused for, where several reasons hold: quota is looked at before hosts are.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
const SERVERS = '/compute/v2.1/servers';
const WITHIN_MS = 10_000;

beforeAll(async () => {
  cloud = await WholeCloud.start();
});
afterAll(async () => {
  await cloud?.stop();
});

it('a flavor over the quota that no host has room for is over the quota', async () => {
  const { admin, demo } = cloud;
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
  const { networks } = await demo.get<{ networks: { id: string }[] }>('/network/v2.0/networks');
  const { server } = await demo.ask<{ server: { id: string } }>('POST', SERVERS, {
    server: {
      name: 'vm',
      imageRef: images[0]?.id,
      flavorRef: '1',
      networks: [{ uuid: networks[0]?.id }],
    },
  });
  await restingServers(demo, WITHIN_MS);
  await admin.ask('POST', '/compute/v2.1/flavors', {
    flavor: { id: 'huge', name: 'huge', vcpus: 1, ram: 51_200_001, disk: 20 },
  });
  const body = { resize: { flavorRef: 'huge' } };
  expect(await demo.call('POST', `${SERVERS}/${server.id}/action`, body)).toMatchObject({
    status: 403,
    body: { forbidden: { message: expect.stringContaining('Quota exceeded for ram') } },
  });
});
