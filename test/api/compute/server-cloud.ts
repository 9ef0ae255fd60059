// A compute service with real entities, an image, networks, a host and flavors: what tests about servers start from.
// Nothing runs effects: `settle` reports what a host would, step by step.
import { makeProjectDefinition } from '#actors/project/entity.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import type { QuotaLimits } from '#actors/project/protocol.ts';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { defaultFlavors } from '#actors/catalog/default-flavors.ts';
import { ALL_FLAVORS, flavors, keypairs } from '#actors/catalog/protocol.ts';
import type { Flavor, ServerPort } from '#actors/domain/server.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { operations, stepAt } from '#actors/instance/operations/all.ts';
import { instances, type OperationName } from '#actors/instance/protocol.ts';
import type { InstanceState, RunningOperation } from '#actors/instance/state.ts';
import type { PowerState } from '#actors/domain/states.ts';
import type { ImageRecord } from '#actors/ports/images.ts';
import type { SecurityGroups } from '#api/compute/context.ts';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { hosts } from '#actors/topology/protocol.ts';
import { present } from '#runtime/assert.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { PROJECT, testService, type TestService } from './service.ts';

export const IMAGE = '70a599e0-31e7-49b7-b260-868f441e862b';
export const NETWORK = 'aaaaaaaa-0000-4000-8000-000000000001';
export const HOST = 'compute1';
export const TINY = '42';
export const KEY = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== anna@home';

type Json = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The parsed body; tests look into it. */
  readonly body: ReturnType<typeof JSON.parse>;
}

export interface CallOptions {
  /** `2.79`; none by default. */
  readonly version?: string;
  /** A caller of service.ts; default anna. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `/compute/v2.1`. */
  readonly root?: string;
}

export interface ServerCloud extends TestService {
  call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<Reply>;
  get(path: string, options?: CallOptions): Promise<Reply>;
  /** Creates one and answers with its id; `extra` goes over the usual body. */
  boot(extra?: Json, options?: CallOptions): Promise<string>;
  /** Boots and settles. */
  bootActive(extra?: Json, options?: CallOptions): Promise<string>;
  /** Reports success for every step of the running operation. */
  settle(id: string): Promise<void>;
  /** Reports a failure that can't be retried, and all that is undone. */
  fail(id: string, fault: { code: number; message: string; details: string }): Promise<void>;
  state(id: string): InstanceState;
}

export function imageRecord(changes: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: IMAGE,
    name: 'tiny',
    status: 'active',
    visibility: 'public',
    ownerId: 'someone',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    sizeBytes: 20_000_000,
    virtualSizeBytes: 50_000_000,
    sha512: 'ab'.repeat(64),
    minDiskGiB: 0,
    minRamMiB: 0,
    properties: {},
    createdAtMs: 0,
    updatedAtMs: 0,
    ...changes,
  };
}

export function serverBody(extra: Json = {}): { server: Json } {
  return {
    server: {
      name: 'vm',
      imageRef: IMAGE,
      flavorRef: TINY,
      networks: [{ uuid: NETWORK }],
      ...extra,
    },
  };
}

/** A guest that was down before a move is down after it. */
function powerOf({ operation, move }: InstanceState): PowerState {
  const before = move?.fromVmState ?? operation?.fromVmState;
  return move !== undefined && before === 'stopped' ? 'shutdown' : 'running';
}

const powerAfter: Partial<Record<OperationName, PowerState>> = {
  stop: 'shutdown',
  pause: 'paused',
  suspend: 'suspended',
  shelve: 'shutdown',
  'shelve-offload': 'shutdown',
};

export async function serverCloud(
  quota: Partial<QuotaLimits> = {},
  securityGroups?: SecurityGroups,
): Promise<ServerCloud> {
  const service = testService({
    definitions: [
      instanceDefinition,
      makeProjectDefinition({ ...defaultQuotaLimits, ...quota }),
      flavorsDefinition,
      keypairsDefinition,
      hostDefinition,
      aggregatesDefinition,
      consoleTokensDefinition,
      serverGroupsDefinition,
    ],
    quotaDefaults: { ...defaultQuotaLimits, ...quota },
    ...(securityGroups === undefined ? {} : { securityGroups }),
  });
  const { app, cluster, context } = service;
  await furnish(service);

  const call: ServerCloud['call'] = async (method, path, body, options = {}) => {
    const reply = await app.inject({
      method,
      url: `${options.root ?? '/compute/v2.1'}${path}`,
      headers: {
        host: 'cloud:8774',
        'x-auth-token': options.as ?? 'anna',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.version === undefined
          ? {}
          : { 'openstack-api-version': `compute ${options.version}` }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return {
      status: reply.statusCode,
      headers: reply.headers,
      text: reply.body,
      body: reply.body.startsWith('{') ? reply.json() : undefined,
    };
  };
  const state = (id: string): InstanceState => present(context.servers.get(id), `server ${id}`);
  const tell = async (id: string, command: Parameters<typeof ask>[1]): Promise<void> => {
    const answer = await ask(id, command);
    if (isRefusal(answer)) throw new Error(`${id}: ${JSON.stringify(answer)}`);
  };
  const ask = (id: string, command: { readonly type: string } & Json) =>
    cluster.router.ask(instances.ref(id), command as never, { requestId: 'req-host' });
  const cloud: ServerCloud = {
    ...service,
    call,
    get: (path, options) => call('GET', path, undefined, options),
    boot: async (extra, options) => {
      const reply = await call('POST', '/servers', serverBody(extra), options);
      if (reply.status !== 202) throw new Error(`${reply.status} ${reply.text}`);
      return String(reply.body.server.id);
    },
    bootActive: async (extra, options) => {
      const id = await cloud.boot(extra, options);
      await cloud.settle(id);
      return id;
    },
    settle: async (id) => {
      for (let now = state(id); now.operation !== undefined; now = state(id)) {
        const { operation } = now;
        const step = stepAt(operation.name, operation.step);
        await tell(id, {
          type: 'instance.step-done',
          operationId: operation.id,
          step: step.name,
          attempt: operation.attempt,
          result:
            step.effect === 'place'
              ? placement(now)
              : step.effect.startsWith('place-')
                ? { host: 'compute2', node: 'compute2', providerId: 'provider-2' }
                : { power: powerAfterStep(now, operation) },
        });
      }
    },
    fail: async (id, fault) => {
      for (let now = state(id); now.operation !== undefined; now = state(id)) {
        const { operation } = now;
        const report = {
          operationId: operation.id,
          step: stepAt(operation.name, operation.step).name,
          attempt: operation.attempt,
        };
        await tell(
          id,
          operation.failure === undefined
            ? { type: 'instance.step-failed', ...report, fault, retryable: false }
            : { type: 'instance.step-undone', ...report },
        );
      }
    },
    state,
  };
  return cloud;
}

/** What keeps the vm_state keeps the power. */
function powerAfterStep(state: InstanceState, { name, fromVmState }: RunningOperation): PowerState {
  const isKept = operations[name].success.keeps?.includes(fromVmState) === true;
  return isKept ? state.powerState : (powerAfter[name] ?? powerOf(state));
}

function placement(state: InstanceState) {
  const request = present(state.request, 'request');
  return {
    host: request.requestedHost ?? HOST,
    node: `${HOST}.cloud`,
    providerId: 'bbbbbbbb-0000-4000-8000-000000000001',
    availabilityZone: 'nova',
    ports: request.networks.map(
      (port, index): ServerPort => ({
        portId: port.portId,
        networkId: port.networkId,
        networkName: 'private',
        mac: `FA:16:3E:00:00:0${index}`,
        mtu: 1500,
        bridge: 'br',
        fixedIps: [
          {
            subnetId: 'cccccccc-0000-4000-8000-000000000001',
            address: port.fixedIp ?? `10.0.0.${10 + index}`,
            version: 4,
            cidr: '10.0.0.0/24',
            dnsServers: [],
          },
        ],
        ownedByServer: !port.existing,
        ...(port.tag === undefined ? {} : { tag: port.tag }),
      }),
    ),
  };
}

async function furnish({ cluster, images, networks }: TestService): Promise<void> {
  const seed = { requestId: 'req-seed' };
  const extra: Flavor = {
    ...present(defaultFlavors[0], 'a default flavor'),
    id: 'secret',
    name: 'secret',
    isPublic: false,
  };
  const special = { ...extra, id: 'spec', name: 'spec', isPublic: true, extraSpecs: { a: 'b' } };
  const diskless = { ...extra, id: 'zero', name: 'zero', isPublic: true, diskGiB: 0 };
  for (const flavor of [...defaultFlavors, extra, special, diskless])
    await cluster.router.ask(
      flavors.ref(ALL_FLAVORS),
      { type: 'flavor.create', flavor } as never,
      seed,
    );
  await cluster.router.ask(
    keypairs.ref('user-anna'),
    {
      type: 'keypair.create',
      keypair: { name: 'key', type: 'ssh', publicKey: KEY, fingerprint: 'aa:bb' },
      limit: 10,
    } as never,
    seed,
  );
  for (const id of [HOST, 'dead', 'disabled'])
    await cluster.router.ask(
      hosts.ref(id),
      {
        type: 'host.register',
        serviceId: `service-${id}`,
        providerId: `provider-${id}`,
        availabilityZone: id === 'dead' ? 'cold' : 'nova',
        hypervisor: {
          hostname: `${id}.cloud`,
          type: 'QEMU',
          version: 1,
          hostIp: '10.1.1.1',
          cpus: 8,
          memoryMiB: 8192,
          diskGiB: 100,
          architecture: 'x86_64',
          cpuModel: 'm',
          cpuVendor: 'v',
          cpuTopology: { sockets: 1, cores: 8, threads: 1 },
          cpuFeatures: [],
        },
      },
      seed,
    );
  await cluster.router.ask(
    hosts.ref('disabled'),
    { type: 'host.set-enabled', enabled: false, reason: 'mending' },
    seed,
  );
  images.set(IMAGE, imageRecord());
  networks.all.set(NETWORK, {
    id: NETWORK,
    name: 'private',
    projectId: PROJECT,
    shared: false,
    external: false,
    subnetIds: ['cccccccc-0000-4000-8000-000000000001'],
  });
}
