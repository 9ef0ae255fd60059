// A compute service with the entities behind flavors, key pairs, quota and hosts, and a short way to call it.
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import type { Flavor } from '#actors/domain/server.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { hosts, type HypervisorFacts } from '#actors/topology/protocol.ts';
import { resourceRoutes } from '#api/compute/resources/routes.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { serverRequest, testFlavor } from '#test/support/servers.ts';
import { PROJECT, type TestService, testService, type TestServiceOptions } from '../service.ts';

export interface Reply {
  readonly status: number;
  /** Parsed JSON; undefined for none. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface CallOptions {
  /** Default `admin`. */
  readonly as?: string;
  /** Minor microversion; default none (2.1). */
  readonly minor?: number;
  readonly body?: unknown;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface ResourceService extends TestService {
  readonly call: (method: Method, path: string, options?: CallOptions) => Promise<Reply>;
}

export function resourceService(
  servers: readonly InstanceState[] = [],
  options: Pick<TestServiceOptions, 'imageService'> & {
    readonly definitions?: readonly AnyEntityDefinition[];
  } = {},
): ResourceService {
  const service = testService({
    ...options,
    routes: resourceRoutes,
    definitions: [
      flavorsDefinition,
      keypairsDefinition,
      projectDefinition,
      providerDefinition,
      hostDefinition,
      aggregatesDefinition,
      consoleTokensDefinition,
      serverGroupsDefinition,
      ...(options.definitions ?? []),
    ],
    servers: fixedView(servers),
  });
  return {
    ...service,
    call: async (method, path, { as = 'admin', minor, body } = {}) => {
      const reply = await service.app.inject({
        method,
        url: `/compute/v2.1${path}`,
        headers: {
          'x-auth-token': as,
          ...(minor === undefined ? {} : { 'openstack-api-version': `compute 2.${minor}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      const { statusCode: status, headers } = reply;
      return { status, headers, body: reply.body === '' ? undefined : JSON.parse(reply.body) };
    },
  };
}

function fixedView(states: readonly InstanceState[]): StateView<InstanceState> {
  const byId = new Map(states.map((state) => [state.id, state]));
  return {
    get: (id) => byId.get(id),
    values: () => byId.values(),
    size: byId.size,
    subscribe: () => () => undefined,
  };
}

/** The body of an error reply. */
export function fault(name: string, code: number, message: string): object {
  return { [name]: { code, message } };
}

export const hypervisor: HypervisorFacts = {
  hostname: 'h1.example',
  type: 'QEMU',
  version: 7_002_000,
  hostIp: '192.0.2.1',
  cpus: 4,
  memoryMiB: 4096,
  diskGiB: 40,
  architecture: 'x86_64',
  cpuModel: 'EPYC',
  cpuVendor: 'AMD',
  cpuTopology: { sockets: 1, cores: 4, threads: 1 },
  cpuFeatures: ['avx'],
};

export const SERVICE_ID = '5e12b1ce-0000-4000-8000-000000000001';
export const PROVIDER_ID = '9d0a1de1-0000-4000-8000-000000000001';

/** A host with a provider of the usual inventories; the number goes into its ids. */
export async function addHost(service: ResourceService, name: string, number = 1): Promise<void> {
  const options = { requestId: 'req-test' };
  const end = String(number);
  const hostname = `${name}.example`;
  const { router } = service.cluster;
  const providerId = `${PROVIDER_ID.slice(0, -1)}${end}`;
  await router.ask(
    hosts.ref(name),
    {
      type: 'host.register',
      serviceId: `${SERVICE_ID.slice(0, -1)}${end}`,
      providerId,
      hypervisor: { ...hypervisor, hostname },
      availabilityZone: 'nova',
    },
    options,
  );
  await router.ask(
    providers.ref(providerId),
    {
      type: 'provider.describe',
      name: hostname,
      inventories: defaultInventories(hypervisor),
      traits: [],
    },
    options,
  );
}

/** A server that runs on a host; 2025-12-31 is the day before the tests' clock starts. */
export function server(
  id: string,
  changes: Partial<InstanceState> & { readonly flavor?: Flavor; readonly projectId?: string } = {},
): InstanceState {
  const { flavor = testFlavor, projectId = PROJECT, ...state } = changes;
  return {
    ...instanceDefinition.initial(id),
    existence: 'exists',
    request: serverRequest({ name: `name-${id}`, projectId, flavor }),
    vmState: 'active',
    grant: {
      host: 'h1',
      node: 'h1.example',
      providerId: PROVIDER_ID,
      availabilityZone: 'nova',
      runEpoch: 1,
      claimId: 'create/1',
      storageId: undefined,
      side: undefined,
    },
    createdAtMs: Date.UTC(2025, 11, 31, 10),
    launchedAtMs: Date.UTC(2025, 11, 31, 12),
    ...state,
  };
}
