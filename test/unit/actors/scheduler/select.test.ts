import { describe, expect, test } from 'vitest';
import { explainNoHost } from '#actors/scheduler/explain.ts';
import type { HostView } from '#actors/scheduler/host-view.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import { selectHosts } from '#actors/scheduler/select.ts';
import { context, hostView, resource, spec } from './host-samples.ts';

const select = (hosts: readonly HostView[], request: Partial<RequestSpec> = {}) =>
  selectHosts(hosts, spec(request), context());
const withFree = (host: string, memory: number, cpus = 64, disk = 40): HostView =>
  hostView(host, {
    resources: {
      VCPU: resource(64, 64 - cpus),
      MEMORY_MB: resource(8192, 8192 - memory),
      DISK_GB: resource(40, 40 - disk),
    },
  });

describe('choosing', () => {
  test('gives the best host and two alternates, best first', () => {
    const hosts = [1000, 4000, 2000, 3000].map((free, i) => withFree(`h${i}`, free));
    const { candidates, refusals } = select(hosts);
    expect(candidates.map((candidate) => candidate.host)).toEqual(['h1', 'h3', 'h2']);
    expect(candidates[0]).toEqual({
      host: 'h1',
      node: 'h1.example',
      providerId: 'rp-h1',
      availabilityZone: 'nova',
      weight: 3,
    });
    expect(refusals).toEqual([]);
  });

  test('equal hosts are shared out among servers, always the same way for one server', () => {
    const hosts = ['a', 'b', 'c', 'd'].map((name) => hostView(name));
    const first = (serverId: string) => select(hosts, { serverId }).candidates[0]?.host;
    const chosen = Array.from({ length: 100 }, (_, i) => first(`server-${i}`));
    expect(new Set(chosen).size).toBe(4);
    expect(Array.from({ length: 100 }, (_, i) => first(`server-${i}`))).toEqual(chosen);
  });

  test('tells for each refused host the first filter and its figures', () => {
    const { candidates, refusals } = select(
      [
        withFree('full', 100),
        hostView('off', { enabled: false }),
        hostView('dead', { isUp: false, enabled: false }),
        hostView('ok'),
      ],
      {},
    );
    expect(candidates.map((candidate) => candidate.host)).toEqual(['ok']);
    expect(refusals).toEqual([
      {
        host: 'full',
        filter: 'RamFilter',
        reason: 'needs 512 MiB, has 100 MiB free of 8192 MiB',
      },
      { host: 'off', filter: 'ComputeFilter', reason: 'its compute service is disabled' },
      { host: 'dead', filter: 'ComputeFilter', reason: 'it does not answer' },
    ]);
  });

  test('a forced host may be disabled or of another zone, but not down, full or another one', () => {
    const forced = (host: HostView) =>
      select([host], { requestedHost: 'h', forced: true, availabilityZone: 'elsewhere' });
    const disabled = hostView('h', { enabled: false });
    expect(forced(disabled).candidates).toHaveLength(1);
    expect(forced(hostView('h', { isUp: false })).refusals).toMatchObject([
      { filter: 'ComputeFilter' },
    ]);
    expect(forced(withFree('h', 1)).refusals).toMatchObject([{ filter: 'RamFilter' }]);
    expect(forced(hostView('g')).refusals).toMatchObject([{ filter: 'RequestedHost' }]);
    expect(select([disabled], { requestedHost: 'h' }).refusals).toMatchObject([
      { filter: 'ComputeFilter' },
    ]);
  });
});

describe('explaining', () => {
  test('says that there is no host at all', () => {
    expect(explainNoHost([])).toBe('No valid host was found: there are no compute hosts.');
  });

  test('names hosts with filter and figures, and counts the rest by filter', () => {
    const { refusals } = select(Array.from({ length: 8 }, (_, i) => withFree(`h${i}`, 10 * i)));
    const other = { host: 'x', filter: 'ComputeFilter', reason: 'it does not answer' };
    expect(explainNoHost([...refusals, other])).toBe(
      'No valid host was found. ' +
        [0, 10, 20, 30, 40]
          .map((free, i) => `h${i}: needs 512 MiB, has ${free} MiB free of 8192 MiB (RamFilter)`)
          .join('; ') +
        '; and 4 more refused: 3 by RamFilter, 1 by ComputeFilter.',
    );
  });
});
