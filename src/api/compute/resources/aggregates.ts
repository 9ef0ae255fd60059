// /os-aggregates: groups of hosts. None can be made yet, so the list is empty; clients that look through it go on.
import { notFound } from '../envelope.ts';
import type { ComputeRoute } from '../route.ts';

export const aggregateRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-aggregates',
    policy: { rule: 'os-aggregates:index', persona: 'admin' },
    handler: () => ({ aggregates: [] }),
  },
  {
    method: 'GET',
    path: '/os-aggregates/:id',
    policy: { rule: 'os-aggregates:show', persona: 'admin' },
    handler: (call) => {
      throw notFound(`Aggregate ${call.params['id'] ?? ''} could not be found.`);
    },
  },
];
