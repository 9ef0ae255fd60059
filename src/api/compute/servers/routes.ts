// The calls about servers, one row each; what a row does stands in the file it names.
import type { ComputeRoute } from '../route.ts';
import { serverActions } from './actions/all.ts';
import { addressRoutes } from './addresses.ts';
import { createServers } from './create.ts';
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
    policy: { rule: 'servers:index', persona: 'reader' },
    handler: listServers,
  },
  {
    method: 'GET',
    path: '/servers/detail',
    query: listQuery,
    policy: { rule: 'servers:detail', persona: 'reader' },
    handler: listServersDetail,
  },
  {
    method: 'POST',
    path: '/servers',
    body: createSchemas,
    policy: { rule: 'servers:create', persona: 'member' },
    success: 202,
    handler: createServers,
  },
  {
    ...one,
    method: 'GET',
    policy: { rule: 'servers:show', persona: 'reader' },
    handler: showServer,
  },
  {
    ...one,
    method: 'PUT',
    body: updateSchemas,
    policy: { rule: 'servers:update', persona: 'member' },
    handler: updateServer,
  },
  {
    ...one,
    method: 'DELETE',
    policy: { rule: 'servers:delete', persona: 'member' },
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
  {
    ...password,
    method: 'GET',
    policy: { rule: 'os-server-password:show', persona: 'reader' },
    handler: () => ({ password: '' }),
  },
  {
    ...password,
    method: 'DELETE',
    policy: { rule: 'os-server-password:clear', persona: 'member' },
    success: 204,
    handler: () => undefined,
  },
];

export const serverRoutes: readonly ComputeRoute[] = [
  ...ownRoutes,
  ...volumesBootRoutes(ownRoutes),
];
