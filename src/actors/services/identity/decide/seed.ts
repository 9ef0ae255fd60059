// First content of a cloud, and the voiding of single tokens.
import type { IdentityCommandNamed, IdentityEvent } from '../protocol.ts';
import { findByName, type IdentityState, isRevoked } from '../state.ts';
import { lookUp } from '../table.ts';
import { type Deciders, done } from './outcome.ts';

export const seedDeciders: Deciders<'identity.seed' | 'identity.revoke-token'> = {
  'identity.seed': (state, command) =>
    state.seededSteps.includes(command.step)
      ? done()
      : done(...seedEvents(state, command), { type: 'identity.seeded', step: command.step }),
  'identity.revoke-token': (state, { auditId, expiresAtMs }, { nowMs }) =>
    isRevoked(state, auditId) || expiresAtMs <= nowMs
      ? done()
      : done({ type: 'identity.token-revoked', auditId, expiresAtMs, atMs: nowMs }),
};

/** A seed never takes the place of what is there: records whose id or name exists are left out. */
function seedEvents(
  state: IdentityState,
  seed: IdentityCommandNamed<'identity.seed'>,
): readonly IdentityEvent[] {
  const domains = seed.domains.filter(({ id, name }) => isFree(state, 'domain', '', { id, name }));
  const roles = seed.roles.filter(({ id, name }) => isFree(state, 'role', '', { id, name }));
  const regions = seed.regions.filter(({ id }) => lookUp(state.regions, id) === undefined);
  return [
    ...domains.map((domain) => ({ type: 'identity.domain-created' as const, domain })),
    ...roles.map((role) => ({ type: 'identity.role-created' as const, role })),
    ...seed.implied.map((rule) => ({ type: 'identity.role-implied' as const, ...rule })),
    ...seed.projects
      .filter(({ id, name, domainId }) => isFree(state, 'project', domainId, { id, name }))
      .map((project) => ({ type: 'identity.project-created' as const, project })),
    ...seed.users
      .filter(({ id, name, domainId }) => isFree(state, 'user', domainId, { id, name }))
      .map((user) => ({ type: 'identity.user-created' as const, user })),
    ...seed.assignments.map((assignment) => ({
      type: 'identity.role-assigned' as const,
      assignment,
    })),
    ...regions.map((region) => ({ type: 'identity.region-created' as const, region })),
    ...seed.services.map((service) => ({ type: 'identity.service-created' as const, service })),
    ...seed.endpoints.map((endpoint) => ({ type: 'identity.endpoint-created' as const, endpoint })),
  ];
}

function isFree(
  state: IdentityState,
  kind: 'domain' | 'role' | 'project' | 'user',
  scope: string,
  wanted: { readonly id: string; readonly name: string },
): boolean {
  const table = {
    domain: state.domains,
    role: state.roles,
    project: state.projects,
    user: state.users,
  };
  return (
    lookUp<unknown>(table[kind], wanted.id) === undefined &&
    findByName(state, kind, scope, wanted.name) === undefined
  );
}
