// /os-baremetal-nodes, until 2.35: a view of the bare metal service, which this cloud has none of; Nova without one
// answers the same.
import { badRequest, ComputeFault } from '../envelope.ts';
import type { ComputeRoute } from '../route.ts';

const policy = (name: 'list' | 'show') => `os-baremetal-nodes:${name}` as const;
const PATH = '/os-baremetal-nodes';
const missing = (): never => {
  throw new ComputeFault(501, 'Ironic client unavailable, cannot access Ironic.');
};
const moved = (call: string) => (): never => {
  throw badRequest(
    `Command Not supported. Please use Ironic command ${call} to perform this action.`,
  );
};

export const bareMetalRoutes: readonly ComputeRoute[] = [
  { method: 'GET', path: PATH, until: 35, policy: policy('list'), handler: missing },
  { method: 'POST', path: PATH, until: 35, handler: moved('port-create') },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    until: 35,
    policy: policy('show'),
    handler: missing,
  },
  { method: 'DELETE', path: `${PATH}/:id`, until: 35, handler: moved('port-create') },
  {
    method: 'POST',
    path: `${PATH}/:id/action`,
    actions: [
      { name: 'add_interface', until: 35, handler: moved('port-create') },
      { name: 'remove_interface', until: 35, handler: moved('port-delete') },
    ],
  },
];
