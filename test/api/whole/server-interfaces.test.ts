// Interfaces of servers that run or are off, through every layer: the port in the network service, the server's own views,
// and what a request that can't be met leaves behind, which is nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
let id = '';
let networkId = '';
const WITHIN_MS = 30_000;
const NOWHERE = '00000000-0000-4000-8000-000000000000';

interface Attachment {
  readonly port_id: string;
  readonly net_id: string;
  readonly mac_addr: string;
  readonly port_state: string;
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[];
  readonly tag?: string | null;
}

beforeAll(async () => {
  cloud = await WholeCloud.start();
  id = await cloud.bootServer(WITHIN_MS);
  networkId = (await attachments())[0]?.net_id ?? '';
});

afterAll(async () => {
  await cloud?.stop();
});

const path = () => `/compute/v2.1/servers/${id}/os-interface`;

async function attachments(): Promise<readonly Attachment[]> {
  const { interfaceAttachments } = await cloud.demo.get<{ interfaceAttachments: Attachment[] }>(
    path(),
  );
  return interfaceAttachments;
}

async function attach(wanted: object, version?: string) {
  const reply = await cloud.demo.call('POST', path(), { interfaceAttachment: wanted }, version);
  return { status: reply.status, body: reply.body as { interfaceAttachment: Attachment } };
}

/** 202: the interface goes by and by. */
async function detach(portId: string): Promise<void> {
  expect((await cloud.demo.call('DELETE', `${path()}/${portId}`)).status).toBe(202);
  await expect
    .poll(async () => (await attachments()).map(({ port_id }) => port_id), { timeout: WITHIN_MS })
    .not.toContain(portId);
}

async function portsOfServer(): Promise<readonly { id: string; device_owner: string }[]> {
  const { ports } = await cloud.demo.get<{ ports: { id: string; device_owner: string }[] }>(
    `/network/v2.0/ports?device_id=${id}`,
  );
  return ports;
}

async function act(action: object): Promise<void> {
  const reply = await cloud.demo.call('POST', `/compute/v2.1/servers/${id}/action`, action);
  expect(reply.status).toBe(202);
  await restingServers(cloud.demo, WITHIN_MS);
}

describe('an interface that is attached', () => {
  it('is made on the network that is asked for, shown, and goes with its port', async () => {
    const { status, body } = await attach({ net_id: networkId, tag: 'backup' }, '2.70');
    expect(status).toBe(200);
    const made = body.interfaceAttachment;
    expect(made).toMatchObject({ net_id: networkId, port_state: 'ACTIVE', tag: 'backup' });
    expect((await attachments()).map(({ port_id }) => port_id)).toContain(made.port_id);
    const addresses = await cloud.demo.get<{ addresses: Record<string, { addr: string }[]> }>(
      `/compute/v2.1/servers/${id}/ips`,
    );
    expect(Object.values(addresses.addresses).flat()).toHaveLength(2);
    expect(await portsOfServer()).toContainEqual(
      expect.objectContaining({ id: made.port_id, 'binding:vnic_type': 'normal' }),
    );
    await detach(made.port_id);
    await expect.poll(async () => (await portsOfServer()).length, { timeout: WITHIN_MS }).toBe(1);
  });

  it('has the address that is asked for; one that is taken is refused and leaves no port', async () => {
    const [first] = await attachments();
    const taken = first?.fixed_ips[0]?.ip_address ?? '';
    expect(await attach({ net_id: networkId, fixed_ips: [{ ip_address: taken }] })).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          message: `Fixed IP address ${taken} is already in use on instance ${id}.`,
        },
      },
    });
    await expect.poll(async () => (await portsOfServer()).length, { timeout: WITHIN_MS }).toBe(1);
    const free = taken.replace(/\d+$/, '200');
    const { body } = await attach({ net_id: networkId, fixed_ips: [{ ip_address: free }] });
    expect(body.interfaceAttachment.fixed_ips.map(({ ip_address }) => ip_address)).toEqual([free]);
    await detach(body.interfaceAttachment.port_id);
  });

  it('may be a port that its user made and keeps', async () => {
    const { port } = await cloud.demo.ask<{ port: { id: string; mac_address: string } }>(
      'POST',
      '/network/v2.0/ports',
      { port: { network_id: networkId, name: 'kept' } },
    );
    const { status, body } = await attach({ port_id: port.id });
    expect({ status, mac: body.interfaceAttachment.mac_addr }).toEqual({
      status: 200,
      mac: port.mac_address,
    });
    expect(await attach({ port_id: port.id })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: `Port ${port.id} is still in use.` } },
    });
    await detach(port.id);
    const shown = async () =>
      (
        await cloud.demo.get<{ port: { device_id: string; name: string } }>(
          `/network/v2.0/ports/${port.id}`,
        )
      ).port;
    await expect
      .poll(shown, { timeout: WITHIN_MS })
      .toMatchObject({ device_id: '', device_owner: '', name: 'kept' });
  });

  it('comes to a server that is off, too, and several at once come one after another', async () => {
    await act({ 'os-stop': null });
    const replies = await Promise.all([attach({}), attach({ net_id: networkId }), attach({})]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await attachments()).toHaveLength(4);
    await act({ 'os-start': null });
    const ids = replies.map(({ body }) => body.interfaceAttachment.port_id);
    await Promise.all(ids.map((portId) => detach(portId)));
    expect(await attachments()).toHaveLength(1);
  });
});

describe('fixed addresses, until 2.43', () => {
  const action = (body: object, version = '2.43') =>
    cloud.demo.call('POST', `/compute/v2.1/servers/${id}/action`, body, version);
  const addresses = async () =>
    (await attachments()).flatMap(({ fixed_ips }) => fixed_ips.map(({ ip_address }) => ip_address));

  it('come and go on the port of a network', async () => {
    const [first = ''] = await addresses();
    expect((await action({ addFixedIp: { networkId } })).status).toBe(202);
    const both = await addresses();
    expect(both).toHaveLength(2);
    const second = both.find((address) => address !== first) ?? '';
    expect((await action({ removeFixedIp: { address: second } })).status).toBe(202);
    expect(await addresses()).toEqual([first]);
  });

  it('are refused where there is no such network or address, and are no action any more', async () => {
    expect((await action({ addFixedIp: { networkId: NOWHERE } })).status).toBe(404);
    expect(await action({ removeFixedIp: { address: '192.0.2.1' } })).toMatchObject({
      status: 400,
      body: {
        badRequest: { message: `Instance ${id} doesn't have fixed IP '192.0.2.1'.` },
      },
    });
    expect((await action({ addFixedIp: { networkId } }, '2.44')).status).toBe(404);
  });
});

describe('what can not be attached or detached is refused in Nova’s words', () => {
  it.each([
    [{ net_id: NOWHERE }, 404, `Network ${NOWHERE} could not be found.`],
    [{ port_id: NOWHERE }, 404, `Port id ${NOWHERE} could not be found.`],
    [{ net_id: NOWHERE, port_id: NOWHERE }, 400, 'Must not input both network_id and port_id'],
    [
      { fixed_ips: [{ ip_address: '10.0.0.9' }] },
      400,
      'Must input network_id when request IP address',
    ],
  ])('%j', async (wanted, status, message) => {
    const reply = await attach(wanted);
    expect(reply.status).toBe(status);
    expect(Object.values(reply.body)[0]).toMatchObject({ code: status, message });
  });

  it('a tag before 2.49, two addresses, and what no schema knows', async () => {
    expect((await attach({ tag: 'one' }, '2.48')).status).toBe(400);
    const both = [{ ip_address: '10.0.0.8' }, { ip_address: '10.0.0.9' }];
    expect((await attach({ net_id: networkId, fixed_ips: both })).status).toBe(400);
    expect((await attach({ mac: 'fa:16:3e:00:00:01' })).status).toBe(400);
  });

  it('a port that the server does not have', async () => {
    const reply = await cloud.demo.call('DELETE', `${path()}/${NOWHERE}`);
    expect(reply).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: `Port id ${NOWHERE} could not be found.` } },
    });
  });

  it('a server in another state', async () => {
    await act({ suspend: null });
    expect(await attach({ net_id: networkId })).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          message: `Cannot 'attach_interface' instance ${id} while it is in vm_state suspended`,
        },
      },
    });
    await act({ resume: null });
  });
});
