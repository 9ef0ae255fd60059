// Which projects may use a private flavor.
import { ALL_FLAVORS, flavors } from '#actors/catalog/protocol.ts';
import { badRequest, conflict, notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { findFlavor } from './flavor-lookup.ts';
import { addAccess, removeAccess } from './flavor-schemas.ts';

const all = flavors.ref(ALL_FLAVORS);

export const flavorAccessRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/flavors/:id/os-flavor-access',
    policy: 'os-flavor-access',
    handler: async (call) => {
      const { flavor } = await findFlavor(call, idOf(call));
      if (flavor.isPublic) throw notFound('Access list not available for public flavors.');
      return accessList(call);
    },
  },
  {
    method: 'POST',
    path: '/flavors/:id/action',
    actions: [
      {
        name: 'addTenantAccess',
        policy: 'os-flavor-access:add_tenant_access',
        body: addAccess,
        handler: add,
      },
      {
        name: 'removeTenantAccess',
        policy: 'os-flavor-access:remove_tenant_access',
        body: removeAccess,
        handler: remove,
      },
    ],
  },
];

function idOf(call: ComputeCall): string {
  return call.params['id'] ?? '';
}

async function accessList(call: ComputeCall): Promise<object> {
  const { flavor, access } = await findFlavor(call, idOf(call));
  return {
    flavor_access: access.map((projectId) => ({ flavor_id: flavor.id, tenant_id: projectId })),
  };
}

async function add(call: ComputeCall): Promise<object> {
  const projectId = (call.body as { addTenantAccess: { tenant: string } }).addTenantAccess.tenant;
  if (!call.context.identity.projectExists(projectId))
    throw badRequest(`Project ID ${projectId} is not a valid project.`);
  const { flavor } = await findFlavor(call, idOf(call));
  if (call.from(7) && flavor.isPublic) throw conflict('Can not add access to a public flavor.');
  await ask(call, all, { type: 'flavor.add-access', flavorId: flavor.id, projectId });
  return accessList(call);
}

/** Also for projects that are no more. */
async function remove(call: ComputeCall): Promise<object> {
  const projectId = (call.body as { removeTenantAccess: { tenant: string } }).removeTenantAccess
    .tenant;
  await ask(call, all, { type: 'flavor.remove-access', flavorId: idOf(call), projectId });
  return accessList(call);
}
