// /os-networks and /os-tenant-networks, until 2.35: the networks of the network service in the form of the one before it.
// Of its many fields only the name and the id have a meaning still.
import type { NetworkRecord } from '#actors/ports/networks.ts';
import { notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';

const fields = [
  'cidr',
  'netmask',
  'gateway',
  'broadcast',
  'dns1',
  'dns2',
  'cidr_v6',
  'gateway_v6',
  'netmask_v6',
];
const adminFields = [
  'created_at',
  'updated_at',
  'deleted_at',
  'deleted',
  'injected',
  'bridge',
  'vlan',
  'vpn_public_address',
  'vpn_public_port',
  'vpn_private_address',
  'dhcp_start',
  'host',
  'bridge_interface',
  'multi_host',
  'priority',
  'rxtx_base',
  'mtu',
  'dhcp_server',
  'enable_dhcp',
  'share_address',
];

type View = (call: ComputeCall, network: NetworkRecord) => object;

const wholeView: View = (call, { id, name, projectId }) => {
  const { isAdmin } = call.caller;
  const empty = [...fields, ...(isAdmin ? adminFields : [])].map((field) => [field, null]);
  return {
    ...Object.fromEntries(empty),
    id,
    label: name,
    ...(isAdmin ? { project_id: projectId } : {}),
  };
};

const tenantView: View = (_call, { id, name }) => ({ id, cidr: 'None', label: name });

export const networkProxyRoutes: readonly ComputeRoute[] = [
  ...routesOf('os-networks', wholeView),
  ...routesOf('os-tenant-networks', tenantView),
];

function routesOf(name: 'os-networks' | 'os-tenant-networks', view: View): readonly ComputeRoute[] {
  const policy = (call: 'list' | 'show') => `${name}:${call}` as const;
  const until = 35;
  const visible = async (call: ComputeCall): Promise<readonly NetworkRecord[]> => {
    await call.context.views.barrier();
    return call.context.networkProxies?.networks(call.caller) ?? [];
  };
  return [
    {
      method: 'GET',
      path: `/${name}`,
      until,
      policy: policy('list'),
      handler: async (call) => ({
        networks: (await visible(call)).map((network) => view(call, network)),
      }),
    },
    {
      method: 'GET',
      path: `/${name}/:id`,
      until,
      policy: policy('show'),
      handler: async (call) => {
        const wanted = call.params['id'];
        const network = (await visible(call)).find(({ id }) => id === wanted);
        if (network === undefined) throw notFound('Network not found');
        return { network: view(call, network) };
      },
    },
  ];
}
