import { describe, expect, it } from 'vitest';
import { defineConfig, mergeConfig } from '#config/load.ts';
import { defaultConfig, type PartialConfig } from '#config/schema.ts';

const part = (config: PartialConfig, source = 'the file') => ({ source, config });

describe('a configuration', () => {
  it('of nothing is the defaults', () => {
    expect(mergeConfig([])).toEqual(defaultConfig);
  });

  it('keeps what its parts do not say, at every depth', () => {
    const merged = mergeConfig([
      part(defineConfig({ listen: { port: 9_000 }, region: 'Home' })),
      part({ listen: { host: '::' }, hypervisor: { kind: 'simulated' } }, 'the command line'),
    ]);
    expect(merged).toEqual({
      ...defaultConfig,
      listen: { host: '::', port: 9_000 },
      region: 'Home',
      hypervisor: { ...defaultConfig.hypervisor, kind: 'simulated' },
    });
  });

  it('takes the later of two words, a list as a whole, and undefined as nothing said', () => {
    const merged = mergeConfig([
      part({ network: { dnsServers: ['1.1.1.1', '8.8.8.8'] }, region: 'One' }),
      part({ network: { dnsServers: ['9.9.9.9'] }, region: undefined } as unknown as PartialConfig),
    ]);
    expect(merged.network.dnsServers).toEqual(['9.9.9.9']);
    expect(merged.region).toBe('One');
  });

  it('changes neither its parts nor the defaults', () => {
    const before = structuredClone(defaultConfig);
    mergeConfig([part({ listen: { port: 1 }, allocationRatios: { cpu: 4 } })]);
    expect(defaultConfig).toEqual(before);
  });

  it('names all of its sources and all of its faults', () => {
    const wrong = [
      part({ listen: { port: 70_000 } }, 'cluster.config.ts'),
      part({ logLevel: 'loud', colour: 'red' } as unknown as PartialConfig, 'the command line'),
    ];
    expect(() => mergeConfig(wrong)).toThrow(
      [
        'cluster.config.ts with the command line has 3 faults:',
        '  - colour is not a known setting, but is "red"',
        '  - listen.port must be <= 65535, but is 70000',
        '  - logLevel must be one of debug, info, warn, error, but is "loud"',
      ].join('\n'),
    );
  });

  it.each<[PartialConfig, string]>([
    [{ hypervisor: { hosts: 0 } }, 'hypervisor.hosts'],
    [{ network: { cidr: 'everywhere' } }, 'network.cidr'],
    [{ availabilityZone: 'a:b' }, 'availabilityZone'],
    [{ allocationRatios: { ram: 0 } }, 'allocationRatios.ram'],
    [{ tokenLifetimeMs: 5 }, 'tokenLifetimeMs'],
    [{ data: '' }, 'data'],
  ])('refuses %j', (config, where) => {
    expect(() => mergeConfig([part(config)])).toThrow(`- ${where} `);
  });
});
