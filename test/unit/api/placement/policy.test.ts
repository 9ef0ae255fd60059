// Who may call which placement route: what is expected is Placement's own default, by method, not the rules of the code.
import { describe, expect, it } from 'vitest';
import type { Caller } from '#actors/ports/identity.ts';
import { Query } from '#api/placement/query.ts';
import { mayCall } from '#api/placement/route.ts';
import { placementRoutes } from '#api/placement/routes.ts';
import { defaultPolicy, readPolicy } from '#api/policy/enforcer.ts';
import { placementRules } from '#api/policy/placement-rules-table.ts';
import { present } from '#runtime/assert.ts';
import { caller, OTHER_PROJECT, PROJECT } from '#test/api/compute/service.ts';

const ofSystem = (roles: readonly string[]): Caller => ({
  ...caller('system', { roles, projectId: undefined }),
  system: true,
});

const personas: Readonly<Record<string, Caller>> = {
  nobody: caller('nobody', { roles: [] }),
  reader: caller('reader', { roles: ['reader'] }),
  member: caller('member', { roles: ['member', 'reader'] }),
  'other reader': caller('other', { roles: ['reader'], projectId: OTHER_PROJECT }),
  service: caller('service', { roles: ['service'] }),
  admin: caller('admin', { roles: ['admin', 'member', 'reader'] }),
  'system reader': ofSystem(['reader']),
  'system admin': ofSystem(['admin', 'member', 'reader']),
};

const writers = ['service', 'admin', 'system admin'];
const readers = [...writers, 'system reader'];
const query = new Query(`/usages?project_id=${PROJECT}`);

function allowed(rule: string | undefined, method: string): readonly string[] {
  if (rule === undefined) return Object.keys(personas);
  if (method !== 'GET') return writers;
  return rule === 'placement:usages' ? [...readers, 'reader', 'member'] : readers;
}

describe('placement’s policy', () => {
  it.each(Object.keys(personas))('lets %s call what Placement lets it call', (persona) => {
    const who = present(personas[persona], persona);
    const wrong = placementRoutes
      .filter((route) => {
        const may = mayCall(who, route, { policy: defaultPolicy, query });
        return may !== allowed(route.rule, route.method).includes(persona);
      })
      .map(({ method, path }) => `${method} ${path}`);
    expect(wrong).toEqual([]);
  });

  it('has no rule that no route asks', () => {
    const asked = new Set(placementRoutes.map(({ rule }) => rule));
    expect(Object.keys(placementRules).filter((rule) => !asked.has(rule as never))).toEqual([]);
  });

  it('follows a policy file', () => {
    const file = readPolicy('"placement:resource_providers:list": "role:auditor"\n');
    const policy = present(file.enforcer, 'policy');
    const list = present(
      placementRoutes.find(({ rule }) => rule === 'placement:resource_providers:list'),
      'the list of providers',
    );
    const auditor = caller('auditor', { roles: ['auditor'] });
    const may = (who: Caller) => mayCall(who, list, { policy, query });
    expect([may(auditor), may(present(personas['admin'], 'admin'))]).toEqual([true, false]);
  });
});
