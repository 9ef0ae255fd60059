// changePassword through every layer: by the agent of a guest whose image says that it has one, and not without.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
const WITHIN_MS = 30_000;
let plain = '';
let withAgent = '';

beforeAll(async () => {
  cloud = await WholeCloud.start();
  const { demo, admin } = cloud;
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
  const boot = async (): Promise<string> => {
    const { server } = await demo.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
      server: { name: 'vm', imageRef: images[0]?.id, flavorRef: '1', networks: 'none' },
    });
    await restingServers(demo, WITHIN_MS);
    return server.id;
  };
  plain = await boot();
  const { status } = await admin.call(
    'POST',
    `/compute/v2.1/images/${images[0]?.id}/metadata`,
    { metadata: { hw_qemu_guest_agent: 'yes', os_admin_user: 'ops' } },
    '2.38',
  );
  if (status !== 200) throw new Error(`the image's metadata were not taken: ${status}`);
  withAgent = await boot();
});

afterAll(async () => {
  await cloud?.stop();
});

const change = (id: string) =>
  cloud.demo.call('POST', `/compute/v2.1/servers/${id}/action`, {
    changePassword: { adminPass: 'a new one' },
  });

describe('changePassword', () => {
  it('is done by the agent, and the server is active again', async () => {
    expect((await change(withAgent)).status).toBe(202);
    const { server } = await cloud.demo.get<{ server: { status: string } }>(
      `/compute/v2.1/servers/${withAgent}`,
    );
    expect(server.status).toBe('ACTIVE');
  });

  it('is refused without an agent, and of a server that is off', async () => {
    expect(await change(plain)).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: 'QEMU guest agent is not enabled' } },
    });
    const path = `/compute/v2.1/servers/${withAgent}/action`;
    expect((await cloud.demo.call('POST', path, { 'os-stop': null })).status).toBe(202);
    await restingServers(cloud.demo, WITHIN_MS);
    expect(await change(withAgent)).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          message: `Cannot 'changePassword' instance ${withAgent} while it is in vm_state stopped`,
        },
      },
    });
  });
});
