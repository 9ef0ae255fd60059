// /os-floating-ips and /os-floating-ip-pools, until 2.35, and the actions that give a server a floating address, until
// 2.43: passed on to the network service.
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';
import { badRequest, conflict, forbidden, notFound, refusalFault } from '../../envelope.ts';
import { ipAddress } from '../../parameter-types.ts';
import type { FloatingAddress, NetworkProxies } from '../../network-proxies.ts';
import type { ComputeAction, ComputeCall, ComputeRoute, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';

const PATH = '/os-floating-ips';
const until = 35;

export const floatingIpRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-floating-ip-pools',
    until,
    policy: 'os-floating-ip-pools',
    handler: async (call) => ({
      floating_ip_pools: (await proxies(call)).pools().map(({ name }) => ({ name })),
    }),
  },
  {
    method: 'GET',
    path: PATH,
    until,
    policy: 'os-floating-ips:list',
    handler: async (call) => ({
      floating_ips: (await proxies(call)).floatingAddresses(projectOf(call)).map(view),
    }),
  },
  {
    method: 'POST',
    path: PATH,
    until,
    policy: 'os-floating-ips:create',
    handler: async (call) => ({ floating_ip: view(await allocate(call)) }),
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    until,
    policy: 'os-floating-ips:show',
    handler: async (call) => ({ floating_ip: view(await find(call)) }),
  },
  {
    method: 'DELETE',
    path: `${PATH}/:id`,
    until,
    policy: 'os-floating-ips:delete',
    success: 202,
    handler: async (call) => {
      const { id } = await find(call);
      settle(await (await proxies(call)).release(id, call.requestId));
    },
  },
];

async function proxies(call: ComputeCall): Promise<NetworkProxies> {
  const { networkProxies, views } = call.context;
  if (networkProxies === undefined) throw notFound();
  await views.barrier();
  return networkProxies;
}

function projectOf(call: ComputeCall): string {
  return call.caller.projectId ?? '';
}

function settle(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw refusalFault(refusal);
}

function view({ id, pool, address, fixedAddress, serverId }: FloatingAddress): object {
  return {
    id,
    pool,
    ip: address,
    fixed_ip: fixedAddress ?? null,
    instance_id: serverId ?? null,
  };
}

async function find(call: ComputeCall): Promise<FloatingAddress> {
  const id = call.params['id'] ?? '';
  const found = (await proxies(call)).findFloating(id);
  if (found === undefined || found.projectId !== projectOf(call))
    throw notFound(`Floating IP not found for ID ${id}`);
  return found;
}

/** From the pool that is named, or the first one. */
async function allocate(call: ComputeCall): Promise<FloatingAddress> {
  const network = await proxies(call);
  const { pool } = (call.body ?? {}) as { readonly pool?: unknown };
  const pools = network.pools();
  const chosen =
    pool === undefined || pool === null
      ? pools[0]
      : pools.find(({ id, name }) => id === pool || name === pool);
  if (chosen === undefined) throw notFound('Floating IP pool not found.');
  const made = await network.allocate(chosen.id, projectOf(call), call.requestId);
  if (!isRefusal(made)) return made;
  if (made.refused === 'network-quota')
    throw forbidden(`IP allocation over quota in pool ${chosen.name}.`);
  if (made.refused === 'no-addresses')
    throw notFound(`No more floating IPs in pool ${chosen.name}.`);
  throw refusalFault(made);
}

function actionBody(
  name: string,
  properties: Readonly<Record<string, JsonSchema>>,
): readonly SchemaRange[] {
  return [
    {
      schema: {
        type: 'object',
        properties: {
          [name]: {
            type: 'object',
            properties,
            required: ['address'],
            additionalProperties: false,
          },
        },
        required: [name],
        additionalProperties: false,
      },
    },
  ];
}

export const floatingIpActions: readonly ComputeAction[] = [
  {
    name: 'addFloatingIp',
    until: 43,
    policy: 'os-floating-ips:add',
    body: actionBody('addFloatingIp', { address: ipAddress, fixed_address: ipAddress }),
    success: 202,
    handler: add,
  },
  {
    name: 'removeFloatingIp',
    until: 43,
    policy: 'os-floating-ips:remove',
    body: actionBody('removeFloatingIp', { address: ipAddress }),
    success: 202,
    handler: remove,
  },
];

async function named(call: ComputeCall, address: string): Promise<FloatingAddress> {
  const own = (await proxies(call)).floatingAddresses(projectOf(call));
  const found = own.find((each) => each.address === address);
  if (found === undefined) throw notFound('floating IP not found');
  return found;
}

async function add(call: ComputeCall): Promise<void> {
  const body = call.body as {
    readonly addFloatingIp: { readonly address: string; readonly fixed_address?: string };
  };
  const { address, fixed_address: wanted } = body.addFloatingIp;
  const own = call.server.ports.flatMap((port) =>
    port.fixedIps
      .filter(({ version }) => version === 4)
      .map((fixedIp) => ({ portId: port.portId, fixedAddress: fixedIp.address })),
  );
  if (call.server.ports.length === 0) throw badRequest('No nw_info cache associated with instance');
  if (own.length === 0) throw badRequest('No fixed IPs associated to instance');
  const target = own.find(({ fixedAddress }) => fixedAddress === (wanted ?? own[0]?.fixedAddress));
  if (target === undefined) throw badRequest('Specified fixed address not assigned to instance');
  const floating = await named(call, address);
  const refusal = await (await proxies(call)).associate(floating.id, target, call.requestId);
  if (refusal === undefined) return;
  const words = refusalFault(refusal).message;
  throw badRequest(
    `Unable to associate floating IP ${address} to fixed IP ${target.fixedAddress} for instance ${call.server.id}. Error: ${words}`,
  );
}

async function remove(call: ComputeCall): Promise<void> {
  const body = call.body as { readonly removeFloatingIp: { readonly address: string } };
  const { address } = body.removeFloatingIp;
  const floating = await named(call, address);
  if (floating.serverId !== call.server.id)
    throw conflict(`Floating IP ${address} is not associated with instance ${call.server.id}.`);
  settle(await (await proxies(call)).associate(floating.id, undefined, call.requestId));
}
