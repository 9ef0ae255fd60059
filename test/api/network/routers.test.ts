// Routers and floating addresses, as data: what connects them, and what may not be taken away.
import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type NetworkCloud, networkCloud, projects } from './network-cloud.ts';

let cloud: NetworkCloud;
let outside = '';
let inside = { network: '', subnet: '' };
const as = (who: string, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });

type Made = Readonly<Record<string, unknown>> & { readonly id: string };

async function make(who: string, collection: string, name: string, fields: object): Promise<Made> {
  const answer = await as(who, `POST /${collection}`, { [name]: fields });
  expect([answer.status, answer.error.message]).toEqual([201, '']);
  return answer.body[name] as unknown as Made;
}

async function makeNetwork(who: string, cidr: string, fields: object = {}) {
  const network = await make(who, 'networks', 'network', { name: 'n', ...fields });
  const subnet = await make(who, 'subnets', 'subnet', {
    network_id: network.id,
    ip_version: 4,
    cidr,
  });
  return { network: network.id, subnet: subnet.id };
}

const makeRouter = (fields: object = {}) =>
  make('red', 'routers', 'router', {
    name: 'r',
    external_gateway_info: { network_id: outside },
    ...fields,
  });
const connect = (router: Made, subnet = inside.subnet) =>
  as('red', `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet });
const makePort = () => make('red', 'ports', 'port', { network_id: inside.network });
const makeFloating = (fields: object = {}) =>
  make('red', 'floatingips', 'floatingip', { floating_network_id: outside, ...fields });

beforeEach(async () => {
  cloud = networkCloud({ router: 3, floatingip: 2 });
  outside = (await makeNetwork('admin', '203.0.113.0/24', { 'router:external': true })).network;
  inside = await makeNetwork('red', '10.0.0.0/24');
});

describe('a router', () => {
  it('has a gateway outside, which only its network’s owner sees as a port', async () => {
    const router = await makeRouter();
    expect(router).toMatchObject({
      name: 'r',
      project_id: projects.red,
      admin_state_up: true,
      status: 'ACTIVE',
      routes: [],
      external_gateway_info: {
        network_id: outside,
        enable_snat: true,
        external_fixed_ips: [{ ip_address: '203.0.113.2' }],
      },
    });
    const ports = async (who: string) =>
      ((await as(who, `GET /ports?device_id=${router.id}`)).body['ports'] as unknown as Made[]).map(
        (port) => port['device_owner'],
      );
    expect([await ports('red'), await ports('admin')]).toEqual([[], ['network:router_gateway']]);
  });

  it('has none when it is asked for with an empty one', async () => {
    const router = await makeRouter({ external_gateway_info: {} });
    expect(router['external_gateway_info']).toBeNull();
  });

  it('is changed, and loses its gateway', async () => {
    const router = await makeRouter();
    const change = { name: 'x', external_gateway_info: null, admin_state_up: false };
    const { body } = await as('red', `PUT /routers/${router.id}`, { router: change });
    expect(body['router']).toMatchObject({ ...change, revision_number: 2 });
  });

  it('takes the gateway address of a subnet', async () => {
    const router = await makeRouter();
    const { status, body } = await connect(router);
    expect([status, body]).toMatchObject([
      200,
      { id: router.id, network_id: inside.network, subnet_ids: [inside.subnet] },
    ]);
    const portId = String(body['port_id']);
    const { port } = (await as('red', `GET /ports/${portId}`)).body as Record<string, Made>;
    expect(port).toMatchObject({
      device_owner: 'network:router_interface',
      fixed_ips: [{ ip_address: '10.0.0.1' }],
    });
    expect((await as('red', `DELETE /ports/${portId}`)).error.type).toBe('ServicePortInUse');
    expect((await as('red', `DELETE /routers/${router.id}`)).error).toEqual(
      expect.objectContaining({ type: 'RouterInUse' }),
    );
    const twice = await connect(router);
    expect([twice.status, twice.error.message]).toEqual([
      400,
      `Bad router request: Router already has a port on subnet ${inside.subnet}.`,
    ]);
    const removal = `PUT /routers/${router.id}/remove_router_interface`;
    expect((await as('red', removal, { subnet_id: inside.subnet })).status).toBe(200);
    expect((await as('red', removal, { subnet_id: inside.subnet })).error.type).toBe(
      'RouterInterfaceNotFoundForSubnet',
    );
    expect((await as('red', `DELETE /routers/${router.id}`)).status).toBe(204);
    expect((await as('red', `GET /routers/${router.id}`)).error.type).toBe('RouterNotFound');
  });

  it('takes a port of the user’s, and none with overlapping addresses', async () => {
    const router = await makeRouter();
    const port = await makePort();
    const path = `PUT /routers/${router.id}/add_router_interface`;
    expect((await as('red', path, { port_id: port.id })).body['port_id']).toBe(port.id);
    expect((await as('red', path, { port_id: port.id })).error.type).toBe('PortInUse');
    const other = await makeNetwork('red', '10.0.0.0/16');
    expect((await connect(router, other.subnet)).error.message).toContain('overlaps with cidr');
    expect((await as('red', path, {})).error.message).toBe(
      'Bad router request: Either subnet_id or port_id must be specified.',
    );
  });

  it('leads to external networks only; one that can’t is not made', async () => {
    const answer = await as('red', 'POST /routers', {
      router: { external_gateway_info: { network_id: inside.network } },
    });
    expect([answer.status, answer.error.type]).toEqual([400, 'BadRequest']);
    expect((await as('red', 'GET /routers')).body['routers']).toEqual([]);
  });

  it('is counted, and is no one else’s business', async () => {
    const router = await makeRouter();
    await makeRouter({ external_gateway_info: null });
    await makeRouter({ external_gateway_info: null });
    expect((await as('red', 'POST /routers', { router: {} })).error.type).toBe('OverQuota');
    expect((await as('blue', `GET /routers/${router.id}`)).status).toBe(404);
    expect((await as('blue', 'GET /routers')).body['routers']).toEqual([]);
    expect((await as('red-reader', 'POST /routers', { router: {} })).status).toBe(403);
  });
});

describe('a floating address', () => {
  it('stands for a port behind a router, until it is told otherwise', async () => {
    const router = await makeRouter();
    await connect(router);
    const port = await makePort();
    const floating = await makeFloating();
    expect(floating).toMatchObject({
      floating_network_id: outside,
      floating_ip_address: '203.0.113.3',
      port_id: null,
      fixed_ip_address: null,
      router_id: null,
      status: 'DOWN',
    });
    const put = (fields: object) =>
      as('red', `PUT /floatingips/${floating.id}`, { floatingip: fields });
    const to = await put({ port_id: port.id });
    expect(to.body['floatingip']).toMatchObject({
      port_id: port.id,
      fixed_ip_address: '10.0.0.2',
      router_id: router.id,
      status: 'ACTIVE',
    });
    const removal = await as('red', `PUT /routers/${router.id}/remove_router_interface`, {
      subnet_id: inside.subnet,
    });
    expect(removal.error.type).toBe('RouterInterfaceInUseByFloatingIP');
    expect(
      (await as('red', `PUT /routers/${router.id}`, { router: { external_gateway_info: null } }))
        .error.type,
    ).toBe('RouterExternalGatewayInUseByFloatingIp');
    const second = await as('red', 'POST /floatingips', {
      floatingip: { floating_network_id: outside, port_id: port.id },
    });
    expect([second.status, second.error.type]).toEqual([409, 'FloatingIPPortAlreadyAssociated']);
    expect((await put({ description: 'mine' })).body['floatingip']).toMatchObject({
      description: 'mine',
      port_id: port.id,
    });
    expect((await put({ port_id: null })).body['floatingip']).toMatchObject({ status: 'DOWN' });
  });

  it('stands for nothing once its port is gone', async () => {
    const router = await makeRouter();
    await connect(router);
    const port = await makePort();
    const floating = await makeFloating({ port_id: port.id });
    expect(floating['status']).toBe('ACTIVE');
    await as('red', `DELETE /ports/${port.id}`);
    const { body } = await as('red', `GET /floatingips/${floating.id}`);
    expect(body['floatingip']).toMatchObject({ port_id: null, status: 'DOWN' });
    expect((await as('red', `DELETE /floatingips/${floating.id}`)).status).toBe(204);
    expect((await as('red', `DELETE /floatingips/${floating.id}`)).error.type).toBe(
      'FloatingIPNotFound',
    );
  });

  it('needs a way there', async () => {
    const port = await makePort();
    const answer = await as('red', 'POST /floatingips', {
      floatingip: { floating_network_id: outside, port_id: port.id },
    });
    expect([answer.status, answer.error.type]).toEqual([
      404,
      'ExternalGatewayForFloatingIPNotFound',
    ]);
    const wrong = await as('red', 'POST /floatingips', {
      floatingip: { floating_network_id: inside.network },
    });
    expect([wrong.status, wrong.error.message]).toEqual([
      400,
      `Bad floatingip request: Network ${inside.network} is not a valid external network.`,
    ]);
  });

  it('is counted, and is no one else’s business', async () => {
    const floating = await makeFloating();
    await makeFloating();
    const third = { floatingip: { floating_network_id: outside } };
    expect((await as('red', 'POST /floatingips', third)).error.type).toBe('OverQuota');
    expect((await as('blue', `GET /floatingips/${floating.id}`)).status).toBe(404);
    expect((await as('blue', 'GET /floatingips')).body['floatingips']).toEqual([]);
    const details = (await as('red', `GET /quotas/${projects.red}/details`)).body['quota'];
    expect(details).toMatchObject({ floatingip: { limit: 2, used: 2 }, router: { used: 0 } });
  });
});
