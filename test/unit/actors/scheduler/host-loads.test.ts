import { expect, it } from 'vitest';
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { HostLoads } from '#actors/scheduler/host-loads.ts';
import { noLoad } from '#actors/scheduler/host-view.ts';
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import { serverRequest } from '#test/support/servers.ts';
import { image } from './host-samples.ts';

const grant = (host: string): InstanceState['grant'] => ({
  host,
  node: host,
  providerId: host,
  availabilityZone: 'nova',
  runEpoch: 1,
  claimId: '',
  storageId: '',
  side: undefined,
});

function loads(withImages = false) {
  let tell: (change: StateChange<InstanceState>) => void = () => undefined;
  const servers: StateView<InstanceState> = {
    size: 0,
    get: () => undefined,
    values: () => ([] as InstanceState[]).values(),
    subscribe: (listener) => {
      tell = listener;
      return () => undefined;
    },
  };
  const changed: string[] = [];
  const of = new HostLoads({ servers, withImages, onChange: (host) => changed.push(host) });
  const states = new Map<string, InstanceState>();
  const put = (id: string, changes: Partial<InstanceState>, ...events: string[]): void => {
    const before = states.get(id);
    const first: InstanceState = {
      ...instanceDefinition.initial(id),
      existence: 'exists',
      vmState: 'active',
      request: serverRequest({ image: image({ os_distro: 'debian' }) }),
    };
    const after = { ...(before ?? first), ...changes };
    states.set(id, after);
    const told = events.map((type) => ({ type: `instance.${type}` }));
    tell({ id, version: 1, before, after, events: told, requestId: undefined, atMs: 0 });
  };
  return { of, put, changed };
}

it('counts the servers of a host, and those being built or changed', () => {
  const { of, put, changed } = loads();
  put('s1', { grant: grant('h1'), vmState: 'building' });
  put('s2', { grant: grant('h1') });
  expect(of.of('h1')).toMatchObject({ instances: 2, ioOps: 1 });
  put('s1', { vmState: 'active' });
  expect(of.of('h1')).toMatchObject({ instances: 2, ioOps: 0 });
  put('s2', { grant: grant('h2') });
  expect([of.of('h1').instances, of.of('h2').instances]).toEqual([1, 1]);
  put('s2', { existence: 'gone', grant: undefined });
  expect(of.of('h2').instances).toBe(0);
  expect(of.of('h9')).toBe(noLoad);
  expect(new Set(changed)).toEqual(new Set(['h1', 'h2']));
});

it('counts builds that failed, until one succeeds', () => {
  const { of, put } = loads();
  const create = { name: 'create', failure: undefined } as InstanceState['operation'];
  put('s1', { grant: grant('h1'), operation: create });
  put('s1', {}, 'operation-failed');
  put('s2', { grant: grant('h1'), operation: create });
  put('s2', {}, 'operation-failed');
  expect(of.of('h1').failedBuilds).toBe(2);
  put('s3', { grant: grant('h1'), operation: create });
  put('s3', { operation: undefined }, 'operation-ended');
  expect(of.of('h1').failedBuilds).toBe(0);
});

it('counts the properties of images when they are asked for', () => {
  const { of, put } = loads(true);
  put('s1', { grant: grant('h1') });
  put('s2', { grant: grant('h1') });
  expect([...of.of('h1').imageProperties]).toEqual([['os_distro=debian', 2]]);
  put('s1', { grant: undefined });
  put('s2', { grant: undefined });
  expect(of.of('h1').imageProperties.size).toBe(0);
  const without = loads();
  without.put('s1', { grant: grant('h1') });
  expect(without.of.of('h1').imageProperties.size).toBe(0);
});
