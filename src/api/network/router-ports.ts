// The ports by which a router is connected: made and removed here, for interfaces and for the gateway.
import type { FastifyRequest } from 'fastify';
import { randomMacs } from '#actors/services/network/macs.ts';
import type { FoundPort } from '#actors/services/network/network-index.ts';
import type { AddressRequest } from '#actors/services/network/protocol.ts';
import type { RouterState } from '#actors/services/network/routers/entity.ts';
import { refuse } from '#runtime/message/refusal.ts';
import type { NetworkAccess } from './network-access.ts';
import { errorOf } from './neutron-error.ts';

export interface RouterPort {
  readonly router: RouterState;
  readonly networkId: string;
  readonly owner: string;
  /** Undefined: whatever is usual. */
  readonly addresses: readonly AddressRequest[] | undefined;
}

export function portsOf(access: NetworkAccess, routerId: string, owner?: string): FoundPort[] {
  const ports = access.embedded.index.portsOfDevice(routerId);
  return ports.filter(({ port }) => owner === undefined || port.deviceOwner === owner);
}

export async function makeRouterPort(
  access: NetworkAccess,
  request: FastifyRequest,
  { router, networkId, owner, addresses }: RouterPort,
): Promise<FoundPort> {
  const portId = access.newId();
  await access.askNetwork(request, networkId, {
    type: 'network.create-port',
    portId,
    projectId: router.attributes.projectId,
    attributes: {
      name: '',
      description: '',
      adminUp: true,
      deviceId: router.id,
      deviceOwner: owner,
      securityGroups: [],
      portSecurity: false,
      addressPairs: [],
      vnicType: 'normal',
      host: '',
      profile: '{}',
    },
    ownedByDevice: false,
    tags: [],
    macs: randomMacs(access.context.env.random),
    ...(addresses === undefined ? {} : { addresses: [...addresses] }),
    changeId: access.newId(),
  });
  const found = access.embedded.index.port(portId);
  if (found === undefined) throw errorOf(refuse('port-not-found', { portId }));
  return found;
}

export function removeRouterPort(
  access: NetworkAccess,
  request: FastifyRequest,
  { network, port }: FoundPort,
): Promise<void> {
  return access.askNetwork(request, network.id, {
    type: 'network.delete-port',
    portId: port.id,
    changeId: access.newId(),
  });
}
