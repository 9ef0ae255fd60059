import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Auditor, strayClaims, strayPorts } from '#actors/audit/audit.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { present } from '#runtime/assert.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { hosts } from '#actors/topology/protocol.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { InstanceDriver, instanceIn } from '../instance/instance-driver.ts';

const asked = { requestId: 'req-1' };
const placed = instanceIn('active').state;
const gone = instanceIn('deleted').state;
const building = new InstanceDriver().create().state;
const hostless = new InstanceDriver().create().fail().rest().state;

function sources(claims: Readonly<Record<string, readonly string[]>>, server?: InstanceState) {
  return [
    {
      consumers: () => Object.keys(claims).values(),
      holders: (consumer: string) => new Set(claims[consumer]),
      isForeign: (_consumer: string, providerId: string) => providerId === 'foreign',
    },
    { get: (id: string) => (id === 's' ? server : undefined) },
  ] as const;
}

describe('a claim', () => {
  it('of a server at its host is no stray', () => {
    expect(strayClaims(...sources({ s: ['provider-1'] }, placed))).toEqual([]);
  });

  it('of a server with an operation under way is none, wherever it is', () => {
    expect(strayClaims(...sources({ s: ['provider-1', 'provider-2'] }, building))).toEqual([]);
  });

  it.each([
    ['that is gone', gone, 'there is no such server'],
    ['that never was', undefined, 'there is no such server'],
    ['that has no host', hostless, 'its host is none'],
  ])('of a server %s is a stray', (_what, server, reason) => {
    expect(strayClaims(...sources({ s: ['provider-1'] }, server))).toEqual([
      { consumer: 's', providerId: 'provider-1', reason },
    ]);
  });

  it('of a server at another host is a stray, the right one is not', () => {
    expect(strayClaims(...sources({ s: ['provider-2', 'provider-1'] }, placed))).toEqual([
      { consumer: 's', providerId: 'provider-2', reason: 'its host is host-1' },
    ]);
  });
});

describe('a claim of a server that is moved', () => {
  const grant = present(placed.grant, 'grant');
  const destination = { ...grant, host: 'host-2', providerId: 'provider-2', claimId: 'move/1' };
  const move = { source: grant, destination } as unknown as InstanceState['move'];

  it('is a stray at neither end', () => {
    const claims = { s: ['provider-1', 'provider-2', 'provider-3'] };
    expect(strayClaims(...sources(claims, { ...placed, move }))).toEqual([
      { consumer: 's', providerId: 'provider-3', reason: 'its host is host-1' },
    ]);
  });
});

it('what was written through the placement API is nobody’s stray', () => {
  expect(strayClaims(...sources({ s: ['foreign', 'provider-1'] }, undefined))).toEqual([
    { consumer: 's', providerId: 'provider-1', reason: 'there is no such server' },
  ]);
});

describe('ports', () => {
  it.each([
    ['with a host', placed, []],
    ['with an operation under way', building, []],
    ['without a host', hostless, ['s']],
    ['that is gone', gone, ['s']],
    ['that never was', undefined, ['s']],
  ] as const)('of a server %s', (_what, server, strays) => {
    const networks = { serversWithPorts: () => ['s'] };
    expect(strayPorts(networks, { get: () => server })).toEqual(strays);
  });
});

describe('the auditor', () => {
  let env: VirtualEnv;
  let restoreGlobals: () => void;
  let cluster: PureCluster;
  let consumers: ConsumerIndex;
  let released: string[];
  let auditor: Auditor;
  let failures: number;
  let onRelease: () => void;

  beforeEach(async () => {
    env = createVirtualEnv({ seed: 1 });
    restoreGlobals = env.installGlobals();
    cluster = pureCluster([providerDefinition, hostDefinition], () => env.clock.now());
    consumers = new ConsumerIndex(cluster.view(providerDefinition));
    released = [];
    failures = 0;
    onRelease = () => undefined;
    auditor = new Auditor({
      env,
      router: cluster.router,
      servers: { get: () => undefined } as never,
      consumers,
      hosts: cluster.view(hostDefinition),
      providers: cluster.view(providerDefinition),
      networks: {
        serversWithPorts: () => (released.length === 0 ? ['s'] : []),
        release: async (serverId) => {
          onRelease();
          failures -= 1;
          if (failures >= 0) throw new Error('away');
          released.push(serverId);
        },
      },
    });
    const inventory = {
      total: 9,
      reserved: 0,
      minUnit: 1,
      maxUnit: 9,
      stepSize: 1,
      allocationRatio: 1,
    };
    const described = { name: 'h', inventories: { VCPU: inventory }, traits: [] };
    await cluster.router.ask(
      providers.ref('rp'),
      { type: 'provider.describe', ...described },
      asked,
    );
    const claim = {
      consumer: 's',
      claimId: 'c',
      resources: { VCPU: 1 },
      projectId: 'p',
      userId: 'u',
    };
    await cluster.router.ask(providers.ref('rp'), { type: 'provider.claim', ...claim }, asked);
  });
  afterEach(() => restoreGlobals());

  const left = () => ({ claims: [...consumers.consumers()], released });

  it('gives back what nobody accounts for, soon after the start', async () => {
    auditor.start();
    await env.advance(1_000);
    expect(left()).toEqual({ claims: [], released: ['s'] });
  });

  it('gives a registered host the provider back that was deleted', async () => {
    const { router } = cluster;
    await router.ask(
      hosts.ref('h'),
      {
        type: 'host.register',
        serviceId: 'service',
        providerId: 'rp',
        hypervisor: { hostname: 'h' } as never,
        availabilityZone: 'nova',
      },
      asked,
    );
    await router.ask(providers.ref('rp'), { type: 'provider.release', consumer: 's' }, asked);
    await router.ask(providers.ref('rp'), { type: 'provider.remove', writeId: 'w' }, asked);
    const provider = () => cluster.view(providerDefinition).get('rp');
    expect(provider()?.exists).toBe(false);
    auditor.start();
    await env.advance(1_000);
    expect(provider()).toMatchObject({
      exists: true,
      name: 'h',
      inventories: { VCPU: { total: 9 } },
    });
  });

  it('comes again when it failed', async () => {
    failures = 1;
    auditor.start();
    await env.advance(1_000);
    expect(left()).toEqual({ claims: ['s'], released: [] });
    await env.advance(60_000);
    expect(left()).toEqual({ claims: [], released: ['s'] });
  });

  it('comes no more once it is stopped', async () => {
    auditor.start();
    auditor.stop();
    await env.runUntilIdle();
    expect(left()).toEqual({ claims: ['s'], released: [] });
  });

  it('comes no more when it is stopped during an audit', async () => {
    onRelease = () => auditor.stop();
    auditor.start();
    await env.runUntilIdle();
    expect(env.clock.monotonic()).toBe(1_000);
  });
});
