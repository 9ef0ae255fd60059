// Access rules: which paths a pattern stands for, and that none of them takes long.
import { describe, expect, it } from 'vitest';
import { allowsRequest, matchesPath } from '#api/access-rules.ts';

describe('a pattern', () => {
  it.each([
    ['/v2.1/servers', '/v2.1/servers', true],
    ['/v2.1/servers', '/v2.1/servers/1', false],
    ['/v2.1/servers', '/v2x1/servers', false],
    ['/v2.1/servers/*', '/v2.1/servers/1', true],
    ['/v2.1/servers/*', '/v2.1/servers/1/action', false],
    ['/v2.1/servers/*', '/v2.1/servers/', false],
    ['/v2.1/servers/{server_id}/tags', '/v2.1/servers/1/tags', true],
    ['/v2.1/servers/{server_id}/tags', '/v2.1/servers/tags', false],
    ['/v2.1/**', '/v2.1/servers/1/action', true],
    ['/v2.1/**', '/v2.1/', true],
    ['/v2.1/**', '/v3/servers', false],
    ['/**/tags', '/v2.1/servers/1/tags', true],
    ['/**/tags', '/v2.1/servers/1/tag', false],
    ['/a*c/{x}', '/abbc/1', true],
    ['/{open', '/{open', true],
  ])('%s is asked about %s', (pattern, path, matches) => {
    expect(matchesPath(path, pattern)).toBe(matches);
  });

  it('made to take long takes steps in proportion to its length', () => {
    const pattern = `/${'**a'.repeat(74)}`;
    expect(matchesPath(`/${'a'.repeat(4_000)}b`, pattern)).toBe(false);
  });
});

describe('a rule', () => {
  const rules = [{ service: 'compute', method: 'GET', path: '/v2.1/servers' }];
  it.each([
    ['the request that it names', 'GET', '/compute/v2.1/servers', true],
    ['another method', 'POST', '/compute/v2.1/servers', false],
    ['another service', 'GET', '/image/v2.1/servers', false],
    ['another path', 'GET', '/compute/v2.1/flavors', false],
  ])('is asked about %s', (_what, method, path, allowed) => {
    expect(allowsRequest(rules, { method, path })).toBe(allowed);
  });

  it('may have the whole path', () => {
    const whole = [{ service: 'compute', method: 'GET', path: '/compute/v2.1/servers' }];
    expect(allowsRequest(whole, { method: 'GET', path: '/compute/v2.1/servers' })).toBe(true);
  });
});
