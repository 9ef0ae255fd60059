// /extensions: which parts of the API there are, from the days before microversions.
import { notFound } from '../envelope.ts';
import type { ComputeRoute } from '../route.ts';
import { type Extension, extensions } from './extension-table.ts';

/** Nova gives every extension these two. */
const NAMESPACE = 'http://docs.openstack.org/compute/ext/fake_xml';
const UPDATED = '2014-12-03T00:00:00Z';

export const extensionRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/extensions',
    policy: 'extensions',
    handler: () => ({ extensions: extensions.map(view) }),
  },
  {
    method: 'GET',
    path: '/extensions/:alias',
    policy: 'extensions',
    handler: (call) => {
      const found = extensions.find(({ alias }) => alias === call.params['alias']);
      if (found === undefined) throw notFound();
      return { extension: view(found) };
    },
  },
];

function view({ alias, name, description }: Extension): object {
  return { alias, name, description, links: [], namespace: NAMESPACE, updated: UPDATED };
}
