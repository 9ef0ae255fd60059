// The network that a new cloud starts with: shared, flat, on every host's bridge. Made once; what people change stays so.
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { formatPrefix, parsePrefix } from './addresses.ts';
import { networks, type SubnetRecord } from './protocol.ts';
import type { NetworkState } from './state.ts';
import { defaultGateway, defaultPools } from './subnet-plan.ts';

export interface NetworkSeedContext {
  readonly env: Env;
  readonly router: Router;
  readonly views: Views;
  readonly networks: StateView<NetworkState>;
}

export interface NetworkSeed {
  /** The network's id if it is made now, so that two processes that seed at the same time make one. Default: a new one. */
  readonly id?: string;
  /** `private`; its subnet is `private-subnet`. Also the physical network's name, by which it is known again. */
  readonly name: string;
  /** The project that owns it. */
  readonly projectId: string;
  /** IPv4, at most a /30: `10.87.0.0/20`. */
  readonly cidr: string;
  readonly mtu: number;
  readonly dnsServers: readonly string[];
}

/** The network's id; undefined if an administrator has deleted it. Throws in words for a wrong seed. */
export async function seedNetwork(
  context: NetworkSeedContext,
  seed: NetworkSeed,
): Promise<string | undefined> {
  const { env, router, views } = context;
  await views.barrier();
  const requestId = `req-${env.random.uuid()}`;
  const known = findSeeded(context, seed);
  if (known?.status === 'deleted') return undefined;
  const networkId = known?.id ?? seed.id ?? env.random.uuid();
  const ref = networks.ref(networkId);
  if (known === undefined) {
    const command = createCommand(seed);
    await must(router.ask(ref, command, { requestId }), seed);
  }
  // Nothing was ever changed and no subnet is there: the process ended between the two.
  if (known === undefined || (known.subnets.length === 0 && known.revision === 1)) {
    const subnet = subnetOf(env, seed);
    const changeId = `seed-subnet:${seed.name}`;
    const command = { type: 'network.create-subnet' as const, subnet, changeId };
    await must(router.ask(ref, command, { requestId }), seed);
  }
  return networkId;
}

function findSeeded(context: NetworkSeedContext, seed: NetworkSeed): NetworkState | undefined {
  const all = [...context.networks.values()].filter(
    ({ attributes }) =>
      attributes.providerType === 'flat' && attributes.physicalNetwork === seed.name,
  );
  return all.find(({ status }) => status === 'present') ?? all[0];
}

function createCommand(seed: NetworkSeed) {
  return {
    type: 'network.create' as const,
    attributes: {
      name: seed.name,
      description: '',
      projectId: seed.projectId,
      adminUp: true,
      shared: true,
      external: false,
      portSecurity: true,
      mtu: seed.mtu,
      providerType: 'flat',
      physicalNetwork: seed.name,
    },
    changeId: `seed:${seed.name}`,
  };
}

function subnetOf(env: Env, seed: NetworkSeed): SubnetRecord {
  const prefix = parsePrefix(seed.cidr);
  if (prefix?.version !== 4 || prefix.length > 30)
    throw new Error(`network ${seed.name}: '${seed.cidr}' is no IPv4 prefix of at most /30`);
  const gateway = defaultGateway(prefix);
  return {
    id: env.random.uuid(),
    name: `${seed.name}-subnet`,
    description: '',
    projectId: seed.projectId,
    version: 4,
    cidr: formatPrefix(prefix),
    gateway,
    dhcp: true,
    pools: [...defaultPools(prefix, gateway)],
    dnsServers: [...seed.dnsServers],
    hostRoutes: [],
  };
}

async function must(answer: Promise<unknown>, seed: NetworkSeed): Promise<void> {
  const given = await answer;
  if (isRefusal(given))
    throw new Error(`network ${seed.name}: ${given.refused} ${JSON.stringify(given.detail)}`);
}
