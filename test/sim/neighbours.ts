// The neighbour services that a controller of a walk has: networks for real, images as one that is always there.
import type { Assembly } from '../../src/assembly.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';

/** Before the assembly recovers. */
export function joinNetworks(assembly: Assembly): EmbeddedNetworks {
  const { entities, router, env } = assembly;
  assembly.register({ definition: networkDefinition });
  assembly.register({ definition: tenancyDefinition });
  const networks = embeddedNetworks({
    env,
    router,
    networks: entities.view(networkDefinition),
    tenancies: entities.view(tenancyDefinition),
    settings: defaultNetworkSettings,
  });
  assembly.useNetworks(networks);
  return networks;
}

/** The network that a new cloud starts with. */
export async function seedNetworks({ env, router, entities }: Assembly): Promise<void> {
  await seedNetwork(
    { env, router, views: entities, networks: entities.view(networkDefinition) },
    { name: 'private', projectId: 'admin', cidr: '10.87.0.0/20', mtu: 1500, dnsServers: [] },
  );
}

export const driveFiles = [
  { path: 'openstack/latest/meta_data.json', content: new TextEncoder().encode('{}') },
] as const;
