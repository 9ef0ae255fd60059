// A cloud without volumes and shares: lists are empty, and nothing is found.
import { describe, expect, test } from 'vitest';
import { fault, resourceService, server } from './resource-service.ts';

const ID = '5e12e000-0000-4000-8000-000000000001';
const VOLUME = '70100e00-0000-4000-8000-000000000001';
const { call } = resourceService([server(ID)]);
const status = async (...args: Parameters<typeof call>) => (await call(...args)).status;
const missing = fault('itemNotFound', 404, `Volume ${VOLUME} could not be found.`);

describe('volumes', () => {
  test.each(['volumes', 'snapshots'])('%s are none, until 2.35', async (collection) => {
    const path = `/os-${collection}`;
    for (const list of [path, `${path}/detail`])
      expect((await call('GET', list, { as: 'anna' })).body).toEqual({ [collection]: [] });
    expect(await status('GET', `${path}/${VOLUME}`, { as: 'anna' })).toBe(404);
    expect(await status('DELETE', `${path}/${VOLUME}`, { as: 'anna' })).toBe(404);
    expect(await status('GET', path, { minor: 36 })).toBe(404);
  });

  test('can not be made', async () => {
    const create = (volume: object) =>
      call('POST', '/os-volumes', { as: 'anna', body: { volume } });
    expect((await create({ size: 1 })).body).toEqual(
      fault('badRequest', 400, 'This cloud has no volume service: volumes can not be made here.'),
    );
    expect(await create({})).toMatchObject({
      status: 400,
      body: { badRequest: { message: expect.stringContaining("'size' is a required property") } },
    });
    const body = { snapshot: { volume_id: VOLUME } };
    expect((await call('POST', '/os-snapshots', { as: 'anna', body })).body).toEqual(missing);
  });
});

describe('attachments', () => {
  const path = `/servers/${ID}/os-volume_attachments`;

  test('are none', async () => {
    expect((await call('GET', path, { as: 'anna' })).body).toEqual({ volumeAttachments: [] });
    const body = { volumeAttachment: { volumeId: VOLUME } };
    expect((await call('POST', path, { as: 'anna', body })).body).toEqual(missing);
    const words = `Instance ${ID} is not attached to volume ${VOLUME}`;
    for (const method of ['GET', 'DELETE'] as const)
      expect((await call(method, `${path}/${VOLUME}`, { as: 'anna' })).body).toEqual(
        fault('itemNotFound', 404, words),
      );
    expect(await status('PUT', `${path}/${VOLUME}`, { as: 'anna', body })).toBe(404);
  });

  test('check their bodies by microversion', async () => {
    const attach = (minor: number, more: object) =>
      status('POST', path, { minor, body: { volumeAttachment: { volumeId: VOLUME, ...more } } });
    expect([await attach(48, { tag: 'x' }), await attach(49, { tag: 'x' })]).toEqual([400, 404]);
    const kept = { delete_on_termination: true };
    expect([await attach(78, kept), await attach(79, kept)]).toEqual([400, 404]);
    expect([await attach(1, { device: '/dev/vdb' }), await attach(1, { device: 'vdb' })]).toEqual([
      404, 400,
    ]);
  });
});

describe('assisted snapshots', () => {
  const snapshot = {
    volume_id: VOLUME,
    create_info: { snapshot_id: 's', type: 'qcow2', new_file: 'f' },
  };

  test('need an attached volume', async () => {
    const words = `No volume Block Device Mapping with id ${VOLUME}.`;
    const path = '/os-assisted-volume-snapshots';
    expect((await call('POST', path, { body: { snapshot } })).body).toEqual(
      fault('badRequest', 400, words),
    );
    const info = encodeURIComponent(JSON.stringify({ volume_id: VOLUME }));
    const remove = async (query: string) => (await call('DELETE', `${path}/s?${query}`)).body;
    expect(await remove(`delete_info=${info}`)).toEqual(fault('badRequest', 400, words));
    expect(await remove('delete_info=nonsense')).toMatchObject({ badRequest: { code: 400 } });
    expect(await remove('')).toMatchObject({
      badRequest: { message: expect.stringContaining('delete_info') },
    });
    expect(await status('POST', path, { as: 'anna', body: { snapshot } })).toBe(403);
  });
});
