// The calls about servers, one row each; what a row does stands in the file it names.
import type { ComputeRoute } from '../route.ts';
import { serverActions } from './actions/all.ts';
import { addressRoutes } from './interfaces/addresses.ts';
import { createServers } from './create.ts';
import { askServer } from './operate.ts';
import { diagnosticsRoutes } from './diagnostics.ts';
import { instanceActionRoutes } from './instance-actions.ts';
import { listServers, listServersDetail } from './list.ts';
import { metadataRoutes } from './metadata.ts';
import { serverMigrationRoutes } from '../resources/server-migrations.ts';
import { createSchemas, updateSchemas } from './schemas.ts';
import { listQuery } from './schemas-list.ts';
import { securityGroupRoutes } from './security-groups.ts';
import { deleteServer, showServer, updateServer } from './show.ts';
import { tagRoutes } from './tags.ts';
import { topologyRoutes } from './topology.ts';
import { volumesBootRoutes } from './volumes-boot.ts';

const one = { path: '/servers/:server_id', target: 'server' } as const;
const password = { path: '/servers/:server_id/os-server-password', target: 'server' } as const;

const ownRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/servers',
    query: listQuery,
    policy: 'servers:index',
    handler: listServers,
  },
  {
    method: 'GET',
    path: '/servers/detail',
    query: listQuery,
    policy: 'servers:detail',
    handler: listServersDetail,
  },
  {
    method: 'POST',
    path: '/servers',
    body: createSchemas,
    policy: 'servers:create',
    success: 202,
    handler: createServers,
  },
  {
    ...one,
    method: 'GET',
    policy: 'servers:show',
    handler: showServer,
  },
  {
    ...one,
    method: 'PUT',
    body: updateSchemas,
    policy: 'servers:update',
    handler: updateServer,
  },
  {
    ...one,
    method: 'DELETE',
    policy: 'servers:delete',
    success: 204,
    handler: deleteServer,
  },
  {
    method: 'POST',
    path: '/servers/:server_id/action',
    target: 'server',
    actions: serverActions,
  },
  ...metadataRoutes,
  ...tagRoutes,
  ...addressRoutes,
  ...securityGroupRoutes,
  ...instanceActionRoutes,
  ...serverMigrationRoutes,
  ...topologyRoutes,
  ...diagnosticsRoutes,
  {
    ...password,
    method: 'GET',
    policy: 'os-server-password:show',
    handler: ({ server }) => ({ password: server.savedPassword ?? '' }),
  },
  {
    ...password,
    method: 'DELETE',
    policy: 'os-server-password:clear',
    success: 204,
    handler: async (call) => {
      await askServer(call, 'clear_password', { type: 'instance.clear-password' });
    },
  },
];

export const serverRoutes: readonly ComputeRoute[] = [
  ...ownRoutes,
  ...volumesBootRoutes(ownRoutes),
];
