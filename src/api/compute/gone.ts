// APIs that Nova once had: 410 in every version. Data only.
import type { ComputeRoute } from './route.ts';

const paths: readonly string[] = [
  'GET /os-agents',
  'POST /os-agents',
  'PUT /os-agents/:id',
  'DELETE /os-agents/:id',
  'GET /os-cells',
  'POST /os-cells',
  'GET /os-cells/capacities',
  'GET /os-cells/detail',
  'GET /os-cells/info',
  'POST /os-cells/sync_instances',
  'GET /os-cells/:id',
  'PUT /os-cells/:id',
  'DELETE /os-cells/:id',
  'GET /os-cells/:id/capacities',
  'POST /os-certificates',
  'GET /os-certificates/:id',
  'GET /os-cloudpipe',
  'POST /os-cloudpipe',
  'PUT /os-cloudpipe/:id',
  'GET /os-fixed-ips/:id',
  'GET /os-floating-ip-dns',
  'PUT /os-floating-ip-dns/:id',
  'DELETE /os-floating-ip-dns/:id',
  'GET /os-floating-ip-dns/:id/entries/:entry_id',
  'PUT /os-floating-ip-dns/:id/entries/:entry_id',
  'DELETE /os-floating-ip-dns/:id/entries/:entry_id',
  'GET /os-floating-ips-bulk',
  'POST /os-floating-ips-bulk',
  'GET /os-floating-ips-bulk/:id',
  'PUT /os-floating-ips-bulk/:id',
  'GET /os-fping',
  'GET /os-fping/:id',
  'POST /os-networks',
  'POST /os-networks/add',
  'DELETE /os-networks/:id',
  'GET /os-security-group-default-rules',
  'POST /os-security-group-default-rules',
  'GET /os-security-group-default-rules/:id',
  'DELETE /os-security-group-default-rules/:id',
  'POST /os-tenant-networks',
  'DELETE /os-tenant-networks/:id',
  'GET /servers/:server_id/consoles',
  'POST /servers/:server_id/consoles',
  'GET /servers/:server_id/consoles/:id',
  'DELETE /servers/:server_id/consoles/:id',
  'GET /servers/:server_id/os-virtual-interfaces',
];

const gone = (name: string) => ({ name, gone: true }) as const;

export const goneRoutes: readonly ComputeRoute[] = [
  ...paths.map((row): ComputeRoute => {
    const [method, path = ''] = row.split(' ');
    return { method: method as ComputeRoute['method'], path, gone: true };
  }),
  {
    method: 'POST',
    path: '/os-fixed-ips/:id/action',
    actions: [gone('reserve'), gone('unreserve')],
  },
  {
    method: 'POST',
    path: '/os-networks/:id/action',
    actions: [
      gone('disassociate'),
      gone('disassociate_host'),
      gone('disassociate_project'),
      gone('associate_host'),
    ],
  },
];
