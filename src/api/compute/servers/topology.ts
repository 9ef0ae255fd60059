// `GET /servers/{id}/topology`, from 2.78: the guest's NUMA nodes. Guests here have no NUMA topology of their own, which
// is what an empty list means in Nova too.
import { openQuery } from '../resources/query-schemas.ts';
import type { ComputeRoute } from '../route.ts';

export const topologyRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/servers/:server_id/topology',
    since: 78,
    target: 'server',
    query: openQuery,
    policy: 'compute:server:topology:index',
    handler: () => ({ nodes: [], pagesize_kb: null }),
  },
];
