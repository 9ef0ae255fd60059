// /flavors/{id}/os-extra_specs: free-form requirements of a flavor; known ones are checked from 2.86 on.
import { ALL_FLAVORS, flavors } from '#actors/catalog/protocol.ts';
import { badRequest, notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { extraSpecFault } from './extra-spec-rules.ts';
import { findFlavor } from './flavor-lookup.ts';
import { createSpecs, updateSpec } from './flavor-schemas.ts';

const all = flavors.ref(ALL_FLAVORS);
const path = '/flavors/:id/os-extra_specs';
type Specs = Readonly<Record<string, string>>;

export const extraSpecRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path,
    policy: 'os-flavor-extra-specs:index',
    handler: async (call) => ({ extra_specs: await specsOf(call) }),
  },
  {
    method: 'POST',
    path,
    policy: 'os-flavor-extra-specs:create',
    body: createSpecs,
    handler: async (call) => {
      const { extra_specs: specs } = call.body as { extra_specs: Specs };
      await set(call, specs);
      return { extra_specs: specs };
    },
  },
  {
    method: 'GET',
    path: `${path}/:key`,
    policy: 'os-flavor-extra-specs:show',
    handler: async (call) => {
      const specs = await specsOf(call);
      const key = keyOf(call);
      const value = Object.hasOwn(specs, key) ? specs[key] : undefined;
      if (value === undefined)
        throw notFound(`Flavor ${idOf(call)} has no extra specs with key ${key}.`);
      return { [key]: value };
    },
  },
  {
    method: 'PUT',
    path: `${path}/:key`,
    policy: 'os-flavor-extra-specs:update',
    body: updateSpec,
    handler: async (call) => {
      const specs = call.body as Specs;
      if (!Object.hasOwn(specs, keyOf(call))) throw badRequest('Request body and URI mismatch');
      await set(call, specs);
      return specs;
    },
  },
  {
    method: 'DELETE',
    path: `${path}/:key`,
    policy: 'os-flavor-extra-specs:delete',
    handler: async (call) => {
      await ask(call, all, { type: 'flavor.remove-spec', flavorId: idOf(call), key: keyOf(call) });
    },
  },
];

function idOf(call: ComputeCall): string {
  return call.params['id'] ?? '';
}

function keyOf(call: ComputeCall): string {
  return call.params['key'] ?? '';
}

async function specsOf(call: ComputeCall): Promise<Specs> {
  return (await findFlavor(call, idOf(call))).flavor.extraSpecs;
}

async function set(call: ComputeCall, specs: Specs): Promise<void> {
  if (call.from(86))
    for (const [key, value] of Object.entries(specs)) {
      const fault = extraSpecFault(key, value);
      if (fault !== undefined) throw badRequest(fault);
    }
  await ask(call, all, { type: 'flavor.set-specs', flavorId: idOf(call), specs: { ...specs } });
}
