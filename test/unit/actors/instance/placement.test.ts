import { beforeEach, describe, expect, it } from 'vitest';
import { Placement, type PlacementRequest } from '#actors/instance/placement.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import type { Candidate, RequestSpec } from '#actors/scheduler/protocol.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { serverRequest } from '#test/support/servers.ts';
import { bucketKeys } from '#actors/domain/bucket-map.ts';

const server = 's1';
const asked = { requestId: 'req-1' };
const candidate = (host: string): Candidate => ({
  host,
  node: host,
  providerId: `rp-${host}`,
  availabilityZone: 'nova',
  weight: 0,
});
const wanted: PlacementRequest = {
  serverId: server,
  request: serverRequest(),
  claimId: 'op/1',
  excludedHosts: ['h9'],
  requestId: 'req-1',
  owner: { ownerEpoch: 3, isOurs: () => true },
};
const { owner } = wanted;

describe('a placement', () => {
  let cluster: PureCluster;
  let consumers: ConsumerIndex;
  let specs: RequestSpec[];

  beforeEach(() => {
    cluster = pureCluster([providerDefinition], () => 1_000);
    consumers = new ConsumerIndex(cluster.view(providerDefinition));
    specs = [];
  });

  async function describeHost(host: string, ramMiB: number): Promise<void> {
    const inventory = (total: number) => ({
      total,
      reserved: 0,
      minUnit: 1,
      maxUnit: total,
      stepSize: 1,
      allocationRatio: 1,
    });
    await cluster.router.ask(
      providers.ref(`rp-${host}`),
      {
        type: 'provider.describe',
        name: host,
        inventories: { VCPU: inventory(8), MEMORY_MB: inventory(ramMiB), DISK_GB: inventory(100) },
        traits: [],
      },
      asked,
    );
  }

  /** The scheduler answers each round with the next choice, the last one for ever. */
  function placement(...rounds: readonly (readonly string[])[]): Placement {
    return new Placement({
      router: cluster.router,
      consumers,
      requestOf: () => wanted.request,
      scheduler: {
        select: async (spec) => {
          specs.push(spec);
          const hosts = rounds[Math.min(specs.length, rounds.length) - 1] ?? [];
          const refusals = hosts.length > 0 ? [] : [{ host: 'h0', filter: 'ram', reason: 'full' }];
          return { candidates: hosts.map(candidate), refusals };
        },
      },
    });
  }

  const holders = (consumer = server): readonly string[] => [...consumers.holders(consumer)];

  it('claims at the best candidate', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    expect(await placement(['h1', 'h2']).place(wanted)).toEqual(candidate('h1'));
    expect(holders()).toEqual(['rp-h1']);
    expect(specs).toEqual([
      {
        serverId: server,
        claimId: 'op/1',
        projectId: 'project-1',
        flavor: wanted.request.flavor,
        image: wanted.request.image,
        availabilityZone: undefined,
        requestedHost: undefined,
        hints: {},
        excludedHosts: ['h9'],
      },
    ]);
  });

  it('takes the next one when the best was taken by others', async () => {
    await describeHost('h1', 10);
    await describeHost('h2', 1_000);
    expect(await placement(['h1', 'h2']).place(wanted)).toEqual(candidate('h2'));
    expect(holders()).toEqual(['rp-h2']);
  });

  it('asks anew when all were taken, and says in the end what each said', async () => {
    await describeHost('h1', 10);
    const answer = await placement(['h1'], ['h1'], []).place(wanted);
    expect(specs).toHaveLength(3);
    expect(answer).toMatchObject({
      refused: 'no-valid-host',
      detail: {
        refusals: [
          { host: 'h0', filter: 'ram', reason: 'full' },
          { host: 'h1', filter: 'claim', reason: expect.stringContaining('claim-refused') },
          { host: 'h1', filter: 'claim', reason: expect.stringContaining('MEMORY_MB') },
        ],
      },
    });
    expect(holders()).toEqual([]);
  });

  it('gives up after five rounds', async () => {
    await describeHost('h1', 10);
    expect(await placement(['h1']).place(wanted)).toMatchObject({ refused: 'no-valid-host' });
    expect(specs).toHaveLength(5);
  });

  it('asked for twice claims once, and stays where it was', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    await placement(['h1']).place(wanted);
    expect(await placement(['h2', 'h1']).place(wanted)).toEqual(candidate('h1'));
    expect(holders()).toEqual(['rp-h1']);
  });

  it('that must move gives its first claim back', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    await placement(['h1']).place(wanted);
    expect(await placement(['h2']).place(wanted)).toEqual(candidate('h2'));
    expect(holders()).toEqual(['rp-h2']);
  });

  it('is given back by its name alone, or whole', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    const place = placement(['h1']);
    await place.place(wanted);
    await place.release(server, 'op/2', { requestId: 'req-2', owner });
    expect(holders()).toEqual(['rp-h1']);
    await place.release(server, 'op/1', { requestId: 'req-2', owner });
    expect(holders()).toEqual([]);
    await placement(['h2']).place({ ...wanted, claimId: 'op/3' });
    await place.release(server, undefined, { requestId: 'req-3', owner });
    expect(holders()).toEqual([]);
  });

  it('that comes after its server’s end is refused', async () => {
    await describeHost('h1', 1_000);
    const place = placement(['h1'], []);
    await place.place(wanted);
    await place.release(server, undefined, { requestId: 'req-2', owner });
    expect(await place.place({ ...wanted, claimId: 'op/2' })).toMatchObject({
      refused: 'no-valid-host',
    });
    const [provider] = cluster.view(providerDefinition).values();
    expect([...bucketKeys(provider!.allocations)]).toEqual([]);
  });

  it('of an owner that has been replaced takes and gives back nothing that the next one holds', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    await placement(['h1']).place({ ...wanted, owner: { ...owner, ownerEpoch: 4 } });
    const late = placement(['h2', 'h1']);
    await expect(late.place(wanted)).rejects.toThrow('owned by another member');
    await late.release(server, undefined, { requestId: 'req-2', owner });
    expect(holders()).toEqual(['rp-h1']);
  });

  it('ends where it is when its owner hears that it has been replaced', async () => {
    for (const host of ['h1', 'h2']) await describeHost(host, 1_000);
    let isOurs = true;
    const place = placement(['h1']);
    await place.place({ ...wanted, owner: { ...owner, isOurs: () => isOurs } });
    isOurs = false;
    const moved = { ...wanted, owner: { ...owner, isOurs: () => isOurs } };
    await expect(placement(['h2']).place(moved)).rejects.toThrow('owned by another member');
    await expect(
      place.release(server, 'op/1', { requestId: 'req-2', owner: moved.owner }),
    ).rejects.toThrow('owned by another member');
    expect(holders()).toEqual(['rp-h1']);
  });
});
