// What recovery depends on: a state that went through a snapshot is the state that it was.
import { expect, test } from 'vitest';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { defaultFlavors } from '#actors/catalog/default-flavors.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { decodeState, encodeState } from '#runtime/journal/codec.ts';
import { runEntity } from './run-entity.ts';
import { hostView } from './scheduler/host-samples.ts';

const { hypervisor } = hostView('h');

const flavors = runEntity(flavorsDefinition, 'all');
flavors.send({ type: 'flavor.seed', flavors: [...defaultFlavors] });
flavors.send({ type: 'flavor.set-specs', flavorId: '1', specs: { a: 'b' } });

const keypairs = runEntity(keypairsDefinition, 'u');
keypairs.send({
  type: 'keypair.create',
  keypair: { name: 'k', type: 'ssh', publicKey: 'ssh-rsa A', fingerprint: 'aa' },
  limit: 5,
});

const project = runEntity(projectDefinition, 'p');
const servers = Array.from({ length: 50 }, (_, i) => ({
  serverId: `s${i}`,
  usage: { cores: 1, ramMiB: 64 },
}));
project.send({ type: 'project.reserve', servers, userId: 'u' });
project.send({ type: 'project.settle', existing: ['s1'], missing: ['s2'] });
project.send({ type: 'project.set-limits', limits: { cores: 90 }, force: false });

const provider = runEntity(providerDefinition, 'rp');
provider.send({
  type: 'provider.describe',
  name: 'h',
  inventories: defaultInventories(hypervisor),
  traits: ['T'],
});
provider.send({
  type: 'provider.claim',
  consumer: 's',
  claimId: 'c',
  resources: { VCPU: 1 },
  projectId: 'p',
  userId: 'u',
});
provider.send({ type: 'provider.release', consumer: 'other' });

const host = runEntity(hostDefinition, 'h');
host.send({
  type: 'host.register',
  serviceId: 's',
  providerId: 'rp',
  hypervisor,
  availabilityZone: 'nova',
});

test.each([
  ['flavors', flavors.state],
  ['key pairs', keypairs.state],
  ['a project', project.state],
  ['a provider', provider.state],
  ['a host', host.state],
])('%s', (_what, state) => {
  expect(decodeState(encodeState(state))).toEqual(state);
});
