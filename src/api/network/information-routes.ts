// What the service tells of itself: versions, resources, extensions; and how many addresses its networks have left.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { NetworkState } from '#actors/services/network/state.ts';
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import { extensions } from './extensions.ts';
import type { NetworkAccess } from './network-access.ts';
import { idOf } from './network-routes.ts';
import { errorOf, NetworkHttpError, notAuthorized } from './neutron-error.ts';
import { poolSize } from './subnet-body.ts';
import { refuse } from '#runtime/message/refusal.ts';

/** Kinds of which this cloud has none: lists of them are empty, and nothing can be made. */
const absent = ['agents', 'subnetpools'] as const;

const AVAILABILITY = '/v2.0/network-ip-availabilities';

export function informationRoutes(
  app: FastifyInstance,
  access: NetworkAccess,
  prefix: string,
): void {
  app.get('/', (request, reply) =>
    reply.send({
      versions: [
        {
          id: 'v2.0',
          status: 'CURRENT',
          links: [{ rel: 'self', href: `${access.base(request)}${prefix}/v2.0/` }],
        },
      ],
    }),
  );
  app.get('/v2.0', (request, reply) => {
    const resources = ['network', 'subnet', 'port'].map((name) => ({
      name,
      collection: `${name}s`,
      links: [{ rel: 'self', href: `${access.base(request)}${prefix}/v2.0/${name}s` }],
    }));
    return reply.send({ resources });
  });
  app.get('/v2.0/extensions', (_request, reply) => reply.send({ extensions }));
  app.get('/v2.0/extensions/:id', (request, reply) => {
    const alias = idOf(request);
    const extension = extensions.find((each) => each.alias === alias);
    if (extension === undefined)
      throw new NetworkHttpError(
        404,
        'HTTPNotFound',
        `Extension with alias ${alias} does not exist`,
      );
    return reply.send({ extension });
  });
  for (const collection of absent)
    app.get(`/v2.0/${collection}`, (_request, reply) => reply.send({ [collection]: [] }));
  app.get(AVAILABILITY, (request) => listAvailability(access, request));
  app.get(`${AVAILABILITY}/:id`, (request) => showAvailability(access, request));
}

function requireAdmin(request: FastifyRequest): void {
  if (!request.caller.isAdmin) throw notAuthorized('get_network_ip_availability');
}

async function listAvailability(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request);
  await access.settle();
  return { network_ip_availabilities: [...access.embedded.index.networks()].map(availability) };
}

async function showAvailability(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request);
  await access.settle();
  const networkId = idOf(request);
  const network = access.embedded.index.network(networkId);
  if (network === undefined) throw errorOf(refuse('network-not-found', { networkId }));
  return { network_ip_availability: availability(network) };
}

function availability(network: NetworkState): object {
  const used = new Map<string, number>();
  for (const [, port] of bucketEntries(network.ports))
    for (const { subnetId } of port.fixedIps) used.set(subnetId, (used.get(subnetId) ?? 0) + 1);
  const subnets = network.subnets.map((subnet) => ({
    subnet_id: subnet.id,
    subnet_name: subnet.name,
    ip_version: subnet.version,
    cidr: subnet.cidr,
    total_ips: Number(poolSize(subnet.pools)),
    used_ips: used.get(subnet.id) ?? 0,
  }));
  const { name, projectId } = network.attributes;
  return {
    network_id: network.id,
    network_name: name,
    tenant_id: projectId,
    project_id: projectId,
    total_ips: subnets.reduce((sum, subnet) => sum + subnet.total_ips, 0),
    used_ips: subnets.reduce((sum, subnet) => sum + subnet.used_ips, 0),
    subnet_ip_availability: subnets,
  };
}
