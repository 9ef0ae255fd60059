// What the API asks of hosts beside a server's lifecycle, through every layer: an interrupt for a crash dump, and images
// fetched before a server wants them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
let id = '';
let imageId = '';
const WITHIN_MS = 20_000;
const COMPUTE = '/compute/v2.1';

beforeAll(async () => {
  cloud = await WholeCloud.start();
  const { demo } = cloud;
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
  imageId = images[0]?.id ?? '';
  const { server } = await demo.ask<{ server: { id: string } }>('POST', `${COMPUTE}/servers`, {
    server: { name: 'vm', imageRef: imageId, flavorRef: '1', networks: 'auto' },
  });
  id = server.id;
  await restingServers(demo, WITHIN_MS);
}, 2 * WITHIN_MS);

afterAll(async () => {
  await cloud?.stop();
});

const act = (action: object, version?: string, as = cloud.demo) =>
  as.call('POST', `${COMPUTE}/servers/${id}/action`, action, version);
const dump = { trigger_crash_dump: null };

async function consoleText(): Promise<string> {
  const reply = await act({ 'os-getConsoleOutput': {} });
  return (reply.body as { output: string }).output;
}

describe('trigger_crash_dump', () => {
  it('interrupts the guest once, and leaves the server as it is', async () => {
    expect(await consoleText()).not.toContain('NMI received');
    expect((await act(dump, '2.17')).status).toBe(202);
    expect((await consoleText()).split('NMI received')).toHaveLength(2);
    const { server } = await cloud.demo.get<{ server: object }>(`${COMPUTE}/servers/${id}`);
    expect(server).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
  });

  it('is not there before 2.17, and takes no parameters', async () => {
    expect((await act(dump, '2.16')).status).toBe(404);
    expect((await act({ trigger_crash_dump: { now: true } }, '2.17')).status).toBe(400);
  });

  it('of a locked server is an administrator’s', async () => {
    expect((await act({ lock: null })).status).toBe(202);
    expect((await act(dump, '2.17')).status).toBe(409);
    expect((await act(dump, '2.17', cloud.admin)).status).toBe(202);
    expect((await act({ unlock: null })).status).toBe(202);
  });

  it('of a server that is off is refused in Nova’s words', async () => {
    expect((await act({ 'os-stop': null })).status).toBe(202);
    await restingServers(cloud.demo, WITHIN_MS);
    expect(await act(dump, '2.17')).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          message: `Cannot 'trigger_crash_dump' instance ${id} while it is in vm_state stopped`,
        },
      },
    });
  });
});

describe('the image cache of an aggregate', () => {
  const cache = (number: number, ids: readonly string[], as = cloud.admin, version = '2.81') =>
    as.call(
      'POST',
      `${COMPUTE}/os-aggregates/${number}/images`,
      { cache: ids.map((one) => ({ id: one })) },
      version,
    );
  const missing = '00000000-0000-4000-8000-000000000000';
  let number = 0;

  beforeAll(async () => {
    const { admin } = cloud;
    const made = await admin.ask<{ aggregate: { id: number } }>(
      'POST',
      `${COMPUTE}/os-aggregates`,
      { aggregate: { name: 'racks' } },
    );
    number = made.aggregate.id;
  });

  it('is filled for an administrator', async () => {
    const { services } = await cloud.admin.get<{ services: { binary: string; host: string }[] }>(
      `${COMPUTE}/os-services`,
    );
    const host = services.find(({ binary }) => binary === 'nova-compute')?.host;
    await cloud.admin.ask('POST', `${COMPUTE}/os-aggregates/${number}/action`, {
      add_host: { host },
    });
    expect((await cache(number, [imageId])).status).toBe(202);
  });

  it('is refused as Nova refuses it', async () => {
    const statuses = [
      await cache(number, [imageId], cloud.demo),
      await cache(number, [imageId, imageId]),
      await cache(number, []),
      await cache(number, ['not an id']),
      await cache(number, [missing]),
      await cache(number + 100, [imageId]),
      await cache(number, [imageId], cloud.admin, '2.80'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([403, 400, 400, 400, 400, 404, 404]);
  });
});
