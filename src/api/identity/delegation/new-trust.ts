// What a body asks for as a trust, with the rules for passing one on: never more than was given, and never longer.
import type { Trust } from '#actors/services/identity/entries/schemas.ts';
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import { type Body, textOf, type Work } from '../collection.ts';
import { invalid, notFound, Problem } from '../problem.ts';
import { newId, stateOf } from '../service.ts';
import { readExpiry, readRoles } from './body-parts.ts';

/** How often a trust may be passed on at most. */
const deepestRedelegation = 3;

export function newTrust(work: Work, body: Body): Trust {
  const { api, grant } = work;
  const projectId = textOf(body, 'project_id');
  const wanted = (body.roles as readonly Body[] | undefined) ?? [];
  if (projectId !== undefined && wanted.length === 0)
    throw forbidden('At least one role should be specified.');
  const expiresAtMs = readExpiry(api, textOf(body, 'expires_at'));
  const trust: Trust = {
    id: newId(api),
    trustorUserId: grant.user.id,
    trusteeUserId: body.trustee_user_id as string,
    ...(projectId === undefined ? {} : { projectId }),
    impersonation: body.impersonation === true,
    roleIds: readRoles(stateOf(api), wanted),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...usesOf(body),
    redelegationCount: depthOf(body),
  };
  return passedOn(work, trust, body);
}

function usesOf(body: Body): { readonly remainingUses?: number } {
  const uses = body.remaining_uses;
  if (typeof uses !== 'number') return {};
  if (mayBePassedOn(body))
    throw invalid('remaining_uses must not be set if redelegation is allowed');
  return { remainingUses: uses };
}

function mayBePassedOn(body: Body): boolean {
  return body.allow_redelegation === true && body.redelegation_count !== 0;
}

function depthOf(body: Body): number {
  if (!mayBePassedOn(body)) return 0;
  const wanted = body.redelegation_count;
  if (typeof wanted !== 'number') return deepestRedelegation;
  if (wanted > deepestRedelegation)
    throw new Problem(
      403,
      `Requested redelegation depth of ${wanted} is greater than allowed ${deepestRedelegation}`,
    );
  return wanted;
}

/** A trust made with a token of a trust is that one, passed on. */
function passedOn({ api, grant }: Work, trust: Trust, body: Body): Trust {
  const parentId = grant.claims.trustId;
  if (parentId === undefined) return trust;
  const parent = findEntry(stateOf(api), 'trust', parentId);
  if (parent === undefined) throw notFound('trust', parentId);
  const left = parent.redelegationCount - 1;
  if (left < 0)
    throw new Problem(
      403,
      `Remaining redelegation depth of ${parent.redelegationCount} out of allowed range of [0..${deepestRedelegation}]`,
    );
  const wanted = body.redelegation_count;
  if (mayBePassedOn(body) && typeof wanted === 'number' && wanted !== left)
    throw new Problem(
      403,
      'Modifying "redelegation_count" upon redelegation is forbidden. Omitting this parameter is advised.',
    );
  if (trust.remainingUses !== undefined)
    throw new Problem(
      403,
      `Field "remaining_uses" is set to ${trust.remainingUses} while it must not be set in order to redelegate a trust`,
    );
  if (!trust.roleIds.every((id) => parent.roleIds.includes(id)))
    throw new Problem(403, 'Some of requested roles are not in redelegated trust');
  if (trust.impersonation && !parent.impersonation)
    throw new Problem(
      403,
      `Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: ${parent.id}`,
    );
  if (trust.projectId !== parent.projectId)
    throw forbidden('A trust is passed on for its own project.');
  return {
    ...trust,
    ...endOf(trust, parent),
    redelegatedTrustId: parent.id,
    redelegationCount: mayBePassedOn(body) ? left : 0,
  };
}

function endOf(trust: Trust, parent: Trust): { readonly expiresAtMs?: number } {
  if (parent.expiresAtMs === undefined) return {};
  if (trust.expiresAtMs !== undefined && trust.expiresAtMs > parent.expiresAtMs)
    throw new Problem(403, 'Requested expiration time is more than redelegated trust can provide');
  return { expiresAtMs: trust.expiresAtMs ?? parent.expiresAtMs };
}

function forbidden(why: string): Problem {
  return new Problem(403, `You are not authorized to perform the requested action: ${why}`);
}
